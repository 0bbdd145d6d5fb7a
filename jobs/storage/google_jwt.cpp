#include "jobs/storage/google_jwt.h"

#include <memory>
#include <new>

#include <openssl/bio.h>
#include <openssl/evp.h>
#include <openssl/pem.h>

#include "jobs/storage/encoding.h"

namespace holdfast::storage {
namespace {

struct Free {
  void operator()(BIO* bio) const { BIO_free(bio); }
  void operator()(EVP_PKEY* key) const { EVP_PKEY_free(key); }
  void operator()(EVP_MD_CTX* context) const { EVP_MD_CTX_free(context); }
};
template <typename T>
using Owned = std::unique_ptr<T, Free>;

Result<Owned<EVP_PKEY>> ParseKey(const std::string& pem) {
  const Owned<BIO> bio(BIO_new_mem_buf(pem.data(), static_cast<int>(pem.size())));
  if (!bio) throw std::bad_alloc();
  // A key with a passphrase must not make OpenSSL ask for it on the terminal.
  const auto no_passphrase = [](char*, int, int, void*) { return -1; };
  Owned<EVP_PKEY> key(PEM_read_bio_PrivateKey(bio.get(), nullptr, no_passphrase, nullptr));
  if (!key || EVP_PKEY_get_base_id(key.get()) != EVP_PKEY_RSA)
    return Fail(Code::kInvalid, "its private_key is no RSA key in PEM");
  return key;
}

}  // namespace

Result<std::string> SignRs256(std::string_view text, const std::string& private_key) {
  TRY(const Owned<EVP_PKEY> key, ParseKey(private_key));
  const Owned<EVP_MD_CTX> context(EVP_MD_CTX_new());
  if (!context) throw std::bad_alloc();
  const ByteView bytes = AsBytes(text);
  std::size_t size = static_cast<std::size_t>(EVP_PKEY_get_size(key.get()));
  Bytes signature(size);
  if (EVP_DigestSignInit(context.get(), nullptr, EVP_sha256(), nullptr, key.get()) != 1 ||
      EVP_DigestSign(context.get(), signature.data(), &size, bytes.data(), bytes.size()) != 1)
    return Fail(Code::kInvalid, "its private_key cannot sign");
  signature.resize(size);
  return Base64Url(signature);
}

Result<std::string> SignedJwt(const Json& header, const Json& claims,
                              const std::string& private_key) {
  const std::string text =
      Base64Url(AsBytes(DumpJson(header))) + "." + Base64Url(AsBytes(DumpJson(claims)));
  TRY(const std::string signature, SignRs256(text, private_key));
  return text + "." + signature;
}

}  // namespace holdfast::storage
