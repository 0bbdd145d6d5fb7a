#include "base/hash.h"

#include <new>

#include <openssl/evp.h>
#include <openssl/hmac.h>

#include "base/hex.h"

namespace holdfast {
namespace {

// OpenSSL's digest calls fail only when memory runs out.
void Require(int ok) {
  if (ok != 1) throw std::bad_alloc();
}

}  // namespace

Sha256Digest Sha256(ByteView data) {
  Sha256Digest digest;
  Require(EVP_Digest(data.data(), data.size(), digest.data(), nullptr, EVP_sha256(), nullptr));
  return digest;
}

Sha256Digest HmacSha256(ByteView key, ByteView data) {
  Sha256Digest digest;
  unsigned length = digest.size();
  const bool done = HMAC(EVP_sha256(), key.data(), static_cast<int>(key.size()), data.data(),
                         data.size(), digest.data(), &length) != nullptr;
  Require(done ? 1 : 0);
  return digest;
}

Sha256Digest HkdfSha256(ByteView key, ByteView purpose) {
  const Sha256Digest extracted = HmacSha256(Sha256Digest{}, key);
  Bytes block(purpose.begin(), purpose.end());
  block.push_back(1);  // the first block of as many as one likes
  return HmacSha256(extracted, block);
}

std::string ShortHash(std::string_view text, std::size_t digits) {
  return ToHex(Sha256(AsBytes(text))).substr(0, digits);
}

void Sha256Stream::Free::operator()(evp_md_ctx_st* context) const { EVP_MD_CTX_free(context); }

Sha256Stream::Sha256Stream() : context_(EVP_MD_CTX_new()) {
  if (!context_) throw std::bad_alloc();
  Require(EVP_DigestInit_ex(context_.get(), EVP_sha256(), nullptr));
}

Sha256Stream::~Sha256Stream() = default;
Sha256Stream::Sha256Stream(Sha256Stream&&) noexcept = default;
Sha256Stream& Sha256Stream::operator=(Sha256Stream&&) noexcept = default;

void Sha256Stream::Update(ByteView data) {
  Require(EVP_DigestUpdate(context_.get(), data.data(), data.size()));
}

Sha256Digest Sha256Stream::Finish() {
  Sha256Digest digest;
  Require(EVP_DigestFinal_ex(context_.get(), digest.data(), nullptr));
  Require(EVP_DigestInit_ex(context_.get(), EVP_sha256(), nullptr));
  return digest;
}

}  // namespace holdfast
