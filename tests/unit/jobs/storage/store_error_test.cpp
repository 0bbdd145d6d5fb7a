// What Azure's and Google's refusals mean; S3's are in s3_error_test.
#include "jobs/storage/store_error.h"

#include <gtest/gtest.h>

#include "jobs/storage/azure_error.h"
#include "jobs/storage/azure_xml.h"
#include "jobs/storage/backend.h"
#include "jobs/storage/gcs_error.h"

namespace holdfast::storage {
namespace {

StoreRefusal Refused(int status, const std::string& code) {
  return {status, code, "words", "https://store", "shop", "GET keys/1"};
}

TEST(StoreErrorTest, StatusSpeaksWhereTheCodeIsUnknown) {
  const auto code = [](int status) { return ErrorFor(Refused(status, "New"), {}).code; };
  EXPECT_EQ(code(400), Code::kInvalid);
  EXPECT_EQ(code(401), Code::kDenied);
  EXPECT_EQ(code(403), Code::kDenied);
  EXPECT_EQ(code(404), Code::kInvalid) << "nobody said that the object is absent";
  EXPECT_EQ(code(408), Code::kTimeout);
  EXPECT_EQ(code(409), Code::kConflict);
  EXPECT_EQ(code(412), Code::kAlreadyExists);
  EXPECT_EQ(code(429), Code::kUnavailable);
  EXPECT_EQ(code(500), Code::kUnavailable);
  EXPECT_EQ(code(501), Code::kNotSupported);
  EXPECT_EQ(code(503), Code::kUnavailable);
  EXPECT_EQ(code(507), Code::kNoSpace);
  EXPECT_EQ(ErrorFor(Refused(503, "New"), {}).message,
            "GET keys/1 at https://store: answered 503 New (words)");
}

TEST(StoreErrorTest, AzuresCodes) {
  const auto code = [](int status, const char* word) {
    return ErrorForAzure(Refused(status, word)).code;
  };
  EXPECT_EQ(code(404, "BlobNotFound"), Code::kNotFound);
  EXPECT_EQ(code(404, ""), Code::kInvalid);
  EXPECT_EQ(code(404, "ContainerNotFound"), kNoPlace);
  EXPECT_EQ(code(409, "BlobAlreadyExists"), Code::kAlreadyExists);
  EXPECT_EQ(code(403, "AuthenticationFailed"), Code::kDenied);
  EXPECT_EQ(code(403, "AuthorizationFailure"), Code::kDenied);
  EXPECT_EQ(code(409, "BlobImmutableDueToPolicy"), Code::kDenied);
  EXPECT_EQ(code(409, "BlobArchived"), Code::kNotSupported);
  EXPECT_EQ(code(500, "OperationTimedOut"), Code::kTimeout);
  EXPECT_EQ(code(503, "ServerBusy"), Code::kUnavailable);
  EXPECT_EQ(code(400, "Md5Mismatch"), Code::kUnavailable);
  EXPECT_EQ(code(400, "InvalidBlockList"), Code::kUnavailable);
}

TEST(StoreErrorTest, AzuresSentenceIsItsFirstLine) {
  const AzureErrorBody body =
      ParseAzureError(AsBytes("\xEF\xBB\xBF<?xml version=\"1.0\"?><Error><Code>ServerBusy</Code>"
                              "<Message>Busy.\nRequestId:1\nTime:2</Message></Error>"));
  EXPECT_EQ(body.code, "ServerBusy");
  EXPECT_EQ(body.message, "Busy.");
}

Error Gcs(int status, const char* body, bool about_object = true) {
  return ErrorForGcs(WithGcsReason(Refused(status, ""), AsBytes(body)), about_object);
}

TEST(StoreErrorTest, GooglesReasons) {
  const auto code = [](int status, const std::string& reason) {
    const std::string body =
        R"({"error":{"message":"M","errors":[{"reason":")" + reason + R"("}]}})";
    return Gcs(status, body.c_str()).code;
  };
  EXPECT_EQ(code(404, "notFound"), Code::kNotFound);
  EXPECT_EQ(code(401, "authError"), Code::kDenied);
  EXPECT_EQ(code(403, "forbidden"), Code::kDenied);
  EXPECT_EQ(code(403, "rateLimitExceeded"), Code::kUnavailable);
  EXPECT_EQ(code(403, "quotaExceeded"), Code::kNoSpace);
  EXPECT_EQ(code(412, "conditionNotMet"), Code::kAlreadyExists);
  EXPECT_EQ(code(503, "backendError"), Code::kUnavailable);
}

TEST(StoreErrorTest, GooglesBucketIsAbsentWhereNoObjectIsAskedFor) {
  const char* body = R"({"error":{"code":404,"message":"Not Found"}})";
  EXPECT_EQ(Gcs(404, body).code, Code::kNotFound);
  EXPECT_EQ(Gcs(404, body, false).code, kNoPlace);
  EXPECT_EQ(Gcs(404, "<html>no such page</html>").code, Code::kInvalid);
}

}  // namespace
}  // namespace holdfast::storage
