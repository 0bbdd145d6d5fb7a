#include "jobs/storage/azure_signing.h"

#include <gtest/gtest.h>

#include "jobs/storage/encoding.h"

namespace holdfast::storage {
namespace {

// The key that every azurite has; signatures with it were made with another HMAC.
const Bytes kKey = FromBase64(
                       "Eby8vdM02xNOcqFlqUwJPLlmEtlCDXJ1OUzFT50uSRZ6IFsuFq2UVErCz4I6tq/K1SZFPT"
                       "Otr/KBHBeksoGMGw==")
                       .value();
const TimePoint kTime = ParseTime("2015-06-26T23:39:12Z").value();

// "Get Container Metadata" of "Authorize with Shared Key" in the REST reference.
AzureRequest Example() {
  return {"GET",
          "/mycontainer",
          {{"restype", "container"}, {"comp", "metadata"}, {"timeout", "20"}},
          {{"x-ms-version", "2015-02-21"}},
          0};
}

TEST(AzureSigningTest, ExampleGetContainerMetadata) {
  AzureRequest request = Example();
  SignAzure(request, "myaccount", kKey, kTime);
  EXPECT_EQ(AzureStringToSign(request, "myaccount"),
            "GET\n\n\n\n\n\n\n\n\n\n\n\n"
            "x-ms-date:Fri, 26 Jun 2015 23:39:12 GMT\nx-ms-version:2015-02-21\n"
            "/myaccount/mycontainer\ncomp:metadata\nrestype:container\ntimeout:20");
  EXPECT_EQ(request.headers.at("authorization"),
            "SharedKey myaccount:1u9lui2jDxj0+fpbHjQ5m5NnastJRSYM+PSmfi8TXx4=");
}

TEST(AzureSigningTest, EveryHeaderHasItsLine) {
  AzureRequest request{"PUT",
                       "/account/c/a%20b",
                       {},
                       {{"content-md5", "md5"},
                        {"content-type", "text/plain"},
                        {"if-none-match", "*"},
                        {"range", "bytes=0-9"},
                        {"x-ms-blob-type", "BlockBlob"},
                        {"x-ms-date", "today"}},
                       11};
  EXPECT_EQ(AzureStringToSign(request, "account"),
            "PUT\n\n\n11\nmd5\ntext/plain\n\n\n\n*\n\nbytes=0-9\n"
            "x-ms-blob-type:BlockBlob\nx-ms-date:today\n/account/account/c/a%20b");
}

TEST(AzureSigningTest, Dates) {
  EXPECT_EQ(HttpDate(ParseTime("2026-01-05T01:02:03.9Z").value()), "Mon, 05 Jan 2026 01:02:03 GMT");
}

}  // namespace
}  // namespace holdfast::storage
