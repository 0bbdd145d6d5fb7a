// The name of everything in a repository: a SHA-256 digest (FORMAT.md, "Ids").
#pragma once

#include <array>
#include <compare>
#include <cstdint>
#include <cstring>
#include <functional>
#include <string>
#include <string_view>

#include "base/bytes.h"
#include "base/error.h"

namespace holdfast::repo {

struct Id {
  static constexpr std::size_t kSize = 32;

  std::array<std::uint8_t, kSize> bytes{};

  // Of the plaintext for blobs, of the stored bytes for files.
  static Id Of(ByteView content);
  static Id Random();
  // Exactly 64 hex digits, lower or upper case; Invalid otherwise.
  static Result<Id> Parse(std::string_view hex);

  std::string Hex() const;
  // The first eight hex digits, for messages, as restic prints them.
  std::string Short() const;
  bool IsNull() const { return *this == Id{}; }

  friend auto operator<=>(const Id&, const Id&) = default;
};

// An id is a digest already: its first bytes are as good a hash as any.
struct IdHash {
  std::size_t operator()(const Id& id) const noexcept {
    std::size_t hash;
    std::memcpy(&hash, id.bytes.data(), sizeof(hash));
    return hash;
  }
};

}  // namespace holdfast::repo

template <>
struct std::hash<holdfast::repo::Id> : holdfast::repo::IdHash {};
