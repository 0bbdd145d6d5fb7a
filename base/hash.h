// SHA-256 and HMAC-SHA-256 by OpenSSL.
#pragma once

#include <array>
#include <cstdint>
#include <memory>
#include <string>
#include <string_view>

#include "base/bytes.h"

struct evp_md_ctx_st;

namespace holdfast {

using Sha256Digest = std::array<std::uint8_t, 32>;

Sha256Digest Sha256(ByteView data);
Sha256Digest HmacSha256(ByteView key, ByteView data);

// A key derived from `key` for one purpose: HKDF-SHA-256 (RFC 5869) without salt, 32 bytes.
Sha256Digest HkdfSha256(ByteView key, ByteView purpose);

// The first `digits` hex digits of the SHA-256 of `text`: stable short names (at most 64).
std::string ShortHash(std::string_view text, std::size_t digits);

// SHA-256 over a stream of pieces. Not safe for use from two threads at once.
class Sha256Stream {
 public:
  Sha256Stream();
  ~Sha256Stream();
  Sha256Stream(Sha256Stream&&) noexcept;
  Sha256Stream& operator=(Sha256Stream&&) noexcept;

  void Update(ByteView data);
  // The digest of everything so far; the stream then starts over.
  Sha256Digest Finish();

 private:
  struct Free {
    void operator()(evp_md_ctx_st* context) const;
  };
  std::unique_ptr<evp_md_ctx_st, Free> context_;
};

}  // namespace holdfast
