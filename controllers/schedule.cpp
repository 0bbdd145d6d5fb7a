#include "controllers/schedule.h"

#include <algorithm>
#include <array>
#include <charconv>
#include <cstdint>

#include <date/tz.h>

#include "base/bytes.h"
#include "base/hash.h"

namespace holdfast::controllers {
namespace {

using std::chrono::days;
using std::chrono::hours;
using std::chrono::minutes;
using std::chrono::seconds;
using std::chrono::sys_days;

// 29 February on a given weekday comes after 40 years at most (across 2100); one more for the
// edges.
constexpr int kHorizonDays = 41 * 366;

std::uint64_t HashOf(std::string_view text) {
  const Sha256Digest digest = Sha256(AsBytes(text));
  std::uint64_t value = 0;
  for (int i = 0; i < 8; ++i) value = value << 8 | digest[i];
  return value;
}

// --- Parsing ---

constexpr std::array<std::string_view, 12> kMonths = {"JAN", "FEB", "MAR", "APR", "MAY", "JUN",
                                                      "JUL", "AUG", "SEP", "OCT", "NOV", "DEC"};
constexpr std::array<std::string_view, 7> kWeekdays = {"SUN", "MON", "TUE", "WED",
                                                       "THU", "FRI", "SAT"};

struct Field {
  const char* name;
  int least;
  int most;
  int most_hashed;  // H in days of the month stays within the shortest one
};
constexpr std::array<Field, 5> kFields = {{{"minute", 0, 59, 59},
                                           {"hour", 0, 23, 23},
                                           {"day of month", 1, 31, 28},
                                           {"month", 1, 12, 12},
                                           {"day of week", 0, 7, 6}}};

struct Macro {
  std::string_view word;
  std::string_view cron;
};
constexpr std::array<Macro, 7> kMacros = {{{"@hourly", "0 * * * *"},
                                           {"@daily", "0 0 * * *"},
                                           {"@midnight", "0 0 * * *"},
                                           {"@weekly", "0 0 * * 0"},
                                           {"@monthly", "0 0 1 * *"},
                                           {"@yearly", "0 0 1 1 *"},
                                           {"@annually", "0 0 1 1 *"}}};

std::string Quoted(std::string_view text) { return "\"" + std::string(text) + "\""; }

std::vector<std::string_view> Split(std::string_view text, std::string_view separators) {
  std::vector<std::string_view> parts;
  while (true) {
    const std::size_t end = text.find_first_of(separators);
    parts.push_back(text.substr(0, end));
    if (end == text.npos) return parts;
    text.remove_prefix(end + 1);
  }
}

std::string Upper(std::string_view text) {
  std::string upper(text);
  for (char& c : upper)
    if (c >= 'a' && c <= 'z') c = static_cast<char>(c - 'a' + 'A');
  return upper;
}

std::optional<int> NameValue(const Field& field, std::string_view text) {
  const std::string upper = Upper(text);
  if (field.most == 12)
    for (std::size_t i = 0; i < kMonths.size(); ++i)
      if (upper == kMonths[i]) return static_cast<int>(i) + 1;
  if (field.most == 7)
    for (std::size_t i = 0; i < kWeekdays.size(); ++i)
      if (upper == kWeekdays[i]) return static_cast<int>(i);
  return std::nullopt;
}

std::string RangeText(const Field& field) {
  return std::to_string(field.least) + "-" + std::to_string(field.most);
}

Result<int> ParseValue(const Field& field, std::string_view text) {
  if (const auto value = NameValue(field, text)) return *value;
  int value = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (error != std::errc() || end != text.data() + text.size() || text.empty())
    return Fail(Code::kInvalid, Quoted(text) + " is no " + field.name + "; write a number of " +
                                    RangeText(field) + ", *, a list or a range");
  if (value < field.least || value > field.most)
    return Fail(Code::kInvalid, std::string(field.name) + " " + std::string(text) + " is outside " +
                                    RangeText(field));
  return value;
}

struct Range {
  int first;
  int last;
};

Result<Range> ParseRange(const Field& field, std::string_view text) {
  const std::size_t dash = text.find('-');
  if (dash == text.npos) {
    TRY(const int value, ParseValue(field, text));
    return Range{value, value};
  }
  TRY(const int first, ParseValue(field, text.substr(0, dash)));
  TRY(int last, ParseValue(field, text.substr(dash + 1)));
  if (field.most == 7 && last == 0) last = 7;  // FRI-SUN
  if (first > last)
    return Fail(Code::kInvalid, "the range " + Quoted(text) + " of " + field.name +
                                    " runs backwards; write two ranges with a comma");
  return Range{first, last};
}

// The bits of one field, wide enough for each of them.
using Bits = std::bitset<64>;

void SetSteps(Bits& bits, const Range& range, int step) {
  for (int value = range.first; value <= range.last; value += step)
    bits.set(static_cast<std::size_t>(value));
}

// H, H(2-5): one value of the range, or with a step the place where the steps start.
Result<void> SetHashed(const Field& field, std::string_view text, int step, std::string_view seed,
                       Bits& bits) {
  Range range{field.least, field.most_hashed};
  if (text.size() > 1) {
    if (text[1] != '(' || text.back() != ')')
      return Fail(Code::kInvalid, Quoted(text) + " is no " + field.name + "; write H or H(a-b)");
    TRY(range, ParseRange(field, text.substr(2, text.size() - 3)));
  }
  const int width = range.last - range.first + 1;
  const auto hash = HashOf(std::string(seed) + "/" + field.name);
  const int choices = step == 0 ? width : std::min(step, width);
  const int offset = static_cast<int>(hash % static_cast<std::uint64_t>(choices));
  SetSteps(bits, {range.first + offset, step == 0 ? range.first + offset : range.last},
           step == 0 ? 1 : step);
  return {};
}

// One member of a list. A step of 0 is none.
Result<void> ParseItem(const Field& field, std::string_view item, std::string_view seed,
                       Bits& bits) {
  const std::size_t slash = item.find('/');
  const std::string_view base = item.substr(0, slash);
  int step = 0;
  if (slash != item.npos) {
    const std::string_view text = item.substr(slash + 1);
    const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), step);
    if (error != std::errc() || end != text.data() + text.size() || step < 1 || step > field.most)
      return Fail(Code::kInvalid, "the step " + Quoted(text) + " of " + field.name +
                                      " is no number of 1-" + std::to_string(field.most));
  }
  if (base.starts_with('H')) return SetHashed(field, base, step, seed, bits);
  Range range{field.least, field.most == 7 ? 6 : field.most};
  if (base != "*") {
    TRY(range, ParseRange(field, base));
    if (step != 0 && base.find('-') == base.npos) range.last = field.most;  // 5/15 is 5-59/15
  }
  SetSteps(bits, range, std::max(step, 1));
  return {};
}

Result<Bits> ParseField(const Field& field, std::string_view text, std::string_view seed) {
  Bits bits;
  for (const std::string_view item : Split(text, ",")) TRY_VOID(ParseItem(field, item, seed, bits));
  if (field.most == 7 && bits.test(7)) bits.set(0);
  return bits;
}

Result<std::vector<std::string_view>> SplitFields(std::string_view cron) {
  std::vector<std::string_view> words = Split(cron, " \t");
  std::erase_if(words, [](std::string_view word) { return word.empty(); });
  if (words.size() == 1 && words[0].starts_with('@')) {
    for (const Macro& macro : kMacros)
      if (macro.word == words[0]) return Split(macro.cron, " ");
    return Fail(Code::kInvalid,
                "no such word; write @hourly, @daily, @weekly, @monthly, @yearly or five fields");
  }
  if (!words.empty() && (words[0].starts_with("TZ=") || words[0].starts_with("CRON_TZ=")))
    return Fail(Code::kInvalid, "a time zone does not belong here; write it in spec.timeZone");
  if (words.size() != 5)
    return Fail(Code::kInvalid,
                std::to_string(words.size()) +
                    " fields; write five: minute, hour, day of month, month, day of week");
  return words;
}

int LongestMonth(int month) {
  if (month == 2) return 29;
  return month == 4 || month == 6 || month == 9 || month == 11 ? 30 : 31;
}

bool SomeDayExists(const Bits& month_days, const Bits& months) {
  for (int month = 1; month <= 12; ++month)
    for (int day = 1; months.test(month) && day <= LongestMonth(month); ++day)
      if (month_days.test(day)) return true;
  return false;
}

template <std::size_t N>
std::bitset<N> Narrow(const Bits& bits) {
  return std::bitset<N>(bits.to_ullong() & ((std::uint64_t{1} << N) - 1));
}

Result<const date::time_zone*> LocateZone(std::string_view name) {
  if (name.empty() || name == "UTC") return nullptr;
  const Error unknown = {Code::kInvalid, "the time zone " + Quoted(name) +
                                             " is not known; write an IANA name such as "
                                             "Europe/Berlin, or UTC"};
  if (name == "Local") return tl::make_unexpected(unknown);
  try {
    return date::locate_zone(std::string(name));
  } catch (const std::exception&) {
    return tl::make_unexpected(unknown);
  }
}

}  // namespace

Result<Schedule> ParseSchedule(std::string_view cron, std::string_view time_zone,
                               std::string_view seed) {
  const std::string context = "cron " + Quoted(cron);
  const auto words = SplitFields(cron);
  if (!words) return tl::make_unexpected(WithContext(context, words.error()));
  std::array<Bits, 5> bits;
  for (std::size_t i = 0; i < kFields.size(); ++i) {
    const auto parsed = ParseField(kFields[i], (*words)[i], seed);
    if (!parsed) return tl::make_unexpected(WithContext(context, parsed.error()));
    bits[i] = *parsed;
  }
  Schedule schedule;
  schedule.minutes_ = Narrow<60>(bits[0]);
  schedule.hours_ = Narrow<24>(bits[1]);
  schedule.days_ = Narrow<32>(bits[2]);
  schedule.months_ = Narrow<13>(bits[3]);
  schedule.weekdays_ = Narrow<7>(bits[4]);
  schedule.both_days_restricted_ = !(*words)[2].starts_with('*') && !(*words)[4].starts_with('*');
  if (!schedule.both_days_restricted_ && !SomeDayExists(bits[2], bits[3]))
    return Fail(Code::kInvalid, context +
                                    ": that day never comes; write a day that the month has, or 28 "
                                    "for the end of any month");
  TRY(schedule.zone_, LocateZone(time_zone));
  return schedule;
}

Result<std::chrono::seconds> UtcOffset(std::string_view time_zone, TimePoint time) {
  TRY(const date::time_zone* zone, LocateZone(time_zone));
  if (zone == nullptr) return seconds(0);
  return zone->get_info(time).offset;
}

// --- Due times ---

bool Schedule::DayMatches(sys_days local_day) const {
  const std::chrono::year_month_day date(local_day);
  if (!months_.test(static_cast<unsigned>(date.month()))) return false;
  const bool day = days_.test(static_cast<unsigned>(date.day()));
  const bool weekday = weekdays_.test(std::chrono::weekday(local_day).c_encoding());
  return both_days_restricted_ ? day || weekday : day && weekday;
}

void Schedule::AddDue(sys_days local_day, minutes time, std::vector<TimePoint>& due) const {
  const auto wall = (local_day + time).time_since_epoch();
  if (zone_ == nullptr) {
    due.emplace_back(wall);
    return;
  }
  const bool every_hour = hours_.all();
  const auto info = zone_->get_info(date::local_seconds(duration_cast<seconds>(wall)));
  switch (info.result) {
    case date::local_info::unique:
      due.emplace_back(wall - info.first.offset);
      break;
    case date::local_info::nonexistent:
      // An hour that is skipped whole is nobody's hour; of a shorter gap the hour goes on after it.
      if (!every_hour || info.second.offset - info.first.offset < hours(1))
        due.emplace_back(info.first.end.time_since_epoch());
      break;
    case date::local_info::ambiguous:
      due.emplace_back(wall - info.first.offset);
      if (every_hour) due.emplace_back(wall - info.second.offset);
      break;
  }
}

std::vector<TimePoint> Schedule::DueOn(sys_days local_day) const {
  std::vector<TimePoint> due;
  if (!DayMatches(local_day)) return due;
  for (int hour = 0; hour < 24; ++hour)
    for (int minute = 0; hours_.test(hour) && minute < 60; ++minute)
      if (minutes_.test(minute)) AddDue(local_day, hours(hour) + minutes(minute), due);
  std::sort(due.begin(), due.end());
  due.erase(std::unique(due.begin(), due.end()), due.end());
  return due;
}

sys_days Schedule::LocalDay(TimePoint time) const {
  seconds offset{0};
  const auto whole = std::chrono::floor<seconds>(time);
  if (zone_ != nullptr) offset = zone_->get_info(date::sys_seconds(whole)).offset;
  return std::chrono::floor<days>(whole + offset);
}

// Days are taken with one to spare at either side: a gap may carry a due time over midnight.
TimePoint Schedule::Next(TimePoint after) const {
  sys_days day = LocalDay(after) - days(1);
  for (int i = 0; i < kHorizonDays; ++i, day += days(1)) {
    const std::vector<TimePoint> due = DueOn(day);
    const auto next = std::upper_bound(due.begin(), due.end(), after);
    if (next != due.end()) return *next;
  }
  return TimePoint::max();
}

std::optional<TimePoint> Schedule::LatestDue(TimePoint from, TimePoint to) const {
  const sys_days first = LocalDay(from) - days(1);
  sys_days day = LocalDay(to) + days(1);
  for (int i = 0; i < kHorizonDays && day >= first; ++i, day -= days(1)) {
    const std::vector<TimePoint> due = DueOn(day);
    const auto after = std::upper_bound(due.begin(), due.end(), to);
    if (after == due.begin()) continue;
    const TimePoint latest = *std::prev(after);
    if (latest > from) return latest;
    return std::nullopt;
  }
  return std::nullopt;
}

seconds StableJitter(std::string_view seed, seconds most) {
  if (most <= seconds(0)) return seconds(0);
  const auto choices = static_cast<std::uint64_t>(most.count()) + 1;
  return seconds(HashOf(seed) % choices);
}

}  // namespace holdfast::controllers
