// JSON by nlohmann, without its exceptions: parsing gives a Result, and reading a field that is
// missing or of another type gives Invalid with the field's name.
#pragma once

#include <optional>
#include <string>
#include <string_view>

#include <nlohmann/json.hpp>

#include "base/error.h"

namespace holdfast {

using Json = nlohmann::json;

// Invalid when `text` is not one JSON value in valid UTF-8 nested at most 256 deep (a document of
// a hostile sender must not exhaust the stack).
Result<Json> ParseJson(std::string_view text);

// The same of a value that is an object, and of it only what is objects in objects: without arrays
// and scalars, which of a large schema are most.
Result<Json> ParseJsonObjects(std::string_view text);

// Compact text. Bytes that are not UTF-8 become U+FFFD: JSON has no way to carry them.
std::string DumpJson(const Json& value);

// The member at a path like {"spec", "template"}; nullptr when any step is missing.
const Json* Find(const Json& value, std::initializer_list<std::string_view> path);

// The string at `path`, or "" when it is missing or not a string.
std::string FindString(const Json& value, std::initializer_list<std::string_view> path);

// The integer at `path`; nullopt when missing or not an integer.
std::optional<std::int64_t> FindInt(const Json& value,
                                    std::initializer_list<std::string_view> path);

// Decodes with the type's from_json; Invalid with the decoder's words when that throws.
template <typename T>
Result<T> DecodeJson(const Json& value) {
  try {
    return value.get<T>();
  } catch (const nlohmann::json::exception& e) {
    return Fail(Code::kInvalid, e.what());
  }
}

}  // namespace holdfast
