#include "jobs/gateway/range_header.h"

#include <limits>

#include "jobs/storage/range.h"

namespace holdfast::gateway {

std::optional<Range> ParseRange(std::string_view header) {
  constexpr std::string_view kUnit = "bytes=";
  if (!header.starts_with(kUnit)) return std::nullopt;
  header.remove_prefix(kUnit.size());
  const std::size_t dash = header.find('-');
  if (dash == header.npos) return std::nullopt;
  const auto first = storage::ParseNumber(header.substr(0, dash));
  if (!first) return std::nullopt;
  const std::string_view end = header.substr(dash + 1);
  if (end.empty()) return Range{*first, 0};
  const auto last = storage::ParseNumber(end);
  if (!last || *last < *first) return std::nullopt;
  constexpr auto kMost = std::numeric_limits<std::uint64_t>::max();
  if (*last == kMost) return std::nullopt;
  return Range{*first, *last - *first + 1};
}

}  // namespace holdfast::gateway
