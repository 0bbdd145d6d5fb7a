// The header Range, as far as repositories are read with it: "bytes=5-9" and "bytes=5-".
#pragma once

#include <cstdint>
#include <optional>
#include <string_view>

namespace holdfast::gateway {

struct Range {
  std::uint64_t offset = 0;
  std::uint64_t length = 0;  // 0: up to the end
};

// Nothing for any other header: the whole is then answered, as RFC 9110 has it for ranges that are
// not understood.
std::optional<Range> ParseRange(std::string_view header);

}  // namespace holdfast::gateway
