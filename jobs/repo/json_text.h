// JSON written as Go's encoding/json writes it: field order, omissions and escapes decide the id of
// what restic and we store (FORMAT.md, "JSON").
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "base/bytes.h"
#include "base/error.h"

namespace holdfast::repo {

// Appends a quoted string: <, > and & as \u003c etc., U+2028 and U+2029 escaped, bytes that are not
// UTF-8 as \ufffd each.
void AppendJsonString(std::string& out, std::string_view text);

// The members of one object, appended in the order of the calls.
class JsonObjectWriter {
 public:
  explicit JsonObjectWriter(std::string& out) : out_(out) { out_ += '{'; }

  void String(std::string_view name, std::string_view value);
  void Number(std::string_view name, std::uint64_t value);
  void Bool(std::string_view name, bool value);
  // Go's "omitempty".
  void StringUnlessEmpty(std::string_view name, std::string_view value);
  void NumberUnlessZero(std::string_view name, std::uint64_t value);
  // Starts a member whose value the caller appends to the same text.
  void Name(std::string_view name);
  void Close() { out_ += '}'; }

 private:
  std::string& out_;
  bool first_ = true;
};

// Whether a text is UTF-8 as Go judges it: no surrogates, no overlong forms.
bool IsUtf8(std::string_view text);

// Text as Go's strconv.Quote writes it, without the quotes: how restic spells file names, which may
// be any bytes, inside JSON strings.
std::string GoQuote(std::string_view bytes);
// The reverse, strconv.Unquote. Invalid when malformed.
Result<std::string> GoUnquote(std::string_view text);

}  // namespace holdfast::repo
