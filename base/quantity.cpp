#include "base/quantity.h"

#include <array>
#include <cmath>
#include <cstdlib>
#include <utility>

#include <spdlog/fmt/fmt.h>

namespace holdfast {
namespace {

constexpr double kMilli = 0.001;
constexpr std::array<std::pair<std::string_view, double>, 14> kSuffixes = {{
    {"", 1.0},
    {"m", kMilli},
    {"k", 1e3},
    {"M", 1e6},
    {"G", 1e9},
    {"T", 1e12},
    {"P", 1e15},
    {"E", 1e18},
    {"Ki", 1024.0},
    {"Mi", 1048576.0},
    {"Gi", 1073741824.0},
    {"Ti", 1099511627776.0},
    {"Pi", 1125899906842624.0},
    {"Ei", 1152921504606846976.0},
}};

tl::unexpected<Error> NotAQuantity(std::string_view text) {
  return Fail(Code::kInvalid,
              fmt::format("\"{}\" is not a size; write it like 500Mi, 10Gi or 1048576", text));
}

}  // namespace

Result<std::uint64_t> ParseQuantity(std::string_view text) {
  const std::size_t digits = text.find_first_not_of("0123456789.");
  const std::string number(text.substr(0, digits));
  const std::string_view suffix = digits == text.npos ? "" : text.substr(digits);
  if (number.empty() || number.find_first_of("0123456789") == number.npos ||
      number.find('.') != number.rfind('.'))
    return NotAQuantity(text);
  for (const auto& [name, factor] : kSuffixes) {
    if (suffix != name) continue;
    // Plain integers keep all their digits; a double would round above 2^53.
    if (factor == 1.0 && number.find('.') == number.npos && number.size() < 19)
      return std::strtoull(number.c_str(), nullptr, 10);
    const double value = std::ceil(std::strtod(number.c_str(), nullptr) * factor);
    if (!(value < 9.2e18)) return NotAQuantity(text);
    return static_cast<std::uint64_t>(value);
  }
  return NotAQuantity(text);
}

std::string HumanBytes(std::uint64_t bytes) {
  constexpr std::array<const char*, 7> kUnits = {"B", "KiB", "MiB", "GiB", "TiB", "PiB", "EiB"};
  double value = static_cast<double>(bytes);
  std::size_t unit = 0;
  while (value >= 1024.0 && unit + 1 < kUnits.size()) {
    value /= 1024.0;
    ++unit;
  }
  if (unit == 0) return fmt::format("{} B", bytes);
  return fmt::format("{:.1f} {}", value, kUnits[unit]);
}

}  // namespace holdfast
