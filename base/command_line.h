// Command lines before a parser reads them: operator, mover and plugin alike.
#pragma once

#include <string>
#include <vector>

#include "base/error.h"

namespace holdfast {

// Invalid, with a sentence that says what to write, when a word gives an option an empty value
// ("--metrics-address="): CLI11 would take the word behind it for the value. Words behind "--" are
// no options.
Result<void> CheckOptionValues(const std::vector<std::string>& words);

}  // namespace holdfast
