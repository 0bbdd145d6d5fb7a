// Monotonic time and waiting: the seam by which tests of pacing and retrying need no real time.
#pragma once

#include <chrono>
#include <stop_token>

#include "base/error.h"

namespace holdfast::storage {

// Safe from many threads.
class Sleeper {
 public:
  using Duration = std::chrono::steady_clock::duration;
  using Time = std::chrono::steady_clock::time_point;

  virtual ~Sleeper() = default;
  virtual Time Now() const = 0;
  // Cancelled as soon as a stop is requested.
  virtual Result<void> Sleep(Duration duration, const std::stop_token& stop) = 0;
};

// The real one; it lives as long as the process.
Sleeper& SystemSleeper();

}  // namespace holdfast::storage
