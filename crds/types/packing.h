// Pack and Unpack for anything that declares its fields (fields.h): a compact form in memory, which
// is never stored and never leaves the process, so it has no version. Only this folder's sources
// and tests include it.
//
//   struct     a bit per field, set when it differs from a default-constructed one; then those
//   string     length and kind, then bytes; hex text (snapshot ids) and UUIDs in half and less
//   integer    zigzag varint; a time is one, in seconds where it is whole
//   list, map  count, then the elements
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/clock.h"
#include "crds/types/fields.h"

namespace holdfast::crds::packing {

class Writer {
 public:
  std::string Take() { return std::move(bytes_); }

  void Write(const std::string& value);
  void Write(bool value) { Byte(value ? 1 : 0); }
  void Write(std::int64_t value);
  void Write(TimePoint value);
  void Write(const Quantity& value) { Write(value.text); }
  void Write(const RawObject& value) { Write(value.text); }
  template <NamedEnum E>
  void Write(E value) {
    Byte(static_cast<std::uint8_t>(value));
  }
  template <typename T>
  void Write(const std::optional<T>& value) {
    Write(*value);  // an empty one is a default and not written
  }
  template <typename T>
  void Write(const std::vector<T>& list) {
    Number(list.size());
    for (const T& item : list) Write(item);
  }
  template <typename T>
  void Write(const std::map<std::string, T, std::less<>>& map) {
    Number(map.size());
    for (const auto& [key, value] : map) {
      Write(key);
      Write(value);
    }
  }
  template <HasFields T>
  void Write(const T& value) {
    [[maybe_unused]] static const T kDefault{};  // GCC 12 sees no use where all are optional
    std::uint64_t present = 0;
    int bit = 0;
    T::Fields([&](const char*, auto member, Presence = kNormal) {
      if (!(value.*member == kDefault.*member)) present |= std::uint64_t{1} << bit;
      ++bit;
    });
    Number(present);
    bit = 0;
    T::Fields([&](const char*, auto member, Presence = kNormal) {
      if ((present >> bit++ & 1) != 0) Write(value.*member);
    });
  }

 private:
  void Byte(std::uint8_t byte) { bytes_.push_back(static_cast<char>(byte)); }
  void Number(std::uint64_t value);

  std::string bytes_;
};

// Of what a Writer of the same type has written; a Reader of anything else stops at the end of its
// bytes.
class Reader {
 public:
  explicit Reader(std::string_view bytes) : bytes_(bytes) {}

  void Read(std::string& value);
  void Read(bool& value) { value = Byte() != 0; }
  void Read(std::int64_t& value);
  void Read(TimePoint& value);
  void Read(Quantity& value) { Read(value.text); }
  void Read(RawObject& value) { Read(value.text); }
  template <NamedEnum E>
  void Read(E& value) {
    value = static_cast<E>(Byte());
  }
  template <typename T>
  void Read(std::optional<T>& value) {
    Read(value.emplace());
  }
  template <typename T>
  void Read(std::vector<T>& list) {
    const std::uint64_t count = Number();
    list.clear();
    list.reserve(count);
    for (std::uint64_t i = 0; i < count; ++i) Read(list.emplace_back());
  }
  template <typename T>
  void Read(std::map<std::string, T, std::less<>>& map) {
    for (std::uint64_t left = Number(); left > 0; --left) {
      std::string key;
      Read(key);
      Read(map[std::move(key)]);
    }
  }
  template <HasFields T>
  void Read(T& value) {
    const std::uint64_t present = Number();
    int bit = 0;
    T::Fields([&](const char*, auto member, Presence = kNormal) {
      if ((present >> bit++ & 1) != 0) Read(value.*member);
    });
  }

 private:
  std::uint8_t Byte();
  std::uint64_t Number();
  std::string_view Bytes(std::uint64_t count);

  std::string_view bytes_;
};

template <typename Kind>
std::string PackKind(const Kind& object) {
  Writer writer;
  writer.Write(object.metadata);
  writer.Write(object.spec);
  writer.Write(object.status);
  return writer.Take();
}

// `object` is a fresh one.
template <typename Kind>
void UnpackKind(std::string_view bytes, Kind& object) {
  Reader reader(bytes);
  reader.Read(object.metadata);
  reader.Read(object.spec);
  reader.Read(object.status);
}

}  // namespace holdfast::crds::packing
