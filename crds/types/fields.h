// How the types of this folder declare their fields, once, for decoding, encoding and the test that
// holds them against the CRDs' schema:
//
//   struct Hook {
//     std::string container;
//     std::string timeout = "30s";
//
//     template <typename V>
//     static void Fields(V&& visit) {
//       visit("container", &Hook::container);
//       visit("timeout", &Hook::timeout);
//     }
//   };
//
// What a member's type means:
//   std::optional<T>             absent is nullopt
//   string, vector, StringMap    absent is empty
//   a struct with Fields         absent is a default-constructed one, and the other way round
//   bool, integer, enum          absent is the member's initialiser; always encoded
// Initialisers of a spec's members are the defaults of the schema.
#pragma once

#include <algorithm>
#include <array>
#include <cstdint>
#include <map>
#include <string>
#include <string_view>

namespace holdfast::crds {

enum class Presence : std::uint8_t {
  kNormal,
  kRequired,  // decoding fails without it
  kOmitZero,  // a number or bool that is left out when it is 0 or false
};
using enum Presence;

using StringMap = std::map<std::string, std::string, std::less<>>;

// A Kubernetes quantity ("500Mi", "250m", 128): JSON string or integer, kept as text.
// base/quantity.h reads those that are sizes.
struct Quantity {
  std::string text;

  bool empty() const { return text.empty(); }
  friend bool operator==(const Quantity&, const Quantity&) = default;
};
using ResourceList = std::map<std::string, Quantity, std::less<>>;

// A JSON object that is handed on to Kubernetes as it stands (pod affinity), as compact text.
struct RawObject {
  std::string text;  // empty when absent

  bool empty() const { return text.empty(); }
  friend bool operator==(const RawObject&, const RawObject&) = default;
};

// An enum has a `constexpr auto Names(E)` beside it: the API's words in the order of the values.
template <typename E>
concept NamedEnum = requires(E value) {
  Names(value).size();
};

// The API's word for the value: NameOf(BackupPhase::kRunning) is "Running".
template <NamedEnum E>
constexpr std::string_view NameOf(E value) {
  return Names(value)[static_cast<std::size_t>(value)];
}

// False, and `value` untouched, when no value has that name.
template <NamedEnum E>
constexpr bool FromName(std::string_view name, E& value) {
  const auto names = Names(value);
  const auto found = std::find(names.begin(), names.end(), name);
  if (found == names.end()) return false;
  value = static_cast<E>(found - names.begin());
  return true;
}

namespace internal {
struct AnyVisitor {
  template <typename Member>
  void operator()(const char*, Member, Presence = kNormal) {}
};
}  // namespace internal

template <typename T>
concept HasFields = requires(internal::AnyVisitor visitor) {
  T::Fields(visitor);
};

}  // namespace holdfast::crds
