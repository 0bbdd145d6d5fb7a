#include "jobs/storage/s3_error.h"

#include <gtest/gtest.h>

#include "jobs/storage/backend.h"

namespace holdfast::storage {
namespace {

S3Failure Failure(int status, const std::string& code) {
  return {{status, code, "words", "https://store", "shop", "GET keys/1"}, false, ""};
}

struct Row {
  int status;
  const char* s3_code;
  Code expected;
};

class S3ErrorCodes : public testing::TestWithParam<Row> {};

TEST_P(S3ErrorCodes, HaveTheirMeaning) {
  const Row& row = GetParam();
  EXPECT_EQ(ErrorForS3(Failure(row.status, row.s3_code)).code, row.expected);
}

INSTANTIATE_TEST_SUITE_P(
    Table, S3ErrorCodes,
    testing::Values(
        Row{404, "NoSuchBucket", kNoPlace}, Row{404, "NoSuchUpload", Code::kUnavailable},
        Row{404, "NoSuchKey", Code::kNotFound}, Row{404, "XAdminUserNotFound", Code::kDenied},
        Row{404, "", Code::kInvalid}, Row{403, "InvalidAccessKeyId", Code::kDenied},
        Row{403, "SignatureDoesNotMatch", Code::kDenied}, Row{403, "AccessDenied", Code::kDenied},
        Row{400, "ExpiredToken", Code::kDenied}, Row{400, "InvalidToken", Code::kDenied},
        Row{403, "RequestTimeTooSkewed", Code::kDenied}, Row{401, "", Code::kDenied},
        Row{403, "SomethingNew", Code::kDenied},
        Row{400, "AuthorizationHeaderMalformed", Code::kInvalid},
        Row{400, "BadDigest", Code::kUnavailable}, Row{400, "RequestTimeout", Code::kTimeout},
        Row{400, "SomethingNew", Code::kInvalid}, Row{403, "QuotaExceeded", Code::kNoSpace},
        Row{507, "", Code::kNoSpace}, Row{507, "XMinioStorageFull", Code::kNoSpace},
        Row{409, "ConditionalRequestConflict", Code::kConflict},
        Row{412, "PreconditionFailed", Code::kAlreadyExists},
        Row{403, "InvalidObjectState", Code::kNotSupported}, Row{429, "", Code::kUnavailable},
        Row{500, "InternalError", Code::kUnavailable},
        Row{501, "NotImplemented", Code::kNotSupported}, Row{503, "SlowDown", Code::kUnavailable},
        Row{301, "PermanentRedirect", Code::kInvalid}));

TEST(S3ErrorTest, RefusalsOfObjectLockSayWhatToChange) {
  const auto error = [](int status, const std::string& code) {
    S3Failure failure = Failure(status, code);
    failure.retains = true;
    return ErrorForS3(failure);
  };
  EXPECT_EQ(error(400, "InvalidRequest").code, Code::kInvalid);
  EXPECT_EQ(error(400, "InvalidRequest").message,
            "bucket \"shop\" at https://store has no S3 Object Lock, which spec.s3.objectLock asks "
            "for: turn on versioning and Object Lock for the bucket (most stores can do so only "
            "when a bucket is made), or leave spec.s3.objectLock out (it answered 400 "
            "InvalidRequest (words))");
  EXPECT_EQ(error(501, "NotImplemented").code, Code::kNotSupported);
  EXPECT_EQ(error(403, "AccessDenied").code, Code::kDenied);
  EXPECT_NE(error(403, "AccessDenied").message.find("s3:PutObjectRetention"), std::string::npos);
  EXPECT_EQ(error(403, "InvalidAccessKeyId").message,
            ErrorForS3(Failure(403, "InvalidAccessKeyId")).message);
  EXPECT_EQ(error(503, "SlowDown").code, Code::kUnavailable);
}

TEST(S3ErrorTest, SentencesSayWhatToChange) {
  EXPECT_EQ(ErrorForS3(Failure(404, "NoSuchBucket")).message,
            "bucket \"shop\" does not exist at https://store: create it or correct spec.s3.bucket");
  EXPECT_EQ(ErrorForS3(Failure(403, "InvalidAccessKeyId")).message,
            "https://store does not know the access key: correct AWS_ACCESS_KEY_ID in the Secret "
            "that spec.s3.credentialsSecret names");
  EXPECT_EQ(ErrorForS3(Failure(503, "SlowDown")).message,
            "GET keys/1 at https://store: answered 503 SlowDown (words)");
}

TEST(S3ErrorTest, HeadWithoutABodyMayMeanAbsent) {
  S3Failure failure = Failure(404, "");
  failure.is_head = true;
  EXPECT_EQ(ErrorForS3(failure).code, Code::kNotFound);
}

}  // namespace
}  // namespace holdfast::storage
