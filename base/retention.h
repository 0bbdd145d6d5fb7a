// Which snapshots of one volume to keep: restic's policy ("Removing snapshots according to a
// policy" in its manual). A pure function: no repository, no clock.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "base/clock.h"
#include "base/error.h"

namespace holdfast {

// "1y5m7d2h": calendar years and months, days, hours.
struct CalendarSpan {
  int years = 0;
  int months = 0;
  int days = 0;
  int hours = 0;
  std::int64_t seconds = 0;  // of spans that are not written in the units above

  bool empty() const { return *this == CalendarSpan{}; }
  friend bool operator==(const CalendarSpan&, const CalendarSpan&) = default;
};

// Invalid for anything else, including "".
Result<CalendarSpan> ParseCalendarSpan(std::string_view text);

// `time` minus the span. A day that the month reached lacks runs into the next month, as in Go.
TimePoint Before(TimePoint time, const CalendarSpan& span);

// The periods that retention counts in, in UTC; weeks are ISO weeks.
enum class Period { kEach, kHour, kDay, kWeek, kMonth, kYear };
inline constexpr std::size_t kPeriods = 6;

struct RetentionPolicy {
  static constexpr int kAll = -1;

  // By Period: how many periods to keep the newest snapshot of; kEach is "keep last".
  std::array<int, kPeriods> keep{};
  // By Period: keep the newest of every period this far back; kEach is "keep within".
  std::array<CalendarSpan, kPeriods> within{};
  std::vector<std::string> keep_tags;  // a snapshot with any of them stays

  bool empty() const;
};

struct RetentionItem {
  TimePoint time;
  std::vector<std::string> tags;
};

// One reason per rule that keeps a snapshot ("last", "daily", "within weekly", "tag"), by the
// index of the item; no reason: it may go. An empty policy keeps everything. Spans count back from
// the newest snapshot that is not after `now`; the oldest snapshot fills a period that still has
// room, so that history never loses its first point before the count is reached.
std::vector<std::vector<std::string>> ApplyRetention(std::span<const RetentionItem> items,
                                                     const RetentionPolicy& policy, TimePoint now);

}  // namespace holdfast
