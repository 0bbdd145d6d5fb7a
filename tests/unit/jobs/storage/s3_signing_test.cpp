#include "jobs/storage/s3_signing.h"

#include <gtest/gtest.h>

#include "base/clock.h"

namespace holdfast::storage {
namespace {

// The keys, bucket and time of the examples in "Signature Calculations for the Authorization
// Header: Transferring Payload in a Single Chunk" (S3 API reference).
const Credentials kExample{"AKIAIOSFODNN7EXAMPLE", "wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY", ""};
constexpr const char* kHost = "examplebucket.s3.amazonaws.com";

std::string Authorization(SignedRequest request, std::string_view payload = "") {
  Sign(request, kExample, "us-east-1", Sha256(AsBytes(payload)),
       ParseTime("2013-05-24T00:00:00Z").value());
  return request.headers.at("authorization");
}

std::string Expected(const std::string& headers, const std::string& signature) {
  return "AWS4-HMAC-SHA256 Credential=AKIAIOSFODNN7EXAMPLE/20130524/us-east-1/s3/aws4_request, "
         "SignedHeaders=" +
         headers + ", Signature=" + signature;
}

TEST(S3SigningTest, ExampleGetObject) {
  EXPECT_EQ(Authorization({"GET", kHost, "/test.txt", {}, {{"range", "bytes=0-9"}}}),
            Expected("host;range;x-amz-content-sha256;x-amz-date",
                     "f0e8bdb87c964420e857bd35b5d6ed310bd44f0170aba48dd91039c6036bdb41"));
}

TEST(S3SigningTest, ExamplePutObject) {
  EXPECT_EQ(Authorization({"PUT",
                           kHost,
                           "/test$file.text",
                           {},
                           {{"date", "Fri, 24 May 2013 00:00:00 GMT"},
                            {"x-amz-storage-class", "REDUCED_REDUNDANCY"}}},
                          "Welcome to Amazon S3."),
            Expected("date;host;x-amz-content-sha256;x-amz-date;x-amz-storage-class",
                     "98ad721746da40c64f1a55b78f14c238d841ea1380cd77a1b5971af0ece108bd"));
}

TEST(S3SigningTest, ExampleBucketLifecycle) {
  EXPECT_EQ(Authorization({"GET", kHost, "/", {{"lifecycle", ""}}, {}}),
            Expected("host;x-amz-content-sha256;x-amz-date",
                     "fea454ca298b7da1c68078a5d1bdbfbbe0d65c699e0f91ac7a200a0136783543"));
}

TEST(S3SigningTest, ExampleListObjects) {
  EXPECT_EQ(Authorization({"GET", kHost, "/", {{"max-keys", "2"}, {"prefix", "J"}}, {}}),
            Expected("host;x-amz-content-sha256;x-amz-date",
                     "34b48302e7b5fa45bde8084f4b7868a86f0a534bc59db6670ed5711ef69dc6f7"));
}

TEST(S3SigningTest, SessionTokenIsPartOfTheSignature) {
  SignedRequest request{"GET", kHost, "/", {}, {}};
  Credentials credentials = kExample;
  credentials.session_token = "token";
  Sign(request, credentials, "us-east-1", Sha256({}), ParseTime("2013-05-24T00:00:00Z").value());
  EXPECT_EQ(request.headers.at("x-amz-security-token"), "token");
  EXPECT_NE(request.headers.at("authorization").find("x-amz-security-token"), std::string::npos);
}

}  // namespace
}  // namespace holdfast::storage
