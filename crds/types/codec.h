// Decode and Encode for anything that declares its fields (fields.h). Only this folder's sources
// and the schema test include it: it brings all of nlohmann_json.
#pragma once

#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/clock.h"
#include "base/json.h"
#include "crds/types/fields.h"
#include "crds/types/kinds.h"
#include "crds/types/meta.h"

namespace holdfast::crds::codec {

// Where the decoder is, as a list on the stack: spelled out only when there is an error.
struct Path {
  const Path* parent = nullptr;
  std::string_view name = {};
  std::size_t index = 0;
  bool is_index = false;
};
// "spec.schedules[0].cron"
std::string ToString(const Path& path);

// Stops at the first error and keeps it.
class Decoder {
 public:
  const std::optional<Error>& error() const { return error_; }

  void Read(const Json& from, std::string& to, const Path& path);
  void Read(const Json& from, bool& to, const Path& path);
  void Read(const Json& from, std::int64_t& to, const Path& path);
  void Read(const Json& from, TimePoint& to, const Path& path);
  void Read(const Json& from, Quantity& to, const Path& path);
  void Read(const Json& from, RawObject& to, const Path& path);

  template <NamedEnum E>
  void Read(const Json& from, E& to, const Path& path) {
    std::string name;
    Read(from, name, path);
    if (!error_ && !FromName(name, to)) UnknownName(path, name, Names(to));
  }
  template <typename T>
  void Read(const Json& from, std::optional<T>& to, const Path& path) {
    Read(from, to.emplace(), path);
  }
  template <typename T>
  void Read(const Json& from, std::vector<T>& to, const Path& path);
  template <typename T>
  void Read(const Json& from, std::map<std::string, T, std::less<>>& to, const Path& path);
  template <HasFields T>
  void Read(const Json& from, T& to, const Path& path);

 private:
  bool Expect(bool right_type, const Path& path, std::string_view expected, const Json& found);
  void Fail(const Path& path, std::string_view problem);
  template <typename List>
  void UnknownName(const Path& path, const std::string& name, const List& names) {
    std::string problem = "\"" + name + "\" is none of ";
    for (const std::string_view known : names) problem.append(known).append(", ");
    problem.resize(problem.size() - 2);
    Fail(path, problem);
  }

  std::optional<Error> error_;
};

template <typename T>
void Decoder::Read(const Json& from, std::vector<T>& to, const Path& path) {
  if (!Expect(from.is_array(), path, "a list", from)) return;
  to.reserve(from.size());
  for (std::size_t i = 0; i < from.size() && !error_; ++i)
    Read(from[i], to.emplace_back(), {.parent = &path, .index = i, .is_index = true});
}

template <typename T>
void Decoder::Read(const Json& from, std::map<std::string, T, std::less<>>& to, const Path& path) {
  if (!Expect(from.is_object(), path, "an object", from)) return;
  for (auto member = from.begin(); member != from.end() && !error_; ++member)
    Read(member.value(), to[member.key()], {.parent = &path, .name = member.key()});
}

template <HasFields T>
void Decoder::Read(const Json& from, T& to, const Path& path) {
  if (!Expect(from.is_object(), path, "an object", from)) return;
  T::Fields([&](const char* name, auto member, Presence presence = kNormal) {
    if (error_) return;
    const Path inner{.parent = &path, .name = name};
    const auto found = from.find(name);
    if (found != from.end() && !found->is_null())
      Read(*found, to.*member, inner);
    else if (presence == kRequired)
      Fail(inner, "is required but missing");
  });
}

inline Json ToJson(const std::string& value) { return value; }
inline Json ToJson(bool value) { return value; }
inline Json ToJson(std::int64_t value) { return value; }
Json ToJson(TimePoint value);
Json ToJson(const Quantity& value);
Json ToJson(const RawObject& value);

template <NamedEnum E>
Json ToJson(E value) {
  return std::string(NameOf(value));
}
template <typename T>
Json ToJson(const std::vector<T>& list);
template <typename T>
Json ToJson(const std::map<std::string, T, std::less<>>& map);
template <HasFields T>
Json ToJson(const T& value);

// The rules of fields.h for what is left out.
template <typename T>
bool IsAbsentValue(const T& value, Presence presence) {
  if (presence == kRequired) return false;
  if constexpr (requires { value.empty(); })
    return value.empty();
  else if constexpr (HasFields<T>)
    return value == T{};
  else
    return presence == kOmitZero && value == T{};
}

template <typename T>
Json ToJson(const std::vector<T>& list) {
  Json array = Json::array();
  for (const T& item : list) array.push_back(ToJson(item));
  return array;
}

template <typename T>
Json ToJson(const std::map<std::string, T, std::less<>>& map) {
  Json object = Json::object();
  for (const auto& [key, value] : map) object[key] = ToJson(value);
  return object;
}

template <HasFields T>
Json ToJson(const T& value) {
  Json object = Json::object();
  T::Fields([&](const char* name, auto member, Presence presence = kNormal) {
    const auto& field = value.*member;
    if constexpr (requires { field.has_value(); }) {
      if (field.has_value()) object[name] = ToJson(*field);
    } else {
      if (!IsAbsentValue(field, presence)) object[name] = ToJson(field);
    }
  });
  return object;
}

Error WithObject(const KindInfo& info, const Json& object, Error error);

template <typename Kind>
Result<Kind> DecodeKind(const Json& object) {
  Kind kind;
  Decoder decoder;
  const Path root;
  const auto part = [&](const char* name, auto& to) {
    const auto found = object.find(name);
    if (found != object.end() && !found->is_null() && !decoder.error())
      decoder.Read(*found, to, {.parent = &root, .name = name});
  };
  if (!object.is_object()) return Fail(Code::kInvalid, "expected an object");
  part("metadata", kind.metadata);
  kind.metadata.annotations.erase("kubectl.kubernetes.io/last-applied-configuration");
  part("spec", kind.spec);
  part("status", kind.status);
  if (decoder.error())
    return tl::make_unexpected(WithObject(InfoOf<Kind>(), object, *decoder.error()));
  return kind;
}

template <typename Kind>
Json Frame() {
  return {{"apiVersion", kApiVersion}, {"kind", InfoOf<Kind>().kind}};
}

template <typename Kind>
Json EncodeKind(const Kind& object) {
  Json json = Frame<Kind>();
  json["metadata"] = ToJson(object.metadata);
  json["spec"] = ToJson(object.spec);
  return json;
}

template <typename Kind>
Json EncodeKindStatus(const Kind& object) {
  Json json = Frame<Kind>();
  json["metadata"] = {{"name", object.metadata.name}, {"namespace", object.metadata.namespace_}};
  json["status"] = ToJson(object.status);
  return json;
}

}  // namespace holdfast::crds::codec
