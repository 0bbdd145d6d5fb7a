// A program on a terminal of its own, with somebody who answers.
#pragma once

#include <string>
#include <utility>
#include <vector>

#include "tests/e2e/kubectl.h"

namespace holdfast::e2e {

// For each pair in its order: once the program has printed the first (after what the last one
// matched), the second is typed. What it printed and how it ended; a program that ends before all
// was asked leaves the rest untyped.
Output RunOnTerminal(const std::vector<std::string>& words,
                     const std::vector<std::pair<std::string, std::string>>& answers);

}  // namespace holdfast::e2e
