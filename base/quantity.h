// Sizes as Kubernetes writes them ("50Mi", "1.5G", "128"; resource.Quantity in the API reference)
// and as people read them ("1.4 GiB").
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "base/error.h"

namespace holdfast {

// Bytes named by a quantity; fractions are rounded up. Invalid for anything that is not a
// non-negative quantity or does not fit 63 bits.
Result<std::uint64_t> ParseQuantity(std::string_view text);

// "0 B", "999 B", "1.4 GiB": binary units, at most one decimal.
std::string HumanBytes(std::uint64_t bytes);

}  // namespace holdfast
