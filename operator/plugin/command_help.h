// How the plugin's --help looks.
#pragma once

#include <memory>

#include <CLI/Formatter.hpp>

namespace holdfast::plugin {

// kubectl's look: what an option takes is one word (NAME, unless its option_text says another), and
// nothing of CLI11's own types, checks and exclusions is shown.
std::shared_ptr<CLI::Formatter> HelpFormatter();

}  // namespace holdfast::plugin
