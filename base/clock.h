// Time as the project uses it: UTC, nanoseconds, RFC 3339 in text (RFC 3339 section 5.6).
#pragma once

#include <chrono>
#include <cstdint>
#include <string>
#include <string_view>

#include "base/error.h"

namespace holdfast {

using TimePoint = std::chrono::time_point<std::chrono::system_clock, std::chrono::nanoseconds>;

// The seam for tests. Safe from many threads.
class Clock {
 public:
  virtual ~Clock() = default;
  virtual TimePoint Now() const = 0;
};

class SystemClock final : public Clock {
 public:
  TimePoint Now() const override;
};

// "2026-08-01T12:00:00Z": whole seconds, the form of Kubernetes' metav1.Time.
std::string FormatTime(TimePoint time);
// With nanoseconds where there are any: "2026-08-01T12:00:00.123456789Z" (restic's form).
std::string FormatTimeNanos(TimePoint time);
// With exactly six digits: metav1.MicroTime, used by Lease.
std::string FormatTimeMicros(TimePoint time);

// Any RFC 3339 time with fraction and offset. Invalid otherwise.
Result<TimePoint> ParseTime(std::string_view text);

// "45s", "3m12s", "2h05m", "3d4h": two units at most, for people.
std::string HumanDuration(std::chrono::seconds duration);

// "10s", "5m", "1h30m", "2d", "1w": Go's durations plus days and weeks. Invalid otherwise.
Result<std::chrono::seconds> ParseDuration(std::string_view text);

}  // namespace holdfast
