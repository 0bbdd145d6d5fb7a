// One metric family in the Prometheus text format.
#pragma once

#include <initializer_list>
#include <iterator>
#include <string>
#include <string_view>
#include <utility>

#include <spdlog/fmt/fmt.h>

namespace holdfast::controllers::metrics {

// A label's value in the text format: \, " and line ends are escaped.
inline void AppendEscaped(std::string& text, std::string_view value) {
  for (const char c : value) {
    if (c == '\n') {
      text += "\\n";
      continue;
    }
    if (c == '\\' || c == '"') text += '\\';
    text += c;
  }
}

// A family of gauges, being written.
class Samples {
 public:
  using Label = std::pair<std::string_view, std::string_view>;

  Samples(std::string_view name, std::string_view help) : name_(name) {
    text_ = fmt::format("# HELP {} {}\n# TYPE {} gauge\n", name, help, name);
  }

  void Add(std::initializer_list<Label> labels, double value) {
    text_ += name_;
    char separator = '{';
    for (const auto& [label, label_value] : labels) {
      text_ += separator;
      text_ += label;
      text_ += "=\"";
      AppendEscaped(text_, label_value);
      text_ += '"';
      separator = ',';
    }
    fmt::format_to(std::back_inserter(text_), "}} {}\n", value);
  }

  std::string Take() { return std::move(text_); }

 private:
  const std::string_view name_;
  std::string text_;
};

}  // namespace holdfast::controllers::metrics
