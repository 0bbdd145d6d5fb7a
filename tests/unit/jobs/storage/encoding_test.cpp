#include "jobs/storage/encoding.h"

#include <gtest/gtest.h>

#include "base/hex.h"

namespace holdfast::storage {
namespace {

TEST(EncodingTest, UriEncoding) {
  EXPECT_EQ(UriEncode("AZaz09-._~", false), "AZaz09-._~");
  EXPECT_EQ(UriEncode("a b+c/d$\xC3\xA4", false), "a%20b%2Bc%2Fd%24%C3%A4");
  EXPECT_EQ(UriEncode("/a/b c", true), "/a/b%20c");
}

TEST(EncodingTest, QueryIsSortedAndEncoded) {
  EXPECT_EQ(QueryText({{"prefix", "a/b"}, {"list-type", "2"}, {"x", ""}}),
            "list-type=2&prefix=a%2Fb&x=");
  EXPECT_EQ(QueryText({}), "");
}

// RFC 4648 section 10.
TEST(EncodingTest, Base64) {
  EXPECT_EQ(Base64(AsBytes("")), "");
  EXPECT_EQ(Base64(AsBytes("f")), "Zg==");
  EXPECT_EQ(Base64(AsBytes("foobar")), "Zm9vYmFy");
}

TEST(EncodingTest, Base64IsReadBack) {
  for (const char* text : {"", "f", "fo", "foo", "foobar"})
    EXPECT_EQ(AsText(FromBase64(Base64(AsBytes(text))).value()), text);
  for (const char* text : {"Zg", "Zg=", "Z===", "Zg==Zg==", "Zm9v!mFy", "===="})
    EXPECT_EQ(FromBase64(text).error().code, Code::kInvalid) << text;
}

// RFC 7515 appendix C.
TEST(EncodingTest, Base64ForUrls) { EXPECT_EQ(Base64Url(Bytes{3, 236, 255, 224, 193}), "A-z_4ME"); }

// RFC 1321 appendix A.5.
TEST(EncodingTest, Md5) {
  EXPECT_EQ(ToHex(Md5(AsBytes(""))), "d41d8cd98f00b204e9800998ecf8427e");
  EXPECT_EQ(ToHex(Md5(AsBytes("abc"))), "900150983cd24fb0d6963f7d28e17f72");
}

}  // namespace
}  // namespace holdfast::storage
