#include "jobs/repo/key.h"

#include <algorithm>

#include <gtest/gtest.h>

#include "base/hex.h"
#include "jobs/repo/config.h"
#include "jobs/storage/memory.h"

namespace holdfast::repo {
namespace {

constexpr KdfParams kCheap{16, 1, 1};

KeyFile MakeFile(const Key& master, std::string_view password) {
  return MakeKeyFile(master, password, kCheap, TimePoint{}).value();
}

bool SameKey(const Key& a, const Key& b) { return std::ranges::equal(a.Material(), b.Material()); }

// RFC 7914, section 12.
TEST(Kdf, PublishedVectors) {
  const auto first = [](const Result<Key>& key) {
    return ToHex(ByteView(key->Material()).first(8));
  };
  EXPECT_EQ(first(DeriveKey("", {}, {16, 1, 1})), "77d6576238657b20");
  EXPECT_EQ(first(DeriveKey("password", AsBytes("NaCl"), {1024, 8, 16})), "fdbabe1c9d347200");
  EXPECT_EQ(first(DeriveKey("pleaseletmein", AsBytes("SodiumChloride"), {16384, 8, 1})),
            "7023bdcb3afd7348");
}

TEST(Kdf, HostileParametersAreRefusedBeforeTheyCost) {
  for (const KdfParams params :
       {KdfParams{1ULL << 40, 8, 1}, KdfParams{32768, 1ULL << 40, 1},
        KdfParams{32768, 8, 1ULL << 40}, KdfParams{1ULL << 20, 8, 1}, KdfParams{32768, 8, 1000},
        KdfParams{1ULL << 63, 1ULL << 63, 1}, KdfParams{0, 8, 1}, KdfParams{1, 8, 1},
        KdfParams{32769, 8, 1}, KdfParams{32768, 0, 1}, KdfParams{32768, 8, 0}})
    EXPECT_EQ(DeriveKey("x", {}, params).error().code, Code::kInvalid)
        << params.n << ' ' << params.r << ' ' << params.p;
}

TEST(Kdf, WhatResticAndRusticUseIsAllowed) {
  EXPECT_TRUE(DeriveKey("x", {}, {32768, 8, 4}));
  EXPECT_TRUE(DeriveKey("x", {}, {131072, 8, 1}));
}

TEST(Kdf, CalibrationStaysWithinItsBounds) {
  const KdfParams params = CalibrateKdf();
  EXPECT_EQ(params.n, 32768U);
  EXPECT_EQ(params.r, 8U);
  EXPECT_GE(params.p, 1U);
  EXPECT_LE(params.p, 8U);
}

TEST(KeyFile, ComesBackAndOpens) {
  const Key master = Key::Random();
  const KeyFile file = DecodeKeyFile(AsBytes(EncodeKeyFile(MakeFile(master, "pw")))).value();
  EXPECT_EQ(file.salt.size(), 64U);
  const auto opened = OpenKeyFile(file, "pw").value();
  ASSERT_TRUE(opened);
  EXPECT_TRUE(SameKey(*opened, master));
}

TEST(KeyFile, AWrongPasswordIsNoError) {
  const KeyFile file = MakeFile(Key::Random(), "pw");
  EXPECT_EQ(OpenKeyFile(file, "pw ").value(), std::nullopt);
  EXPECT_EQ(OpenKeyFile(file, "").value(), std::nullopt);
}

TEST(KeyFile, WhatCannotBeIsToldApart) {
  EXPECT_EQ(DecodeKeyFile(AsBytes("{")).error().code, Code::kCorrupt);
  EXPECT_EQ(DecodeKeyFile(AsBytes(R"({"kdf":"argon2"})")).error().code, Code::kNotSupported);
  EXPECT_EQ(DecodeKeyFile(AsBytes(R"({"kdf":"scrypt","data":"AAAA"})")).error().code,
            Code::kCorrupt);
  EXPECT_EQ(DecodeKeyFile(AsBytes(R"({"kdf":"scrypt","N":-1,"data":"*"})")).error().code,
            Code::kCorrupt);
}

class FindKeyTest : public testing::Test {
 protected:
  void Add(const KeyFile& file) { ASSERT_TRUE(SaveKey(memory_, file, {})); }
  void AddRaw(std::string_view text) {
    ASSERT_TRUE(
        memory_.Save({storage::FileType::kKey, Id::Of(AsBytes(text)).Hex()}, AsBytes(text), {}));
  }

  storage::Memory memory_;
  const Key master_ = Key::Random();
};

TEST_F(FindKeyTest, EveryPasswordOpensTheSameMaster) {
  for (const char* password : {"one", "two", "three"}) Add(MakeFile(master_, password));
  for (const char* password : {"one", "two", "three"}) {
    const auto found = FindKey(memory_, password, {}).value();
    ASSERT_TRUE(found) << password;
    EXPECT_TRUE(SameKey(found->master, master_));
  }
}

TEST_F(FindKeyTest, NoKeyIsNoRepositoryAndAWrongPasswordIsNeither) {
  EXPECT_EQ(FindKey(memory_, "pw", {}).error().code, Code::kNotFound);
  Add(MakeFile(master_, "pw"));
  const auto found = FindKey(memory_, "other", {});
  ASSERT_TRUE(found) << found.error().message;
  EXPECT_FALSE(found->has_value());
}

TEST_F(FindKeyTest, ADamagedKeyDoesNotHideAGoodOne) {
  Add(MakeFile(master_, "pw"));
  for (const char* text : {"{", "[]",
                           R"({"kdf":"scrypt","N":1099511627776,"r":8,"p":1,"salt":"",)"
                           R"("data":"AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA"})"})
    AddRaw(text);
  EXPECT_TRUE(FindKey(memory_, "pw", {}).value());
  EXPECT_FALSE(FindKey(memory_, "other", {}))
      << "the damaged one might have been for this password";
}

TEST(Config, ComesBack) {
  const Config config = Config::Random();
  const Config read = DecodeConfig(AsBytes(EncodeConfig(config))).value();
  EXPECT_EQ(read.version, 2);
  EXPECT_EQ(read.id, config.id);
  EXPECT_EQ(read.chunker_polynomial, config.chunker_polynomial);
}

TEST(Config, WhatCannotBeIsToldApart) {
  const auto decode = [](std::string_view version, std::string_view polynomial) {
    const std::string text = R"({"version":)" + std::string(version) +
                             R"(,"id":"x","chunker_polynomial":")" + std::string(polynomial) +
                             "\"}";
    const auto config = DecodeConfig(AsBytes(text));
    return config ? Code::kInternal : config.error().code;
  };
  EXPECT_EQ(decode("1", "3da3358b4dc173"), Code::kInternal);
  EXPECT_EQ(decode("3", "3da3358b4dc173"), Code::kNotSupported);
  EXPECT_EQ(decode("0", "3da3358b4dc173"), Code::kCorrupt);
  EXPECT_EQ(decode("2", "3da3358b4dc172"), Code::kCorrupt) << "reducible";
  EXPECT_EQ(decode("2", "7"), Code::kCorrupt) << "irreducible, but not of degree 53";
  EXPECT_EQ(decode("2", ""), Code::kCorrupt);
  EXPECT_EQ(decode("2", "zz"), Code::kCorrupt);
  EXPECT_EQ(decode("2", "ffffffffffffffffff"), Code::kCorrupt);
}

}  // namespace
}  // namespace holdfast::repo
