#include "operator/kube/wait.h"

#include <algorithm>
#include <condition_variable>
#include <mutex>
#include <random>

namespace holdfast::kube {

bool WaitFor(std::chrono::milliseconds duration, std::stop_token stop) {
  std::mutex mutex;
  std::condition_variable_any changed;
  std::unique_lock lock(mutex);
  changed.wait_for(lock, stop, duration, [] { return false; });
  return !stop.stop_requested();
}

std::chrono::milliseconds Jittered(std::chrono::milliseconds duration, double part) {
  thread_local std::minstd_rand random{std::random_device{}()};
  const double factor = std::uniform_real_distribution<double>(1.0 - part, 1.0 + part)(random);
  return std::chrono::milliseconds(static_cast<std::int64_t>(duration.count() * factor));
}

std::chrono::milliseconds Backoff::Next() {
  // 2^20 times any first pause is beyond any sensible longest one.
  const int doublings = std::min(failures_++, 20);
  return Jittered(std::min(most_, first_ * (1 << doublings)), 0.2);
}

}  // namespace holdfast::kube
