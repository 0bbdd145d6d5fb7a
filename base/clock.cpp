#include "base/clock.h"

#include <array>
#include <ctime>
#include <optional>
#include <utility>

#include <spdlog/fmt/fmt.h>

namespace holdfast {
namespace {

using std::chrono::nanoseconds;
using std::chrono::seconds;

struct CivilTime {
  std::tm tm{};
  std::int64_t nanos = 0;
};

CivilTime ToCivil(TimePoint time) {
  const auto whole = std::chrono::floor<seconds>(time);
  CivilTime civil;
  const std::time_t epoch = whole.time_since_epoch().count();
  gmtime_r(&epoch, &civil.tm);
  civil.nanos = (time - whole).count();
  return civil;
}

std::string FormatSeconds(const std::tm& tm) {
  return fmt::format("{:04}-{:02}-{:02}T{:02}:{:02}:{:02}", tm.tm_year + 1900, tm.tm_mon + 1,
                     tm.tm_mday, tm.tm_hour, tm.tm_min, tm.tm_sec);
}

// Reads decimal digits off the front of a text.
class Scanner {
 public:
  explicit Scanner(std::string_view text) : rest_(text) {}

  std::optional<int> Digits(std::size_t count) {
    if (rest_.size() < count) return std::nullopt;
    int value = 0;
    for (std::size_t i = 0; i < count; ++i) {
      if (rest_[i] < '0' || rest_[i] > '9') return std::nullopt;
      value = value * 10 + (rest_[i] - '0');
    }
    rest_.remove_prefix(count);
    return value;
  }

  bool Skip(std::string_view any_of) {
    if (rest_.empty() || any_of.find(rest_.front()) == any_of.npos) return false;
    rest_.remove_prefix(1);
    return true;
  }

  // ".123" as nanoseconds; digits beyond the ninth are dropped.
  std::optional<std::int64_t> Fraction() {
    if (!Skip(".")) return 0;
    std::int64_t nanos = 0;
    std::int64_t place = 100'000'000;
    std::size_t count = 0;
    while (const auto digit = Digits(1)) {
      nanos += *digit * place;
      place /= 10;
      ++count;
    }
    if (count == 0) return std::nullopt;
    return nanos;
  }

  char Front() const { return rest_.empty() ? '\0' : rest_.front(); }
  bool Empty() const { return rest_.empty(); }

 private:
  std::string_view rest_;
};

// The offset from UTC at the end of a time: "Z", "+02:00". Nothing may follow.
std::optional<seconds> Offset(Scanner& scanner) {
  if (scanner.Skip("Zz")) return scanner.Empty() ? std::optional(seconds(0)) : std::nullopt;
  const int sign = scanner.Front() == '-' ? -1 : 1;
  if (!scanner.Skip("+-")) return std::nullopt;
  const auto hours = scanner.Digits(2);
  if (!hours || !scanner.Skip(":")) return std::nullopt;
  const auto minutes = scanner.Digits(2);
  if (!minutes || *hours > 23 || *minutes > 59 || !scanner.Empty()) return std::nullopt;
  return seconds(sign * (*hours * 3600 + *minutes * 60));
}

std::optional<TimePoint> Parse(std::string_view text) {
  Scanner scanner(text);
  const auto year = scanner.Digits(4);
  if (!year || !scanner.Skip("-")) return std::nullopt;
  const auto month = scanner.Digits(2);
  if (!month || !scanner.Skip("-")) return std::nullopt;
  const auto day = scanner.Digits(2);
  if (!day || !scanner.Skip("Tt ")) return std::nullopt;
  const auto hour = scanner.Digits(2);
  if (!hour || !scanner.Skip(":")) return std::nullopt;
  const auto minute = scanner.Digits(2);
  if (!minute || !scanner.Skip(":")) return std::nullopt;
  const auto second = scanner.Digits(2);
  if (!second) return std::nullopt;
  const auto nanos = scanner.Fraction();
  if (!nanos) return std::nullopt;
  const auto offset = Offset(scanner);
  if (!offset) return std::nullopt;

  const std::chrono::year_month_day date(std::chrono::year(*year),
                                         std::chrono::month(static_cast<unsigned>(*month)),
                                         std::chrono::day(static_cast<unsigned>(*day)));
  // 60 is a leap second, which POSIX time folds into the next minute.
  if (!date.ok() || *hour > 23 || *minute > 59 || *second > 60) return std::nullopt;
  // A count of nanoseconds in 64 bits ends in the years 1677 and 2262.
  if (*year < 1678 || *year > 2261) return std::nullopt;
  return TimePoint(std::chrono::sys_days(date).time_since_epoch() + std::chrono::hours(*hour) +
                   std::chrono::minutes(*minute) + seconds(*second) - *offset +
                   nanoseconds(*nanos));
}

constexpr std::array<std::pair<char, std::int64_t>, 5> kDurationUnits = {
    {{'w', 604800}, {'d', 86400}, {'h', 3600}, {'m', 60}, {'s', 1}}};

}  // namespace

TimePoint SystemClock::Now() const {
  return std::chrono::time_point_cast<nanoseconds>(std::chrono::system_clock::now());
}

std::string FormatTime(TimePoint time) { return FormatSeconds(ToCivil(time).tm) + "Z"; }

std::string FormatTimeNanos(TimePoint time) {
  const CivilTime civil = ToCivil(time);
  if (civil.nanos == 0) return FormatSeconds(civil.tm) + "Z";
  std::string fraction = fmt::format("{:09}", civil.nanos);
  fraction.erase(fraction.find_last_not_of('0') + 1);
  return FormatSeconds(civil.tm) + "." + fraction + "Z";
}

std::string FormatTimeMicros(TimePoint time) {
  const CivilTime civil = ToCivil(time);
  return fmt::format("{}.{:06}Z", FormatSeconds(civil.tm), civil.nanos / 1000);
}

Result<TimePoint> ParseTime(std::string_view text) {
  if (const auto time = Parse(text)) return *time;
  return Fail(Code::kInvalid,
              fmt::format("\"{}\" is not a time; write it like 2026-08-01T12:00:00Z", text));
}

std::string HumanDuration(seconds duration) {
  const std::int64_t total = duration.count() < 0 ? 0 : duration.count();
  if (total < 60) return fmt::format("{}s", total);
  if (total < 3600) return fmt::format("{}m{:02}s", total / 60, total % 60);
  if (total < 86400) return fmt::format("{}h{:02}m", total / 3600, total % 3600 / 60);
  return fmt::format("{}d{}h", total / 86400, total % 86400 / 3600);
}

Result<seconds> ParseDuration(std::string_view text) {
  const auto invalid = [&] {
    return Fail(Code::kInvalid,
                fmt::format("\"{}\" is not a duration; write it like 30s, 10m, 1h30m or 7d", text));
  };
  if (text.empty()) return invalid();
  std::string_view rest = text;
  std::int64_t total = 0;
  while (!rest.empty()) {
    const std::size_t digits = rest.find_first_not_of("0123456789");
    if (digits == 0 || digits == rest.npos || digits > 9) return invalid();
    std::int64_t factor = 0;
    for (const auto& [unit, value] : kDurationUnits)
      if (rest[digits] == unit) factor = value;
    if (factor == 0) return invalid();
    total += std::stoll(std::string(rest.substr(0, digits))) * factor;
    rest.remove_prefix(digits + 1);
  }
  return seconds(total);
}

}  // namespace holdfast
