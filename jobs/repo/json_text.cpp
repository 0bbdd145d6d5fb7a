#include "jobs/repo/json_text.h"

#include <algorithm>
#include <charconv>
#include <iterator>

#include <spdlog/fmt/fmt.h>

#include "jobs/repo/printable.h"

namespace holdfast::repo {
namespace {

struct Rune {
  char32_t value = 0xFFFD;
  std::size_t width = 1;
  bool valid = false;
};

// How many continuation bytes follow a leading byte; -1 when it cannot lead.
int Continuations(std::uint8_t lead) {
  if (lead < 0x80) return 0;
  if (lead >= 0xC2 && lead < 0xE0) return 1;
  if (lead >= 0xE0 && lead < 0xF0) return 2;
  if (lead >= 0xF0 && lead < 0xF5) return 3;
  return -1;
}

// The first character of a text that is not empty; an invalid byte counts as one of width 1.
Rune FirstRune(std::string_view text) {
  constexpr char32_t kSmallest[] = {0, 0x80, 0x800, 0x10000};  // shorter forms must be used below
  constexpr std::uint8_t kLeadBits[] = {0x7F, 0x1F, 0x0F, 0x07};
  const auto lead = static_cast<std::uint8_t>(text[0]);
  const int more = Continuations(lead);
  if (more < 0 || text.size() <= static_cast<std::size_t>(more)) return {};
  char32_t value = lead & kLeadBits[more];
  for (int i = 1; i <= more; ++i) {
    const auto byte = static_cast<std::uint8_t>(text[static_cast<std::size_t>(i)]);
    if ((byte & 0xC0) != 0x80) return {};
    value = (value << 6) | (byte & 0x3F);
  }
  const bool surrogate = value >= 0xD800 && value < 0xE000;
  if (value < kSmallest[more] || value > 0x10FFFF || surrogate) return {};
  return {value, static_cast<std::size_t>(more) + 1, true};
}

// Takes the characters off the front that are written as they stand; most texts are nothing else.
template <typename IsPlain>
std::string_view TakePlain(std::string_view& text, IsPlain is_plain) {
  const auto end = std::ranges::find_if_not(text, is_plain);
  const auto plain = text.substr(0, static_cast<std::size_t>(end - text.begin()));
  text.remove_prefix(plain.size());
  return plain;
}

bool IsAscii(char c) { return static_cast<std::uint8_t>(c) < 0x80; }

bool IsPlainInJson(char c) {
  return c >= ' ' && IsAscii(c) && c != '"' && c != '\\' && c != '<' && c != '>' && c != '&';
}

bool IsPlainInGo(char c) { return c >= ' ' && c < 0x7F && c != '"' && c != '\\'; }

void AppendUtf8(std::string& out, char32_t rune) {
  const auto tail = [&](int shift) { out += static_cast<char>(0x80 | ((rune >> shift) & 0x3F)); };
  if (rune < 0x80) {
    out += static_cast<char>(rune);
  } else if (rune < 0x800) {
    out += static_cast<char>(0xC0 | (rune >> 6));
    tail(0);
  } else if (rune < 0x10000) {
    out += static_cast<char>(0xE0 | (rune >> 12));
    tail(6);
    tail(0);
  } else {
    out += static_cast<char>(0xF0 | (rune >> 18));
    tail(12);
    tail(6);
    tail(0);
  }
}

// The letter of a two-character escape, 0 when there is none.
char JsonEscape(char32_t rune) {
  switch (rune) {
    case '"':
      return '"';
    case '\\':
      return '\\';
    case '\b':
      return 'b';
    case '\f':
      return 'f';
    case '\n':
      return 'n';
    case '\r':
      return 'r';
    case '\t':
      return 't';
    default:
      return 0;
  }
}

bool NeedsUnicodeEscape(char32_t rune) {
  return rune < ' ' || rune == '<' || rune == '>' || rune == '&' || rune == 0x2028 ||
         rune == 0x2029;
}

constexpr std::string_view kGoEscapes = "abfnrtv\\\"";
constexpr std::string_view kGoEscaped = "\a\b\f\n\r\t\v\\\"";

void AppendGoEscape(std::string& out, const Rune& rune, std::uint8_t byte) {
  const auto to = std::back_inserter(out);
  if (!rune.valid) {
    fmt::format_to(to, "\\x{:02x}", byte);
  } else if (const auto at = rune.value < 0x80 ? kGoEscaped.find(static_cast<char>(rune.value))
                                               : kGoEscaped.npos;
             at != kGoEscaped.npos) {
    out += '\\';
    out += kGoEscapes[at];
  } else if (rune.value < ' ' || rune.value == 0x7F) {
    fmt::format_to(to, "\\x{:02x}", byte);
  } else if (rune.value < 0x10000) {
    fmt::format_to(to, "\\u{:04x}", static_cast<std::uint32_t>(rune.value));
  } else {
    fmt::format_to(to, "\\U{:08x}", static_cast<std::uint32_t>(rune.value));
  }
}

// Takes the escape that follows a backslash off the front of `rest`.
bool TakeGoEscape(std::string_view& rest, std::string& out) {
  if (rest.empty()) return false;
  const char kind = rest.front();
  if (const auto at = kGoEscapes.find(kind); at != kGoEscapes.npos) {
    out += kGoEscaped[at];
    rest.remove_prefix(1);
    return true;
  }
  const bool octal = kind >= '0' && kind <= '7';
  if (!octal) rest.remove_prefix(1);
  const std::size_t digits = octal ? 3 : kind == 'x' ? 2 : kind == 'u' ? 4 : kind == 'U' ? 8 : 0;
  if (digits == 0 || rest.size() < digits) return false;
  std::uint32_t value = 0;
  const char* const end = rest.data() + digits;
  if (std::from_chars(rest.data(), end, value, octal ? 8 : 16).ptr != end) return false;
  rest.remove_prefix(digits);
  if (kind == 'u' || kind == 'U') {
    if (value > 0x10FFFF || (value >= 0xD800 && value < 0xE000)) return false;
    AppendUtf8(out, value);
  } else {
    if (value > 0xFF) return false;
    out += static_cast<char>(value);
  }
  return true;
}

}  // namespace

void AppendJsonString(std::string& out, std::string_view text) {
  out += '"';
  for (out += TakePlain(text, IsPlainInJson); !text.empty();
       out += TakePlain(text, IsPlainInJson)) {
    const Rune rune = FirstRune(text);
    if (!rune.valid) {
      out += "\\ufffd";
    } else if (const char escape = JsonEscape(rune.value); escape != 0) {
      out += '\\';
      out += escape;
    } else if (NeedsUnicodeEscape(rune.value)) {
      fmt::format_to(std::back_inserter(out), "\\u{:04x}", static_cast<std::uint32_t>(rune.value));
    } else {
      out += text.substr(0, rune.width);
    }
    text.remove_prefix(rune.width);
  }
  out += '"';
}

void JsonObjectWriter::Name(std::string_view name) {
  if (!first_) out_ += ',';
  first_ = false;
  out_ += '"';
  out_ += name;
  out_ += "\":";
}

void JsonObjectWriter::String(std::string_view name, std::string_view value) {
  Name(name);
  AppendJsonString(out_, value);
}

void JsonObjectWriter::Number(std::string_view name, std::uint64_t value) {
  Name(name);
  char digits[20];
  out_.append(digits, std::to_chars(std::begin(digits), std::end(digits), value).ptr);
}

void JsonObjectWriter::Bool(std::string_view name, bool value) {
  Name(name);
  out_ += value ? "true" : "false";
}

void JsonObjectWriter::StringUnlessEmpty(std::string_view name, std::string_view value) {
  if (!value.empty()) String(name, value);
}

void JsonObjectWriter::NumberUnlessZero(std::string_view name, std::uint64_t value) {
  if (value != 0) Number(name, value);
}

bool IsUtf8(std::string_view text) {
  for (TakePlain(text, IsAscii); !text.empty(); TakePlain(text, IsAscii)) {
    const Rune rune = FirstRune(text);
    if (!rune.valid) return false;
    text.remove_prefix(rune.width);
  }
  return true;
}

std::string GoQuote(std::string_view bytes) {
  std::string out;
  out.reserve(bytes.size());
  for (out += TakePlain(bytes, IsPlainInGo); !bytes.empty(); out += TakePlain(bytes, IsPlainInGo)) {
    const Rune rune = FirstRune(bytes);
    const bool plain =
        rune.valid && IsPrintable(rune.value) && rune.value != '"' && rune.value != '\\';
    if (plain) {
      out += bytes.substr(0, rune.width);
    } else {
      AppendGoEscape(out, rune, static_cast<std::uint8_t>(bytes[0]));
    }
    bytes.remove_prefix(rune.width);
  }
  return out;
}

Result<std::string> GoUnquote(std::string_view text) {
  std::string out;
  out.reserve(text.size());
  while (!text.empty()) {
    const char c = text.front();
    text.remove_prefix(1);
    if (c == '"' || c == '\n') return Fail(Code::kInvalid, "a name is not quoted as Go does");
    if (c != '\\') {
      out += c;
    } else if (!TakeGoEscape(text, out)) {
      return Fail(Code::kInvalid, "a name has an escape that Go does not know");
    }
  }
  return out;
}

}  // namespace holdfast::repo
