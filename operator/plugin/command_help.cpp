#include "operator/plugin/command_help.h"

#include <string>

#include <CLI/CLI.hpp>

namespace holdfast::plugin {
namespace {

class Formatter final : public CLI::Formatter {
 public:
  // "--wait,--no-wait{false}" -> "--wait, --no-wait"
  std::string make_option_name(const CLI::Option* option, bool positional) const override {
    std::string names;
    for (const char c : CLI::Formatter::make_option_name(option, positional)) {
      if (c == '{') break;
      names += c == ',' ? std::string(", ") : std::string(1, c);
    }
    return names;
  }

  std::string make_option_opts(const CLI::Option* option) const override {
    if (option->get_positional() || option->get_expected_max() == 0 || option->get_type_size() == 0)
      return "";
    const std::string& text = option->get_option_text();
    return " " + (text.empty() ? std::string("NAME") : text);
  }
};

}  // namespace

std::shared_ptr<CLI::Formatter> HelpFormatter() {
  auto formatter = std::make_shared<Formatter>();
  formatter->label("SUBCOMMAND", "COMMAND");
  return formatter;
}

}  // namespace holdfast::plugin
