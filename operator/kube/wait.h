// Waiting that stops on request, and the pauses between tries.
#pragma once

#include <chrono>
#include <stop_token>

namespace holdfast::kube {

// Whether `duration` passed without a stop request.
bool WaitFor(std::chrono::milliseconds duration, std::stop_token stop);

// Doubles from `first` to `most`, each time moved by up to a fifth either way, so that many clients
// that failed together do not come back together. One thread at a time.
class Backoff {
 public:
  Backoff(std::chrono::milliseconds first, std::chrono::milliseconds most)
      : first_(first), most_(most) {}

  std::chrono::milliseconds Next();
  void Reset() { failures_ = 0; }
  int failures() const { return failures_; }

 private:
  const std::chrono::milliseconds first_;
  const std::chrono::milliseconds most_;
  int failures_ = 0;
};

// `duration` moved by up to `part` of it either way, at random.
std::chrono::milliseconds Jittered(std::chrono::milliseconds duration, double part);

}  // namespace holdfast::kube
