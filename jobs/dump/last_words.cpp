#include "jobs/dump/last_words.h"

#include <cstdint>

namespace holdfast::dump {
namespace {

// Of the UTF-8 character at the beginning of `text`; 0 when there is none.
std::size_t CharacterLength(std::string_view text) {
  const auto byte = [&](std::size_t i) { return static_cast<std::uint8_t>(text[i]); };
  const std::uint8_t first = byte(0);
  if (first < 0x80) return 1;
  const std::size_t length = first >= 0xf0 ? 4 : first >= 0xe0 ? 3 : 2;
  if (first < 0xc2 || first > 0xf4 || length > text.size()) return 0;
  for (std::size_t i = 1; i < length; ++i)
    if ((byte(i) & 0xc0) != 0x80) return 0;
  // Overlong, a surrogate, beyond the last character.
  if ((first == 0xe0 && byte(1) < 0xa0) || (first == 0xed && byte(1) > 0x9f) ||
      (first == 0xf0 && byte(1) < 0x90) || (first == 0xf4 && byte(1) > 0x8f))
    return 0;
  return length;
}

bool IsControl(char c) { return (static_cast<std::uint8_t>(c) < 0x20 && c != '\n') || c == 0x7f; }

}  // namespace

void LastWords::Add(std::string_view bytes) {
  if (bytes.size() > kMost) bytes.remove_prefix(bytes.size() - kMost);
  text_.append(bytes);
  if (text_.size() > kMost) text_.erase(0, text_.size() - kMost);
}

std::string LastWords::Text() const {
  std::string clean;
  for (std::string_view left = text_; !left.empty();) {
    const std::size_t length = CharacterLength(left);
    if (length == 0 || IsControl(left.front()))
      clean += '?';
    else
      clean += left.substr(0, length);
    left.remove_prefix(length == 0 ? 1 : length);
  }
  while (!clean.empty() && clean.back() == '\n') clean.pop_back();
  return clean;
}

}  // namespace holdfast::dump
