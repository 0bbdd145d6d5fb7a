// Authenticated encryption of everything but key files: AES-256-CTR, then Poly1305-AES over the
// ciphertext (FORMAT.md, "Encryption").
#pragma once

#include <array>
#include <cstdint>
#include <memory>
#include <span>

#include "base/bytes.h"
#include "base/error.h"

namespace holdfast::repo {

inline constexpr std::size_t kIvSize = 16;
inline constexpr std::size_t kMacSize = 16;
// What sealing adds to a plaintext: the IV in front and the MAC behind.
inline constexpr std::size_t kSealOverhead = kIvSize + kMacSize;

// The Poly1305 tag of `message` (Bernstein 2005; RFC 8439 section 2.5). `key` is r, which is
// clamped here, followed by s.
std::array<std::uint8_t, kMacSize> Poly1305(std::span<const std::uint8_t, 32> key,
                                            ByteView message);

// Encryption and authentication keys: a repository's master key, or the key a password derives.
//
// The 64 bytes live in a page of their own, kept out of swap and core dumps where the kernel
// allows, and are wiped when the key goes. Every const method is safe from many threads.
class Key {
 public:
  static constexpr std::size_t kSize = 64;

  // Layout of `material`: 32 bytes AES-256, 16 bytes AES-128 for the nonce, 16 bytes r.
  explicit Key(std::span<const std::uint8_t, kSize> material);
  static Key Random();

  Key(Key&&) noexcept = default;
  Key& operator=(Key&&) noexcept = default;
  Key Clone() const { return Key(Material()); }

  // Writes IV || ciphertext || MAC into `out`, which is kSealOverhead longer than `plaintext` and
  // does not overlap it. A fresh random IV each time.
  void Seal(ByteView plaintext, std::span<std::uint8_t> out) const;
  Bytes Seal(ByteView plaintext) const;

  // Decrypts where it stands and returns the part of `sealed` that is now the plaintext. Corrupt,
  // with `sealed` unchanged, when it is too short or the MAC does not match.
  Result<std::span<std::uint8_t>> OpenInPlace(std::span<std::uint8_t> sealed) const;
  Result<Bytes> Open(ByteView sealed) const;

  // For key files only.
  std::span<const std::uint8_t, kSize> Material() const;
  // All-zero parts are what a truncated key file decodes to; restic refuses them too.
  bool Valid() const;

 private:
  struct Unmap {
    void operator()(std::uint8_t* page) const;
  };

  std::array<std::uint8_t, kMacSize> Mac(ByteView iv, ByteView ciphertext) const;
  void Crypt(ByteView iv, ByteView in, std::uint8_t* out) const;

  std::unique_ptr<std::uint8_t[], Unmap> page_;
  std::uint64_t serial_;  // no other key in this process has had it
};

}  // namespace holdfast::repo
