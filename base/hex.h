// Lower-case hexadecimal, as the restic format and Kubernetes spell ids.
#pragma once

#include <string>
#include <string_view>

#include "base/bytes.h"
#include "base/error.h"

namespace holdfast {

std::string ToHex(ByteView bytes);

// Invalid unless `text` is an even number of lower- or upper-case hex digits.
Result<Bytes> FromHex(std::string_view text);

}  // namespace holdfast
