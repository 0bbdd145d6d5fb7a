#include "base/wording.h"

#include <algorithm>

namespace holdfast {

std::string Counted(std::uint64_t count, std::string_view noun) {
  return Counted(count, noun, std::string(noun) + "s");
}

std::string Counted(std::uint64_t count, std::string_view one, std::string_view many) {
  return std::to_string(count) + " " + std::string(count == 1 ? one : many);
}

std::string NameSome(const std::vector<std::string>& names, std::size_t most) {
  return NameFirst(names, names.size(), most);
}

std::string NameFirst(const std::vector<std::string>& names, std::size_t count, std::size_t most) {
  std::string text;
  const std::size_t named = std::min(names.size(), most);
  for (std::size_t i = 0; i < named; ++i) text += (i == 0 ? "" : ", ") + names[i];
  if (count > named) text += " and " + std::to_string(count - named) + " more";
  return text;
}

std::string Stopped(std::string text) {
  if (!text.empty() && text.back() != '.') text += '.';
  return text;
}

std::string Sentence(std::string text) {
  if (!text.empty() && text.front() >= 'a' && text.front() <= 'z') text.front() += 'A' - 'a';
  return Stopped(std::move(text));
}

}  // namespace holdfast
