#include "operator/plugin/table.h"

#include <algorithm>
#include <array>

#include <yaml-cpp/yaml.h>

namespace holdfast::plugin {
namespace {

// Of UTF-8: characters, each a column wide.
std::size_t Width(std::string_view text) {
  return static_cast<std::size_t>(std::ranges::count_if(
      text, [](char c) { return (static_cast<unsigned char>(c) & 0xC0) != 0x80; }));
}

// What every reader of YAML takes for text, also without quotes.
bool IsPlainWord(std::string_view text) {
  static constexpr std::array<std::string_view, 10> kNotText = {
      "true", "false", "null", "yes", "no", "on", "off", "y", "n", "nan"};
  const auto letter = [](char c) { return (c | 0x20) >= 'a' && (c | 0x20) <= 'z'; };
  if (text.empty() || !letter(text.front()) || text.size() > 63) return false;
  std::string lower(text);
  std::ranges::transform(lower, lower.begin(), [](char c) { return static_cast<char>(c | 0x20); });
  return std::ranges::find(kNotText, lower) == kNotText.end() &&
         std::ranges::all_of(text, [&](char c) {
           return letter(c) || (c >= '0' && c <= '9') || c == '-' || c == '.' || c == '/';
         });
}

void EmitText(YAML::Emitter& out, const std::string& text) {
  if (!IsPlainWord(text)) out << YAML::DoubleQuoted;
  out << text;
}

void Emit(YAML::Emitter& out, const Json& value) {
  switch (value.type()) {
    case Json::value_t::object:
      out << YAML::BeginMap;
      for (const auto& [name, member] : value.items()) {
        out << YAML::Key;
        EmitText(out, name);
        out << YAML::Value;
        Emit(out, member);
      }
      out << YAML::EndMap;
      return;
    case Json::value_t::array:
      out << YAML::BeginSeq;
      for (const Json& item : value) Emit(out, item);
      out << YAML::EndSeq;
      return;
    case Json::value_t::string:
      return EmitText(out, value.get_ref<const std::string&>());
    case Json::value_t::null:
      out << YAML::Null;
      return;
    default:
      out << DumpJson(value);
  }
}

}  // namespace

std::string Plain(std::string_view text) {
  std::string plain(text);
  std::ranges::replace_if(
      plain, [](char c) { return static_cast<unsigned char>(c) < 0x20 || c == 0x7F; }, '?');
  return plain;
}

std::string Format(const Table& table, bool wide) {
  const std::size_t columns = table.headers.size() - (wide ? 0 : table.wide);
  std::vector<std::size_t> widths(columns);
  std::vector<std::vector<std::string>> lines = {table.headers};
  for (const auto& row : table.rows) {
    auto& line = lines.emplace_back();
    for (const std::string& cell : row) line.push_back(cell.empty() ? "<none>" : Plain(cell));
  }
  for (const auto& line : lines)
    for (std::size_t i = 0; i < columns; ++i) widths[i] = std::max(widths[i], Width(line[i]));
  std::string text;
  for (const auto& line : lines) {
    for (std::size_t i = 0; i < columns; ++i) {
      text += line[i];
      if (i + 1 < columns) text.append(widths[i] - Width(line[i]) + 3, ' ');
    }
    text += '\n';
  }
  return text;
}

std::string ToYaml(const Json& value) {
  YAML::Emitter out;
  Emit(out, value);
  return std::string(out.c_str()) + "\n";
}

std::string ToJson(const Json& value) {
  return value.dump(4, ' ', false, Json::error_handler_t::replace) + "\n";
}

}  // namespace holdfast::plugin
