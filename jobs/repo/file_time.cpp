#include "jobs/repo/file_time.h"

#include <algorithm>
#include <chrono>

namespace holdfast::repo {
namespace {

using std::chrono::days;
using std::chrono::seconds;
using std::chrono::sys_days;
using std::chrono::year;
using std::chrono::year_month_day;

constexpr std::int64_t kDay = 86400;
constexpr year kFirst{0};
constexpr year kLast{9999};

std::int64_t Midnight(year_month_day date) {
  return sys_days(date).time_since_epoch().count() * kDay;
}

// Moves a time into the years that RFC 3339 can spell, keeping month, day and time of day.
std::int64_t Clamp(std::int64_t at) {
  using std::chrono::January;
  static const std::int64_t first = Midnight(kFirst / January / 1);
  static const std::int64_t past = Midnight(year(10000) / January / 1);
  if (at >= first && at < past) return at;
  // std::chrono's years end at 32767: the Gregorian calendar repeats every 400 years.
  constexpr std::int64_t kCycle = 146097 * kDay;
  const std::int64_t folded = ((at - first) % kCycle + kCycle) % kCycle + first;
  const sys_days day{days(folded >= 0 ? folded / kDay : (folded - kDay + 1) / kDay)};
  const year_month_day date(day);
  const year target = at < first ? kFirst : kLast;
  const std::int64_t time_of_day = folded - Midnight(date);
  // Go's AddDate: the 29th of February becomes the 1st of March.
  return Midnight(year_month_day(sys_days(target / date.month() / date.day()))) + time_of_day;
}

// Decimal digits off the front of `rest`; -1 when they are not there.
int TakeDigits(std::string_view& rest, std::size_t count) {
  if (rest.size() < count) return -1;
  int value = 0;
  for (const char c : rest.substr(0, count)) {
    if (c < '0' || c > '9') return -1;
    value = value * 10 + (c - '0');
  }
  rest.remove_prefix(count);
  return value;
}

bool Take(std::string_view& rest, char expected) {
  if (rest.empty() || rest.front() != expected) return false;
  rest.remove_prefix(1);
  return true;
}

// The fraction of a second; -1 when malformed.
std::int64_t TakeNanos(std::string_view& rest) {
  if (!Take(rest, '.')) return 0;
  const std::size_t digits = std::min(rest.find_first_not_of("0123456789"), rest.size());
  if (digits == 0) return -1;
  std::int64_t nanos = 0;
  for (std::size_t i = 0; i < 9; ++i) nanos = nanos * 10 + (i < digits ? rest[i] - '0' : 0);
  rest.remove_prefix(digits);
  return nanos;
}

// "Z" or "+02:00" in seconds; false when malformed or not the end.
bool TakeOffset(std::string_view rest, std::int64_t& offset) {
  offset = 0;
  if (rest == "Z") return true;
  const bool negative = !rest.empty() && rest.front() == '-';
  if (!Take(rest, '+') && !Take(rest, '-')) return false;
  const int hours = TakeDigits(rest, 2);
  const bool colon = Take(rest, ':');
  const int minutes = TakeDigits(rest, 2);
  if (!colon || hours < 0 || hours > 23 || minutes < 0 || minutes > 59) return false;
  offset = (negative ? -1 : 1) * (hours * 3600 + minutes * 60);
  return rest.empty();
}

}  // namespace

std::string FormatFileTime(FileTime time) {
  const std::int64_t at = Clamp(time.seconds);
  const std::int64_t day = at >= 0 ? at / kDay : (at - kDay + 1) / kDay;
  const year_month_day date{sys_days(days(day))};
  const std::int64_t of_day = at - day * kDay;
  std::string text = "0000-00-00T00:00:00.000000000Z";
  const auto put = [&](std::size_t begin, std::size_t end, std::int64_t value) {
    for (; end > begin; value /= 10) text[--end] = static_cast<char>('0' + value % 10);
  };
  put(0, 4, static_cast<int>(date.year()));
  put(5, 7, static_cast<unsigned>(date.month()));
  put(8, 10, static_cast<unsigned>(date.day()));
  put(11, 13, of_day / 3600);
  put(14, 16, of_day / 60 % 60);
  put(17, 19, of_day % 60);
  put(20, 29, time.nanos);
  text.resize(time.nanos == 0 ? 19 : text.find_last_not_of("0Z") + 1);
  text += 'Z';
  return text;
}

Result<FileTime> ParseFileTime(std::string_view text) {
  std::string_view rest = text;
  int part[6];
  constexpr char kAfter[6] = {'-', '-', 'T', ':', ':', 0};
  bool good = true;
  for (int i = 0; i < 6 && good; ++i) {
    part[i] = TakeDigits(rest, i == 0 ? 4 : 2);
    good = part[i] >= 0 && (kAfter[i] == 0 || Take(rest, kAfter[i]));
  }
  std::int64_t nanos = 0;
  std::int64_t offset = 0;
  good = good && (nanos = TakeNanos(rest)) >= 0 && TakeOffset(rest, offset);
  if (!good) return Fail(Code::kInvalid, "malformed time");
  const auto date = year(part[0]) / part[1] / part[2];
  if (!date.ok() || part[3] > 23 || part[4] > 59 || part[5] > 59)
    return Fail(Code::kInvalid, "impossible time");
  return FileTime{Midnight(date) + part[3] * 3600 + part[4] * 60 + part[5] - offset,
                  static_cast<std::uint32_t>(nanos)};
}

}  // namespace holdfast::repo
