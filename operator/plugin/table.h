// What commands print: columns for people, JSON and YAML for programs. Pure.
#pragma once

#include <string>
#include <vector>

#include "base/json.h"

namespace holdfast::plugin {

enum class OutputFormat { kTable, kWide, kJson, kYaml };

struct Table {
  std::vector<std::string> headers;
  std::vector<std::vector<std::string>> rows;
  std::size_t wide = 0;  // so many columns at the end are for kWide alone
};

// As kubectl prints them: columns three blanks apart, "<none>" for what is empty. Control
// characters become "?": names and messages must not drive a terminal.
std::string Format(const Table& table, bool wide);

// The same text that kubectl get -o yaml and -o json print.
std::string ToYaml(const Json& value);
std::string ToJson(const Json& value);

// Without control characters.
std::string Plain(std::string_view text);

}  // namespace holdfast::plugin
