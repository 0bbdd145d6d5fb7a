#include "jobs/repo/crypto.h"

#include <algorithm>
#include <atomic>
#include <climits>
#include <new>
#include <stdexcept>

#include <openssl/core_names.h>
#include <openssl/crypto.h>
#include <openssl/evp.h>
#include <openssl/params.h>
#include <openssl/rand.h>
#include <sys/mman.h>
#include <unistd.h>

#if defined(__x86_64__)
#include <immintrin.h>
#endif

namespace holdfast::repo {
namespace {

constexpr std::size_t kEncryptionKey = 0;  // offsets into the key material
constexpr std::size_t kMacKeyK = 32;
constexpr std::size_t kMacKeyR = 48;

// OpenSSL's calls here fail only when memory or entropy runs out; nothing sensible can follow.
void Require(bool ok) {
  if (!ok) throw std::runtime_error("OpenSSL is out of memory or entropy");
}

std::size_t PageSize() { return static_cast<std::size_t>(sysconf(_SC_PAGESIZE)); }

std::uint8_t* MapSecretPage() {
  void* page =
      mmap(nullptr, PageSize(), PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  if (page == MAP_FAILED) throw std::bad_alloc();
  // Both are refused in some containers; the key works without them.
  (void)mlock(page, PageSize());
  (void)madvise(page, PageSize(), MADV_DONTDUMP);
  return static_cast<std::uint8_t*>(page);
}

struct FreeCipher {
  void operator()(EVP_CIPHER_CTX* context) const { EVP_CIPHER_CTX_free(context); }
};
struct FreeMac {
  void operator()(EVP_MAC_CTX* context) const { EVP_MAC_CTX_free(context); }
};
using CipherContext = std::unique_ptr<EVP_CIPHER_CTX, FreeCipher>;
using MacContext = std::unique_ptr<EVP_MAC_CTX, FreeMac>;

// A thread's cipher with the key schedule it used last: making one costs more than sealing a small
// blob. Schedules are told apart by serial number, as addresses are used again.
class KeyedCipher {
 public:
  explicit KeyedCipher(const EVP_CIPHER* cipher) : cipher_(cipher), context_(EVP_CIPHER_CTX_new()) {
    Require(context_ != nullptr);
  }

  // Ready for a message; `iv` is null for a cipher without one.
  EVP_CIPHER_CTX* Start(std::uint64_t serial, const std::uint8_t* key, const std::uint8_t* iv) {
    const bool known = serial == serial_;
    Require(EVP_EncryptInit_ex(context_.get(), known ? nullptr : cipher_, nullptr,
                               known ? nullptr : key, iv) == 1);
    serial_ = serial;
    return context_.get();
  }

 private:
  const EVP_CIPHER* const cipher_;
  const CipherContext context_;
  std::uint64_t serial_ = 0;  // of no key
};

std::uint64_t NextSerial() {
  static std::atomic<std::uint64_t> last = 0;
  return ++last;
}

// Random bytes are drawn for many IVs at a time.
void FillIv(std::span<std::uint8_t> iv) {
  constexpr std::size_t kDrawn = 256 * kIvSize;
  thread_local std::array<std::uint8_t, kDrawn> drawn;
  thread_local std::size_t used = kDrawn;
  if (used == kDrawn) {
    Require(RAND_bytes(drawn.data(), static_cast<int>(kDrawn)) == 1);
    used = 0;
  }
  std::copy_n(drawn.data() + used, kIvSize, iv.data());
  used += kIvSize;
}

EVP_MAC_CTX* ThreadPoly1305() {
  static EVP_MAC* const mac = EVP_MAC_fetch(nullptr, "POLY1305", nullptr);
  thread_local const MacContext context(EVP_MAC_CTX_new(mac));
  Require(context != nullptr);
  return context.get();
}

// EVP takes lengths as int, and blobs may be larger than that.
void Update(EVP_CIPHER_CTX* context, const std::uint8_t* in, std::uint8_t* out, std::size_t size) {
  constexpr std::size_t kStep = 1U << 30;
  while (size > 0) {
    const std::size_t step = std::min(size, kStep);
    int written = 0;
    Require(EVP_EncryptUpdate(context, out, &written, in, static_cast<int>(step)) == 1);
    in += step;
    out += step;
    size -= step;
  }
}

#if defined(__x86_64__)
__attribute__((target("avx"))) void ClearUpperHalves() { _mm256_zeroupper(); }
#endif

// OpenSSL's Poly1305 (3.0) ends with the upper halves of vector registers in use. From then on each
// SSE instruction of this thread has to keep them: SHA-256 takes up to 2.8 times as long (Zen 4).
void FreeUpperHalves() {
#if defined(__x86_64__)
  static const bool has_avx = __builtin_cpu_supports("avx");
  if (has_avx) ClearUpperHalves();
#endif
}

bool AnyBit(ByteView bytes) {
  return std::ranges::any_of(bytes, [](std::uint8_t byte) { return byte != 0; });
}

}  // namespace

std::array<std::uint8_t, kMacSize> Poly1305(std::span<const std::uint8_t, 32> key,
                                            ByteView message) {
  EVP_MAC_CTX* context = ThreadPoly1305();
  Require(EVP_MAC_init(context, key.data(), key.size(), nullptr) == 1);
  Require(EVP_MAC_update(context, message.data(), message.size()) == 1);
  std::array<std::uint8_t, kMacSize> tag;
  std::size_t written = 0;
  Require(EVP_MAC_final(context, tag.data(), &written, tag.size()) == 1);
  FreeUpperHalves();
  return tag;
}

void Key::Unmap::operator()(std::uint8_t* page) const {
  OPENSSL_cleanse(page, kSize);
  munmap(page, PageSize());
}

Key::Key(std::span<const std::uint8_t, kSize> material)
    : page_(MapSecretPage()), serial_(NextSerial()) {
  std::ranges::copy(material, page_.get());
}

Key Key::Random() {
  std::array<std::uint8_t, kSize> material;
  Require(RAND_priv_bytes(material.data(), static_cast<int>(material.size())) == 1);
  Key key(material);
  Wipe(material);
  return key;
}

std::span<const std::uint8_t, Key::kSize> Key::Material() const {
  return std::span<const std::uint8_t, kSize>(page_.get(), kSize);
}

bool Key::Valid() const {
  const ByteView all = Material();
  return AnyBit(all.first(kMacKeyK)) && AnyBit(all.subspan(kMacKeyK, 16)) &&
         AnyBit(all.subspan(kMacKeyR));
}

std::array<std::uint8_t, kMacSize> Key::Mac(ByteView iv, ByteView ciphertext) const {
  std::array<std::uint8_t, 32> once;
  std::copy_n(page_.get() + kMacKeyR, 16, once.begin());
  thread_local KeyedCipher aes(EVP_aes_128_ecb());
  Update(aes.Start(serial_, page_.get() + kMacKeyK, nullptr), iv.data(), once.data() + 16, kIvSize);
  const auto tag = Poly1305(once, ciphertext);
  Wipe(once);
  return tag;
}

void Key::Crypt(ByteView iv, ByteView in, std::uint8_t* out) const {
  thread_local KeyedCipher aes(EVP_aes_256_ctr());
  Update(aes.Start(serial_, page_.get() + kEncryptionKey, iv.data()), in.data(), out, in.size());
}

void Key::Seal(ByteView plaintext, std::span<std::uint8_t> out) const {
  const auto iv = out.first(kIvSize);
  const auto ciphertext = out.subspan(kIvSize, plaintext.size());
  FillIv(iv);
  Crypt(iv, plaintext, ciphertext.data());
  std::ranges::copy(Mac(iv, ciphertext), ciphertext.data() + ciphertext.size());
}

Bytes Key::Seal(ByteView plaintext) const {
  Bytes out(plaintext.size() + kSealOverhead);
  Seal(plaintext, out);
  return out;
}

Result<std::span<std::uint8_t>> Key::OpenInPlace(std::span<std::uint8_t> sealed) const {
  if (sealed.size() < kSealOverhead) return Fail(Code::kCorrupt, "too short to be encrypted data");
  const auto iv = sealed.first(kIvSize);
  const auto ciphertext = sealed.subspan(kIvSize, sealed.size() - kSealOverhead);
  const auto tag = Mac(iv, ciphertext);
  if (CRYPTO_memcmp(tag.data(), sealed.last(kMacSize).data(), kMacSize) != 0)
    return Fail(Code::kCorrupt, "the authentication code does not match");
  Crypt(iv, ciphertext, ciphertext.data());
  return ciphertext;
}

Result<Bytes> Key::Open(ByteView sealed) const {
  Bytes copy(sealed.begin(), sealed.end());
  TRY(const auto plaintext, OpenInPlace(copy));
  return Bytes(plaintext.begin(), plaintext.end());
}

}  // namespace holdfast::repo
