// Hex, hashes, quantities, JSON and errors.
#include <gtest/gtest.h>

#include "base/error.h"
#include "base/hash.h"
#include "base/hex.h"
#include "base/json.h"
#include "base/quantity.h"

namespace holdfast {
namespace {

TEST(HexTest, RoundTrip) {
  const Bytes bytes = {0x00, 0x7f, 0xff};
  EXPECT_EQ(ToHex(bytes), "007fff");
  EXPECT_EQ(FromHex("007FfF").value(), bytes);
  EXPECT_EQ(FromHex("abc").error().code, Code::kInvalid);
  EXPECT_EQ(FromHex("zz").error().code, Code::kInvalid);
}

// FIPS 180-2 appendix B.1 and RFC 4231 test case 2.
TEST(HashTest, PublishedVectors) {
  EXPECT_EQ(ToHex(Sha256(AsBytes("abc"))),
            "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
  EXPECT_EQ(ToHex(HmacSha256(AsBytes("Jefe"), AsBytes("what do ya want for nothing?"))),
            "5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843");
}

// RFC 5869, test case 3: no salt and no purpose.
TEST(Hash, HkdfIsThatOfTheRfc) {
  EXPECT_EQ(ToHex(HkdfSha256(Bytes(22, 0x0b), {})),
            "8da4e775a563c18f715f802a063c5a31b8a11f5c5ee1879ec3454e5f3c738d2d");
}

TEST(HashTest, StreamEqualsWholeAndStartsOver) {
  Sha256Stream stream;
  for (int round = 0; round < 2; ++round) {
    stream.Update(AsBytes("a"));
    stream.Update(AsBytes("bc"));
    EXPECT_EQ(stream.Finish(), Sha256(AsBytes("abc")));
  }
}

TEST(QuantityTest, KubernetesSuffixes) {
  EXPECT_EQ(ParseQuantity("0").value(), 0u);
  EXPECT_EQ(ParseQuantity("9007199254740993").value(), 9007199254740993u);
  EXPECT_EQ(ParseQuantity("50Mi").value(), 50u << 20);
  EXPECT_EQ(ParseQuantity("1.5G").value(), 1'500'000'000u);
  EXPECT_EQ(ParseQuantity("1500m").value(), 2u);
  for (const char* text : {"", "Mi", "-1", "1.2.3Gi", "5mb", "9Ei", "."})
    EXPECT_EQ(ParseQuantity(text).error().code, Code::kInvalid) << text;
}

TEST(QuantityTest, HumanBytes) {
  EXPECT_EQ(HumanBytes(0), "0 B");
  EXPECT_EQ(HumanBytes(1023), "1023 B");
  EXPECT_EQ(HumanBytes(1536), "1.5 KiB");
  EXPECT_EQ(HumanBytes(std::uint64_t{5} << 40), "5.0 TiB");
}

TEST(JsonTest, FindWalksPathsThatMayBeMissing) {
  const Json value = ParseJson(R"({"a":{"b":"x","n":3}})").value();
  EXPECT_EQ(FindString(value, {"a", "b"}), "x");
  EXPECT_EQ(FindInt(value, {"a", "n"}), 3);
  EXPECT_EQ(FindString(value, {"a", "n"}), "");
  EXPECT_EQ(Find(value, {"a", "b", "c"}), nullptr);
}

TEST(JsonTest, RefusesBrokenAndBottomlessInput) {
  EXPECT_EQ(ParseJson("{").error().code, Code::kInvalid);
  EXPECT_EQ(ParseJson(std::string(100000, '[')).error().code, Code::kInvalid);
  EXPECT_TRUE(ParseJson(std::string(200, '[') + std::string(200, ']')).has_value());
}

TEST(JsonTest, KeepsOnlyObjectsWhereNoMoreIsAsked) {
  const auto kept = ParseJsonObjects(
      R"({"type": "object", "properties": {"a": {"type": "string", "enum": ["x", {}]}, "b": {}}, "n": 1})");
  ASSERT_TRUE(kept) << kept.error().message;
  EXPECT_EQ(*kept, Json({{"properties", {{"a", Json::object()}, {"b", Json::object()}}}}));
  EXPECT_FALSE(ParseJsonObjects("{\"a\": "));
}

TEST(ErrorTest, ContextKeepsTheCode) {
  const Error error = WithContext("read lock", FromErrno("open", 2));
  EXPECT_EQ(error.code, Code::kNotFound);
  EXPECT_EQ(error.message, "read lock: open: No such file or directory");
  EXPECT_TRUE(IsAbsent(error));
  EXPECT_FALSE(IsRetryable(error));
}

}  // namespace
}  // namespace holdfast
