#include "jobs/repo/id.h"

#include <algorithm>
#include <stdexcept>

#include <openssl/rand.h>

#include "base/hash.h"
#include "base/hex.h"

namespace holdfast::repo {

Id Id::Of(ByteView content) { return Id{Sha256(content)}; }

Id Id::Random() {
  Id id;
  if (RAND_bytes(id.bytes.data(), static_cast<int>(id.bytes.size())) != 1)
    throw std::runtime_error("the system has no random bytes");
  return id;
}

Result<Id> Id::Parse(std::string_view hex) {
  if (hex.size() != 2 * kSize) return Fail(Code::kInvalid, "an id has 64 hex digits");
  // Index files and trees have millions of these: no memory is taken.
  static constexpr auto kDigit = [] {
    std::array<std::int8_t, 256> digits{};
    digits.fill(-1);
    for (int i = 0; i < 16; ++i) {
      digits[static_cast<std::uint8_t>("0123456789abcdef"[i])] = static_cast<std::int8_t>(i);
      digits[static_cast<std::uint8_t>("0123456789ABCDEF"[i])] = static_cast<std::int8_t>(i);
    }
    return digits;
  }();
  Id id;
  int wrong = 0;
  for (std::size_t i = 0; i < kSize; ++i) {
    const int high = kDigit[static_cast<std::uint8_t>(hex[2 * i])];
    const int low = kDigit[static_cast<std::uint8_t>(hex[2 * i + 1])];
    wrong |= high | low;
    id.bytes[i] = static_cast<std::uint8_t>(high << 4 | low);
  }
  if (wrong < 0) return Fail(Code::kInvalid, "an id has a character that is no hex digit");
  return id;
}

std::string Id::Hex() const { return ToHex(bytes); }

std::string Id::Short() const { return ToHex(ByteView(bytes).first(4)); }

}  // namespace holdfast::repo
