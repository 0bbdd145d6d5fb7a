#include "jobs/storage/s3_error.h"

#include <array>
#include <string_view>

#include <fmt/format.h>

#include "jobs/storage/backend.h"

namespace holdfast::storage {
namespace {

struct Meaning {
  std::string_view s3_code;
  Code code;
  std::string_view sentence;  // {endpoint}, {bucket}, {action} are filled in
};

// The codes of "Error responses" in the S3 API reference that need other words than their status
// has, and what MinIO, Ceph and versitygw call a full store and an unknown user.
constexpr std::array kMeanings = {
    Meaning{
        "NoSuchBucket", kNoPlace,
        "bucket \"{bucket}\" does not exist at {endpoint}: create it or correct spec.s3.bucket"},
    Meaning{"InvalidBucketName", Code::kInvalid,
            "\"{bucket}\" cannot be the name of a bucket: correct spec.s3.bucket"},
    Meaning{"InvalidAccessKeyId", Code::kDenied,
            "{endpoint} does not know the access key: correct AWS_ACCESS_KEY_ID in the Secret that "
            "spec.s3.credentialsSecret names"},
    Meaning{"XAdminUserNotFound", Code::kDenied,
            "{endpoint} does not know the access key: correct AWS_ACCESS_KEY_ID in the Secret that "
            "spec.s3.credentialsSecret names"},
    Meaning{"SignatureDoesNotMatch", Code::kDenied,
            "{endpoint} refuses the signature: correct AWS_SECRET_ACCESS_KEY in the Secret that "
            "spec.s3.credentialsSecret names"},
    Meaning{"ExpiredToken", Code::kDenied,
            "the session token for {endpoint} has expired: renew AWS_SESSION_TOKEN in the Secret "
            "that spec.s3.credentialsSecret names"},
    Meaning{"InvalidToken", Code::kDenied,
            "{endpoint} refuses the session token: correct AWS_SESSION_TOKEN in the Secret that "
            "spec.s3.credentialsSecret names, or remove it"},
    Meaning{"AccessDenied", Code::kDenied,
            "{endpoint} denies {action} in bucket \"{bucket}\": allow s3:ListBucket on the bucket "
            "and s3:GetObject, s3:PutObject and s3:DeleteObject on its objects"},
    Meaning{"RequestTimeTooSkewed", Code::kDenied,
            "the clocks of this node and of {endpoint} differ too much: set the node's clock"},
    Meaning{"AuthorizationHeaderMalformed", Code::kInvalid,
            "{endpoint} refuses the region: set spec.s3.region to the bucket's region"},
    Meaning{"InvalidObjectState", Code::kNotSupported,
            "{action}: the object is archived; move it back to a class that can be read at once"},
    Meaning{"RequestTimeout", Code::kTimeout,
            "{endpoint} waited too long for the data of {action}"},
    Meaning{"BadDigest", Code::kUnavailable, "{action}: the data was damaged on the way"},
    Meaning{"XAmzContentSHA256Mismatch", Code::kUnavailable,
            "{action}: the data was damaged on the way"},
    Meaning{"IncompleteBody", Code::kUnavailable, "{action}: the data was cut on the way"},
    Meaning{"QuotaExceeded", Code::kNoSpace,
            "the quota of bucket \"{bucket}\" at {endpoint} is used up"},
    Meaning{"XMinioAdminBucketQuotaExceeded", Code::kNoSpace,
            "the quota of bucket \"{bucket}\" at {endpoint} is used up"},
    Meaning{"XMinioStorageFull", Code::kNoSpace, "the disks of {endpoint} are full"},
    Meaning{"NotImplemented", Code::kNotSupported, "{endpoint} does not serve {action}"},
};

std::string Fill(std::string_view sentence, const S3Failure& failure) {
  return fmt::format(fmt::runtime(sentence), fmt::arg("endpoint", failure.endpoint),
                     fmt::arg("bucket", failure.bucket), fmt::arg("action", failure.action));
}

Code CodeForStatus(int status) {
  switch (status) {
    case 401:
    case 403:
      return Code::kDenied;
    case 408:
      return Code::kTimeout;
    case 409:
      return Code::kConflict;
    case 412:
      return Code::kAlreadyExists;
    case 429:
      return Code::kUnavailable;
    case 501:
      return Code::kNotSupported;
    case 507:
      return Code::kNoSpace;
    default:
      return status >= 500 ? Code::kUnavailable : Code::kInvalid;
  }
}

bool IsAbsentObject(const S3Failure& failure) {
  if (failure.status != 404) return false;
  return failure.body.code == "NoSuchKey" || (failure.is_head && failure.body.code.empty());
}

// "503 SlowDown (please reduce your request rate)"
std::string AnswerText(const S3Failure& failure) {
  std::string text = std::to_string(failure.status);
  if (!failure.body.code.empty()) text += " " + failure.body.code;
  if (!failure.body.message.empty()) text += " (" + failure.body.message + ")";
  return text;
}

}  // namespace

Error ErrorForS3(const S3Failure& failure) {
  for (const Meaning& meaning : kMeanings)
    if (meaning.s3_code == failure.body.code)
      return {meaning.code, Fill(meaning.sentence, failure)};
  if (IsAbsentObject(failure))
    return {Code::kNotFound,
            fmt::format("{} at {}: the object does not exist", failure.action, failure.endpoint)};
  if (failure.status >= 300 && failure.status < 400)
    return {Code::kInvalid,
            fmt::format("{} sends requests for bucket \"{}\" to \"{}\": set spec.s3.endpoint or "
                        "spec.s3.region accordingly",
                        failure.endpoint, failure.bucket, failure.redirect)};
  return {CodeForStatus(failure.status), fmt::format("{} at {}: answered {}", failure.action,
                                                     failure.endpoint, AnswerText(failure))};
}

}  // namespace holdfast::storage
