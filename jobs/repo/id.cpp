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
  TRY(const Bytes bytes, FromHex(hex));
  Id id;
  std::ranges::copy(bytes, id.bytes.begin());
  return id;
}

std::string Id::Hex() const { return ToHex(bytes); }

std::string Id::Short() const { return ToHex(ByteView(bytes).first(4)); }

}  // namespace holdfast::repo
