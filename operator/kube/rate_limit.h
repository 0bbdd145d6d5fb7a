// Keeps this client's requests to the API server below a rate, however many workers there are, and
// holds all of them back while the server asks for it (429 or 503 with Retry-After): a server that
// sheds load is helped by no worker going on.
#pragma once

#include <chrono>
#include <mutex>

#include "operator/kube/transport.h"

namespace holdfast::kube {

// A token bucket, with the clock in its arguments. Threads: safe from many threads.
class RateLimiter {
 public:
  using Timer = std::chrono::steady_clock;

  // `per_second` at least 1; `burst`, at least 1, may go at once after a quiet time.
  RateLimiter(int per_second, int burst);

  // How long the caller, who takes the next place, has to wait.
  Timer::duration Reserve(Timer::time_point now);
  // Nobody goes before.
  void PauseUntil(Timer::time_point time);

 private:
  const Timer::duration interval_;
  const Timer::duration burst_;
  std::mutex mutex_;
  Timer::time_point full_{};  // when the bucket would be full again
  Timer::time_point paused_until_{};
};

// Every request waits for its place. `next` must outlive it.
class RateLimitedTransport final : public Transport {
 public:
  RateLimitedTransport(Transport& next, int per_second, int burst)
      : next_(next), limiter_(per_second, burst) {}

  Result<Response> Send(const Request& request, std::stop_token stop) override;
  Result<Response> Stream(const Request& request,
                          const std::function<Result<void>(std::string_view)>& on_bytes,
                          std::stop_token stop) override;

 private:
  Result<void> AwaitPlace(std::stop_token stop);
  Result<Response> Heed(Result<Response> response);

  Transport& next_;
  RateLimiter limiter_;
};

}  // namespace holdfast::kube
