#include "jobs/storage/range.h"

#include <charconv>

#include <fmt/format.h>

namespace holdfast::storage {

Result<void> CheckStop(const std::stop_token& stop) {
  if (stop.stop_requested()) return Fail(Code::kCancelled, "stopped on request");
  return {};
}

Result<std::uint64_t> BytesInRange(std::string_view what, std::uint64_t size, std::uint64_t offset,
                                   std::uint64_t length) {
  if (offset > size || length > size - offset)
    return Fail(Code::kCorrupt, fmt::format("{} has {} bytes, but {} from offset {} were asked for",
                                            what, size, length, offset));
  return length == 0 ? size - offset : length;
}

std::optional<std::uint64_t> ParseNumber(std::string_view text) {
  std::uint64_t number = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), number);
  if (error != std::errc() || end != text.data() + text.size()) return std::nullopt;
  return number;
}

}  // namespace holdfast::storage
