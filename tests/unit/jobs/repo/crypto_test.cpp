#include "jobs/repo/crypto.h"

#include <algorithm>
#include <numeric>

#include <gtest/gtest.h>

#include "base/hex.h"

#if defined(__x86_64__)
#include <cpuid.h>
#include <immintrin.h>
#endif

namespace holdfast::repo {
namespace {

std::string Tag(std::string_view key_hex, ByteView message) {
  const Bytes key = FromHex(key_hex).value();
  return ToHex(Poly1305(std::span<const std::uint8_t, 32>(key.data(), 32), message));
}

// RFC 8439, section 2.5.2.
TEST(Poly1305, PublishedExample) {
  EXPECT_EQ(Tag("85d6be7857556d337f4452fe42d506a80103808afb0db2fd4abff6af4149f51b",
                AsBytes("Cryptographic Forum Research Group")),
            "a8061dc1305136c6c22b8baf0c0127a9");
}

#if defined(__x86_64__)
// Whether the processor tells which of its registers are in use (XGETBV with 1).
bool TellsRegistersInUse() {
  unsigned a = 0, b = 0, c = 0, d = 0;
  constexpr unsigned kOsXsave = 1U << 27, kXgetbv1 = 1U << 2;
  if (__get_cpuid(1, &a, &b, &c, &d) == 0 || (c & kOsXsave) == 0) return false;
  return __get_cpuid_count(0xd, 1, &a, &b, &c, &d) != 0 && (a & kXgetbv1) != 0;
}

// False on a processor that does not tell.
__attribute__((target("xsave"))) bool UpperHalvesInUse() {
  constexpr unsigned long long kAvxState = 1U << 2;
  return TellsRegistersInUse() && (_xgetbv(1) & kAvxState) != 0;
}

// They would slow down every SSE instruction after it.
TEST(Poly1305, LeavesNoUpperHalvesInUse) {
  const Bytes key(32, 1);
  for (const std::size_t size : {16U, 100U, 1000U, 5000U, 100'000U, 1'000'001U}) {
    const Bytes message(size, 2);
    Poly1305(std::span<const std::uint8_t, 32>(key.data(), 32), message);
    EXPECT_FALSE(UpperHalvesInUse()) << "after " << size << " bytes";
  }
}
#endif

// RFC 8439, appendix A.3, vectors 1, 7, 8 and 9: the corners of arithmetic modulo 2^130 - 5.
TEST(Poly1305, PublishedCorners) {
  const std::string zeros(32, '0');
  EXPECT_EQ(Tag(zeros + zeros, Bytes(64)), zeros);
  EXPECT_EQ(Tag("01" + std::string(62, '0'), FromHex("ffffffffffffffffffffffffffffffff"
                                                     "f0ffffffffffffffffffffffffffffff"
                                                     "11000000000000000000000000000000")
                                                 .value()),
            "05000000000000000000000000000000");
  EXPECT_EQ(Tag("01" + std::string(62, '0'), FromHex("ffffffffffffffffffffffffffffffff"
                                                     "fbfefefefefefefefefefefefefefefe"
                                                     "01010101010101010101010101010101")
                                                 .value()),
            zeros);
  EXPECT_EQ(Tag("02" + std::string(62, '0'), FromHex("fdffffffffffffffffffffffffffffff").value()),
            "faffffffffffffffffffffffffffffff");
}

// Bernstein 2005, appendix B: r, s = AES_k(n), the message and its tag.
TEST(Poly1305, BernsteinsExamples) {
  EXPECT_EQ(Tag("851fc40c3467ac0be05cc20404f3f700580b3b0f9447bb1e69d095b5928b6dbc",
                FromHex("f3f6").value()),
            "f4c633c3044fc145f84f335cb81953de");
  EXPECT_EQ(Tag("a0f3080000f46400d0c7e9076c834403dd3fab2251f11ac759f0887129cc2ee7", {}),
            "dd3fab2251f11ac759f0887129cc2ee7");
}

// The whole of AES-256-CTR and Poly1305-AES against what restic's own test fixes.
TEST(Key, OpensWhatResticSealed) {
  Bytes material =
      FromHex("303e8687b1d7db18421bdc6bb8588ccadac4d59ee87b8ff70c44e635790cafef").value();
  const Bytes mac =
      FromHex("ef4d8824cb80b2bcc5fbff8a9b12a42ccc8d4b948ee0ebfe1d415de921d10353").value();
  material.insert(material.end(), mac.begin(), mac.end());
  const Key key(std::span<const std::uint8_t, Key::kSize>(material.data(), Key::kSize));
  const Bytes sealed = FromHex(
                           "69fb41c62d12def4593bd71757138606338f621aeaeb39da0fe4f99233f8037a54ea633"
                           "38a813bcf3f75d8c3cc75dddf8750")
                           .value();
  const auto opened = key.Open(sealed);
  ASSERT_TRUE(opened) << opened.error().message;
  EXPECT_EQ(AsText(*opened), "Dies ist ein Test!");
}

TEST(Key, SealsEachTimeDifferentlyAndOpensAgain) {
  const Key key = Key::Random();
  for (const std::size_t size : {0U, 1U, 15U, 16U, 17U, 100'000U}) {
    Bytes plaintext(size);
    std::iota(plaintext.begin(), plaintext.end(), 0);
    const Bytes once = key.Seal(plaintext);
    EXPECT_EQ(once.size(), size + kSealOverhead);
    EXPECT_NE(once, key.Seal(plaintext));
    EXPECT_EQ(key.Open(once).value(), plaintext);
  }
}

TEST(Key, EveryChangedBitIsNoticedAndNothingIsTouched) {
  const Key key = Key::Random();
  const Bytes sealed = key.Seal(AsBytes("shop"));
  for (std::size_t bit = 0; bit < 8 * sealed.size(); ++bit) {
    Bytes damaged = sealed;
    damaged[bit / 8] ^= static_cast<std::uint8_t>(1U << bit % 8);
    const Bytes before = damaged;
    const auto opened = key.OpenInPlace(damaged);
    ASSERT_FALSE(opened) << "bit " << bit;
    EXPECT_EQ(opened.error().code, Code::kCorrupt);
    EXPECT_EQ(damaged, before);
  }
}

TEST(Key, TooShortIsCorrupt) {
  const Key key = Key::Random();
  EXPECT_EQ(key.Open(Bytes(kSealOverhead - 1)).error().code, Code::kCorrupt);
}

TEST(Key, AnotherKeyDoesNotOpen) {
  EXPECT_FALSE(Key::Random().Open(Key::Random().Seal(AsBytes("x"))));
}

TEST(Key, AKeyWithAZeroPartIsNotValid) {
  EXPECT_TRUE(Key::Random().Valid());
  for (const auto& [from, to] : {std::pair(0, 32), std::pair(32, 48), std::pair(48, 64)}) {
    std::array<std::uint8_t, Key::kSize> material;
    material.fill(1);
    std::fill(material.begin() + from, material.begin() + to, std::uint8_t{0});
    EXPECT_FALSE(Key(material).Valid());
  }
}

}  // namespace
}  // namespace holdfast::repo
