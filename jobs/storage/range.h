// Checks that every backend makes in the same words.
#pragma once

#include <cstdint>
#include <optional>
#include <stop_token>
#include <string_view>

#include "base/error.h"

namespace holdfast::storage {

// Cancelled once a stop was requested.
Result<void> CheckStop(const std::stop_token& stop);

// How many bytes Backend::Load returns of the object `what` that has `size` bytes: `length`, or all
// from `offset` when it is 0. Corrupt when the object is too short.
Result<std::uint64_t> BytesInRange(std::string_view what, std::uint64_t size, std::uint64_t offset,
                                   std::uint64_t length);

// A decimal number and nothing else.
std::optional<std::uint64_t> ParseNumber(std::string_view text);

}  // namespace holdfast::storage
