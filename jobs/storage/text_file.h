// Small files that hold a secret: mounted keys and tokens.
#pragma once

#include <string>

#include "base/error.h"

namespace holdfast::storage {

// The whole file. Invalid, with the path and the reason, when it cannot be read or has more than
// 1 MiB.
Result<std::string> ReadTextFile(const std::string& path);

}  // namespace holdfast::storage
