// A sleeper whose time passes only by sleeping.
#pragma once

#include <mutex>
#include <vector>

#include "jobs/storage/sleeper.h"

namespace holdfast::storage {

class ManualSleeper final : public Sleeper {
 public:
  Time Now() const override {
    const std::scoped_lock lock(mutex_);
    return now_;
  }

  Result<void> Sleep(Duration duration, const std::stop_token& stop) override {
    if (stop.stop_requested()) return Fail(Code::kCancelled, "stopped on request");
    const std::scoped_lock lock(mutex_);
    if (duration > Duration::zero()) now_ += duration;
    slept_.push_back(duration);
    return {};
  }

  std::vector<Duration> slept() const {
    const std::scoped_lock lock(mutex_);
    return slept_;
  }

 private:
  mutable std::mutex mutex_;
  Time now_{std::chrono::hours(1)};  // guarded by mutex_, as what follows
  std::vector<Duration> slept_;
};

}  // namespace holdfast::storage
