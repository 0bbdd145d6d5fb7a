#include "jobs/storage/sleeper.h"

#include <condition_variable>
#include <mutex>

#include "jobs/storage/range.h"

namespace holdfast::storage {
namespace {

class RealSleeper final : public Sleeper {
 public:
  Time Now() const override { return std::chrono::steady_clock::now(); }

  Result<void> Sleep(Duration duration, const std::stop_token& stop) override {
    std::mutex mutex;
    std::condition_variable_any never;
    std::unique_lock lock(mutex);
    never.wait_for(lock, stop, duration, [] { return false; });
    return CheckStop(stop);
  }
};

}  // namespace

Sleeper& SystemSleeper() {
  static RealSleeper sleeper;
  return sleeper;
}

}  // namespace holdfast::storage
