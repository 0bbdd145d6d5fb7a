#include "operator/kube/rate_limit.h"

#include <algorithm>

#include "operator/kube/wait.h"

namespace holdfast::kube {
namespace {

// What a server asks beyond this is not believed: the next answer says it again.
constexpr std::chrono::seconds kMostPause{60};

}  // namespace

RateLimiter::RateLimiter(int per_second, int burst)
    : interval_(Timer::duration(std::chrono::seconds(1)) / std::max(per_second, 1)),
      burst_(interval_ * (std::max(burst, 1) - 1)) {}

RateLimiter::Timer::duration RateLimiter::Reserve(Timer::time_point now) {
  const std::lock_guard lock(mutex_);
  const Timer::time_point start = std::max(full_, now);
  full_ = start + interval_;
  return std::max({Timer::duration::zero(), start - burst_ - now, paused_until_ - now});
}

void RateLimiter::PauseUntil(Timer::time_point time) {
  const std::lock_guard lock(mutex_);
  paused_until_ = std::max(paused_until_, time);
}

Result<void> RateLimitedTransport::AwaitPlace(std::stop_token stop) {
  const auto wait = limiter_.Reserve(RateLimiter::Timer::now());
  if (wait > RateLimiter::Timer::duration::zero() &&
      !WaitFor(std::chrono::ceil<std::chrono::milliseconds>(wait), stop))
    return Fail(Code::kCancelled, "stopped");
  return {};
}

Result<Response> RateLimitedTransport::Heed(Result<Response> response) {
  if (response && (response->status == 429 || response->status == 503) && response->retry_after)
    limiter_.PauseUntil(RateLimiter::Timer::now() + std::min(*response->retry_after, kMostPause));
  return response;
}

Result<Response> RateLimitedTransport::Send(const Request& request, std::stop_token stop) {
  TRY_VOID(AwaitPlace(stop));
  return Heed(next_.Send(request, stop));
}

Result<Response> RateLimitedTransport::Stream(
    const Request& request, const std::function<Result<void>(std::string_view)>& on_bytes,
    std::stop_token stop) {
  TRY_VOID(AwaitPlace(stop));
  return Heed(next_.Stream(request, on_bytes, stop));
}

}  // namespace holdfast::kube
