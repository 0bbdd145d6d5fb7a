// When a cron expression is due. Pure: five fields (minute, hour, day of month, month, day of week)
// as Vixie cron reads them (crontab(5)), in an IANA time zone.
//
// Lists, ranges, steps, names (JAN, MON), @hourly @daily @weekly @monthly @yearly, and H for a
// value that a hash of `seed` chooses (as Jenkins has it: H, H/15, H(0-29)), so that many policies
// with the same expression do not start together. When day of month and day of week are both
// restricted, either is enough; a field that starts with * is not restricted.
//
// Daylight saving. A schedule for certain hours follows the clock on the wall: a time that the
// change skips runs once, at the moment after the gap, and a time that comes twice runs the first
// time. A schedule for every hour (hour field *) follows elapsed time instead, so that an hourly
// one neither pauses for two hours in autumn nor doubles up in spring.
#pragma once

#include <bitset>
#include <chrono>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/clock.h"
#include "base/error.h"

namespace date {
class time_zone;
}

namespace holdfast::controllers {

class Schedule {
 public:
  // The first due time after `after`. There always is one: ParseSchedule refuses others.
  TimePoint Next(TimePoint after) const;

  // The last due time in (from, to]; nullopt when there is none.
  std::optional<TimePoint> LatestDue(TimePoint from, TimePoint to) const;

 private:
  friend Result<Schedule> ParseSchedule(std::string_view, std::string_view, std::string_view);

  bool DayMatches(std::chrono::sys_days local_day) const;
  // Due times on one day of the local calendar, in order, each once.
  std::vector<TimePoint> DueOn(std::chrono::sys_days local_day) const;
  void AddDue(std::chrono::sys_days local_day, std::chrono::minutes time,
              std::vector<TimePoint>& due) const;
  std::chrono::sys_days LocalDay(TimePoint time) const;

  std::bitset<60> minutes_;
  std::bitset<24> hours_;
  std::bitset<32> days_;     // 1-31
  std::bitset<13> months_;   // 1-12
  std::bitset<7> weekdays_;  // 0 is Sunday
  bool both_days_restricted_ = false;
  const date::time_zone* zone_ = nullptr;  // nullptr is UTC, which needs no data base
};

// Invalid with a sentence that says what to write instead: for text that is no cron expression, for
// one that never comes due (30 February), and for an unknown time zone. Empty `time_zone` is UTC.
// `seed` chooses the values of H.
Result<Schedule> ParseSchedule(std::string_view cron, std::string_view time_zone,
                               std::string_view seed);

// How far the zone's clocks are ahead of UTC at that time. Invalid for an unknown zone.
Result<std::chrono::seconds> UtcOffset(std::string_view time_zone, TimePoint time);

// A delay in [0, most] that depends on `seed` alone: runs spread out, and each keeps its place.
std::chrono::seconds StableJitter(std::string_view seed, std::chrono::seconds most);

}  // namespace holdfast::controllers
