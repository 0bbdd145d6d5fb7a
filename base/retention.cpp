#include "base/retention.h"

#include <algorithm>
#include <charconv>
#include <chrono>
#include <cstdint>
#include <numeric>

namespace holdfast {
namespace {

using std::chrono::days;
using std::chrono::sys_days;

struct PeriodRule {
  std::string_view keep_reason;
  std::string_view within_reason;
};

// By Period.
constexpr std::array<PeriodRule, kPeriods> kRules = {{
    {"last", "within"},
    {"hourly", "within hourly"},
    {"daily", "within daily"},
    {"weekly", "within weekly"},
    {"monthly", "within monthly"},
    {"yearly", "within yearly"},
}};

// ISO 8601 weeks start on Monday; 1970-01-01 was a Thursday.
std::int64_t WeekNumber(sys_days day) {
  return std::chrono::floor<std::chrono::weeks>(day + days(3)).time_since_epoch().count();
}

// Equal for two times exactly when they fall into the same period. `position` tells snapshots
// apart where each is its own period.
std::int64_t BucketOf(Period period, TimePoint time, std::int64_t position) {
  const sys_days day = std::chrono::floor<days>(time);
  const std::chrono::year_month_day date(day);
  const std::int64_t year = static_cast<int>(date.year());
  switch (period) {
    case Period::kEach:
      return position;
    case Period::kHour:
      return std::chrono::floor<std::chrono::hours>(time).time_since_epoch().count();
    case Period::kDay:
      return day.time_since_epoch().count();
    case Period::kWeek:
      return WeekNumber(day);
    case Period::kMonth:
      return year * 12 + static_cast<unsigned>(date.month());
    case Period::kYear:
      return year;
  }
  return position;
}

// One rule while the list is walked from the newest to the oldest snapshot.
class Rule {
 public:
  Rule(Period period, int count) : period_(period), left_(count) {}
  Rule(Period period, TimePoint since)
      : period_(period), left_(RetentionPolicy::kAll), since_(since) {}

  bool Keeps(TimePoint time, std::int64_t position, bool oldest) {
    if (left_ == 0 || (since_ && time <= *since_)) return false;
    const std::int64_t bucket = BucketOf(period_, time, position);
    if (bucket == last_ && !oldest) return false;
    last_ = bucket;
    if (left_ > 0) --left_;
    return true;
  }

 private:
  Period period_;
  int left_;  // periods still to keep; kAll has no end
  std::optional<TimePoint> since_;
  std::optional<std::int64_t> last_;
};

std::vector<std::size_t> NewestFirst(std::span<const RetentionItem> items) {
  std::vector<std::size_t> order(items.size());
  std::iota(order.begin(), order.end(), 0);
  std::ranges::stable_sort(order, std::greater{}, [&](std::size_t i) { return items[i].time; });
  return order;
}

TimePoint NewestUntil(std::span<const RetentionItem> items, TimePoint now) {
  TimePoint newest{};
  for (const RetentionItem& item : items) {
    if (item.time <= now) newest = std::max(newest, item.time);
  }
  return newest;
}

bool HasAnyTag(const RetentionItem& item, const std::vector<std::string>& wanted) {
  return std::ranges::any_of(item.tags, [&](const std::string& tag) {
    return std::ranges::find(wanted, tag) != wanted.end();
  });
}

int* FieldOf(CalendarSpan& span, char unit) {
  switch (unit) {
    case 'y':
      return &span.years;
    case 'm':
      return &span.months;
    case 'd':
      return &span.days;
    case 'h':
      return &span.hours;
    default:
      return nullptr;
  }
}

}  // namespace

Result<CalendarSpan> ParseCalendarSpan(std::string_view text) {
  CalendarSpan span;
  const Error invalid = {Code::kInvalid, "\"" + std::string(text) +
                                             "\" is no span of time; write years, months, days and "
                                             "hours like 1y6m14d12h"};
  if (text.empty()) return tl::make_unexpected(invalid);
  while (!text.empty()) {
    int number = 0;
    const auto [end, failure] = std::from_chars(text.data(), text.data() + text.size(), number);
    // Ten thousand of any unit stay far inside the calendar's range.
    if (failure != std::errc{} || number < 0 || number > 10000 || end == text.data() + text.size())
      return tl::make_unexpected(invalid);
    int* field = FieldOf(span, *end);
    if (field == nullptr) return tl::make_unexpected(invalid);
    *field = number;
    text.remove_prefix(static_cast<std::size_t>(end - text.data()) + 1);
  }
  return span;
}

TimePoint Before(TimePoint time, const CalendarSpan& span) {
  const sys_days day = std::chrono::floor<days>(time);
  const std::chrono::year_month_day date(day);
  const auto month = date.year() / date.month() - std::chrono::years(span.years) -
                     std::chrono::months(span.months);
  const sys_days shifted = sys_days(month / std::chrono::day(1)) +
                           (days(static_cast<unsigned>(date.day()) - 1) - days(span.days));
  return TimePoint(shifted) + (time - day) - std::chrono::hours(span.hours) -
         std::chrono::seconds(span.seconds);
}

bool RetentionPolicy::empty() const {
  return std::ranges::all_of(keep, [](int n) { return n == 0; }) &&
         std::ranges::all_of(within, &CalendarSpan::empty) && keep_tags.empty();
}

std::vector<std::vector<std::string>> ApplyRetention(std::span<const RetentionItem> items,
                                                     const RetentionPolicy& policy, TimePoint now) {
  std::vector<std::vector<std::string>> reasons(items.size());
  if (policy.empty()) {
    for (auto& reason : reasons) reason.emplace_back("no policy");
    return reasons;
  }
  const TimePoint newest = NewestUntil(items, now);
  std::vector<std::pair<std::string_view, Rule>> rules;
  for (std::size_t i = 0; i < kPeriods; ++i) {
    const auto period = static_cast<Period>(i);
    if (policy.keep[i] != 0)
      rules.emplace_back(kRules[i].keep_reason, Rule(period, policy.keep[i]));
    if (!policy.within[i].empty())
      rules.emplace_back(kRules[i].within_reason, Rule(period, Before(newest, policy.within[i])));
  }
  const std::vector<std::size_t> order = NewestFirst(items);
  for (std::size_t position = 0; position < order.size(); ++position) {
    const std::size_t item = order[position];
    const bool oldest = position + 1 == order.size();
    if (HasAnyTag(items[item], policy.keep_tags)) reasons[item].emplace_back("tag");
    for (auto& [reason, rule] : rules) {
      if (rule.Keeps(items[item].time, static_cast<std::int64_t>(position), oldest))
        reasons[item].emplace_back(reason);
    }
  }
  return reasons;
}

}  // namespace holdfast
