#include "crds/types/codec.h"

#include <limits>
#include <utility>

namespace holdfast::crds::codec {
namespace {

std::string_view TypeName(const Json& value) {
  if (value.is_string()) return "a string";
  if (value.is_boolean()) return "a boolean";
  if (value.is_number_integer()) return "an integer";
  if (value.is_number()) return "a number";
  if (value.is_array()) return "a list";
  return value.is_object() ? "an object" : "null";
}

bool FitsInt64(const Json& value) {
  if (!value.is_number_integer()) return false;
  return !value.is_number_unsigned() ||
         value.get<std::uint64_t>() <= std::uint64_t{std::numeric_limits<std::int64_t>::max()};
}

}  // namespace

std::string ToString(const Path& path) {
  if (path.is_index) return ToString(*path.parent) + "[" + std::to_string(path.index) + "]";
  std::string text = path.parent == nullptr ? "" : ToString(*path.parent);
  if (!text.empty()) text += ".";
  return text.append(path.name);
}

void Decoder::Fail(const Path& path, std::string_view problem) {
  error_ = Error{Code::kInvalid, ToString(path) + ": " + std::string(problem)};
}

bool Decoder::Expect(bool right_type, const Path& path, std::string_view expected,
                     const Json& found) {
  if (!right_type)
    Fail(path,
         std::string("expected ").append(expected).append(", found ").append(TypeName(found)));
  return right_type;
}

void Decoder::Read(const Json& from, std::string& to, const Path& path) {
  if (Expect(from.is_string(), path, "a string", from)) to = from.get_ref<const std::string&>();
}

void Decoder::Read(const Json& from, bool& to, const Path& path) {
  if (Expect(from.is_boolean(), path, "a boolean", from)) to = from.get<bool>();
}

void Decoder::Read(const Json& from, std::int64_t& to, const Path& path) {
  if (Expect(FitsInt64(from), path, "an integer", from)) to = from.get<std::int64_t>();
}

void Decoder::Read(const Json& from, TimePoint& to, const Path& path) {
  if (!Expect(from.is_string(), path, "a time", from)) return;
  if (const auto time = ParseTime(from.get_ref<const std::string&>()))
    to = *time;
  else
    Fail(path, time.error().message);
}

void Decoder::Read(const Json& from, Quantity& to, const Path& path) {
  if (from.is_number_integer())
    to.text = from.dump();
  else if (Expect(from.is_string(), path, "a quantity", from))
    to.text = from.get_ref<const std::string&>();
}

void Decoder::Read(const Json& from, RawObject& to, const Path& path) {
  if (Expect(from.is_object(), path, "an object", from)) to.text = DumpJson(from);
}

Json ToJson(TimePoint value) { return FormatTime(value); }
Json ToJson(const Quantity& value) { return value.text; }

Json ToJson(const RawObject& value) {
  const Result<Json> json = ParseJson(value.text);
  return json ? *json : Json::object();
}

Error WithObject(const KindInfo& info, const Json& object, Error error) {
  std::string name(info.kind);
  name += " " + FindString(object, {"metadata", "namespace"});
  name += "/" + FindString(object, {"metadata", "name"});
  return WithContext(name, std::move(error));
}

}  // namespace holdfast::crds::codec
