#include "operator/plugin/time_words.h"

#include <algorithm>
#include <array>
#include <charconv>
#include <cstdlib>
#include <optional>
#include <stdexcept>
#include <vector>

#include <date/tz.h>
#include <spdlog/fmt/fmt.h>

namespace holdfast::plugin {
namespace {

using std::chrono::seconds;

constexpr const char* kForms =
    "write it like 2026-08-01 14:00, yesterday 14:00, monday 14:00, 14:00, \"2h ago\" or "
    "2026-08-01T14:00:00Z";

struct Unit {
  std::string_view name;  // and with an s behind it
  std::chrono::seconds length;
};
constexpr std::array kUnits = {Unit{"second", seconds(1)},       Unit{"minute", seconds(60)},
                               Unit{"hour", seconds(3600)},      Unit{"day", seconds(86'400)},
                               Unit{"week", seconds(604'800)},   Unit{"month", seconds(2'592'000)},
                               Unit{"year", seconds(31'536'000)}};

std::vector<std::string> Words(std::string_view text) {
  std::vector<std::string> words(1);
  for (const char c : text) {
    if (c == ' ' || c == '\t') {
      if (!words.back().empty()) words.emplace_back();
    } else {
      words.back() += c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c;
    }
  }
  if (words.back().empty()) words.pop_back();
  return words;
}

std::optional<int> Number(std::string_view text) {
  int value = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (error != std::errc() || end != text.data() + text.size() || text.front() == '-')
    return std::nullopt;
  return value;
}

// "14:00", "9:30:15"
std::optional<seconds> TimeOfDay(std::string_view text) {
  std::array<int, 3> parts{};
  std::size_t count = 0;
  while (count < 3) {
    const std::size_t colon = text.find(':');
    const std::string_view part = text.substr(0, colon);
    const auto number = part.empty() || part.size() > 2 ? std::nullopt : Number(part);
    if (!number || (count > 0 && part.size() != 2)) return std::nullopt;
    parts[count++] = *number;
    if (colon == text.npos) break;
    text.remove_prefix(colon + 1);
    if (count == 3) return std::nullopt;
  }
  if (count < 2 || parts[0] > 23 || parts[1] > 59 || parts[2] > 59) return std::nullopt;
  return seconds(parts[0] * 3600 + parts[1] * 60 + parts[2]);
}

// "2026-08-01"
std::optional<date::local_days> Date(std::string_view text) {
  if (text.size() != 10 || text[4] != '-' || text[7] != '-') return std::nullopt;
  const auto year = Number(text.substr(0, 4));
  const auto month = Number(text.substr(5, 2));
  const auto day = Number(text.substr(8, 2));
  if (!year || !month || !day) return std::nullopt;
  const date::year_month_day date{date::year(*year), date::month(static_cast<unsigned>(*month)),
                                  date::day(static_cast<unsigned>(*day))};
  if (!date.ok()) return std::nullopt;
  return date::local_days(date);
}

std::optional<date::weekday> Weekday(std::string_view text) {
  static constexpr std::array<std::string_view, 7> kNames = {
      "sunday", "monday", "tuesday", "wednesday", "thursday", "friday", "saturday"};
  for (unsigned i = 0; i < kNames.size(); ++i)
    if (text == kNames[i] || text == kNames[i].substr(0, 3)) return date::weekday(i);
  return std::nullopt;
}

class Reader {
 public:
  Reader(TimePoint now, const date::time_zone& zone)
      : now_(now), zone_(zone), today_(date::floor<date::days>(zone.to_local(now))) {}

  // nullopt for what is no such form.
  Result<std::optional<TimePoint>> Read(const std::vector<std::string>& words) const {
    if (words == std::vector<std::string>{"now"}) return now_;
    if (words.size() >= 2 && words.back() == "ago") return Ago(words);
    if (words.size() == 1) {
      if (const auto time = TimeOfDay(words[0])) return Last(today_, *time, 1);
      if (Day(words[0]))
        return Fail(Code::kInvalid, "\"" + words[0] + "\" lacks a time: " + kForms);
      return std::nullopt;
    }
    if (words.size() != 2) return std::nullopt;
    const auto day = Day(words[0]);
    const auto time = TimeOfDay(words[1]);
    if (!day || !time) return std::nullopt;
    return Weekday(words[0]) ? Last(*day, *time, 7) : At(*day, *time);
  }

 private:
  std::optional<date::local_days> Day(const std::string& word) const {
    if (word == "today") return today_;
    if (word == "yesterday") return today_ - date::days(1);
    if (const auto weekday = Weekday(word)) return today_ - (date::weekday(today_) - *weekday);
    return Date(word);
  }

  // Or so many days before, if that is still to come.
  Result<std::optional<TimePoint>> Last(date::local_days day, seconds time, int period) const {
    TRY(const auto found, At(day, time));
    if (*found <= now_) return found;
    return At(day - date::days(period), time);
  }

  Result<std::optional<TimePoint>> At(date::local_days day, seconds time) const {
    const auto local = day + time;
    const date::local_info info = zone_.get_info(local);
    if (info.result == date::local_info::nonexistent)
      return Fail(Code::kInvalid, fmt::format("there was no {} in {}: the clocks were set forward",
                                              date::format("%F %T", local), zone_.name()));
    return TimePoint(local.time_since_epoch() - info.first.offset);
  }

  // {"2h", "ago"}, {"3", "days", "ago"}
  Result<std::optional<TimePoint>> Ago(const std::vector<std::string>& words) const {
    if (words.size() == 2) {
      const auto duration = ParseDuration(words[0]);
      if (!duration) return std::nullopt;
      return now_ - *duration;
    }
    const auto count = Number(words[0]);
    if (words.size() != 3 || !count) return std::nullopt;
    for (const Unit& unit : kUnits)
      if (words[1] == unit.name || words[1] == std::string(unit.name) + "s")
        return now_ - *count * unit.length;
    return std::nullopt;
  }

  const TimePoint now_;
  const date::time_zone& zone_;
  const date::local_days today_;
};

}  // namespace

Result<TimePoint> ParseTimeWords(std::string_view text, TimePoint now,
                                 const date::time_zone& zone) {
  auto read = ParseTime(text);
  if (!read) {
    TRY(const auto found, Reader(now, zone).Read(Words(text)));
    if (!found) return Fail(Code::kInvalid, fmt::format("\"{}\" is no time: {}", text, kForms));
    read = *found;
  }
  if (*read > now)
    return Fail(Code::kInvalid,
                fmt::format("\"{}\" is {}, which is still to come", text, LocalTime(*read, zone)));
  return read;
}

std::string LocalTime(TimePoint time, const date::time_zone& zone) {
  const auto whole = std::chrono::floor<seconds>(time);
  return date::format("%F %T %Z", date::make_zoned(&zone, whole));
}

std::string Age(TimePoint time, TimePoint now) {
  const auto age = std::chrono::duration_cast<seconds>(now - time);
  return age < seconds(1) ? "just now" : HumanDuration(age) + " ago";
}

// The library throws for names and files that are not there.
const date::time_zone& LocalZone() {
  try {
    const char* name = std::getenv("TZ");
    if (name != nullptr && *name != '\0')
      return *date::locate_zone(name[0] == ':' ? name + 1 : name);
    return *date::current_zone();
  } catch (const std::runtime_error&) {
    return *date::locate_zone("Etc/UTC");
  }
}

}  // namespace holdfast::plugin
