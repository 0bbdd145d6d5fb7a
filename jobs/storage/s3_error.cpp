#include "jobs/storage/s3_error.h"

#include <algorithm>
#include <array>
#include <span>
#include <string_view>

#include <fmt/format.h>

#include "jobs/storage/backend.h"

namespace holdfast::storage {
namespace {

// The codes of "Error responses" in the S3 API reference that need other words than their status
// has, and what MinIO, Ceph and versitygw call a full store and an unknown user.
constexpr std::array kMeanings = {
    Meaning{"NoSuchBucket", kNoPlace,
            "bucket \"{place}\" does not exist at {endpoint}: create it or correct spec.s3.bucket"},
    Meaning{"InvalidBucketName", Code::kInvalid,
            "\"{place}\" cannot be the name of a bucket: correct spec.s3.bucket"},
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
            "{endpoint} denies {action} in bucket \"{place}\": allow s3:ListBucket on the bucket "
            "and s3:GetObject, s3:PutObject, s3:DeleteObject and s3:AbortMultipartUpload on its "
            "objects"},
    Meaning{"RequestTimeTooSkewed", Code::kDenied,
            "the clocks of this node and of {endpoint} differ too much: set the node's clock"},
    Meaning{"AuthorizationHeaderMalformed", Code::kInvalid,
            "{endpoint} refuses the region: set spec.s3.region to the bucket's region"},
    Meaning{"InvalidObjectState", Code::kNotSupported,
            "{action}: the object is archived; move it back to a class that can be read at once"},
    Meaning{"RequestTimeout", Code::kTimeout,
            "{endpoint} waited too long for the data of {action}"},
    Meaning{"BadDigest", Code::kUnavailable,
            "{action}: the data was damaged in memory or on the way"},
    Meaning{"XAmzContentSHA256Mismatch", Code::kUnavailable,
            "{action}: the data was damaged in memory or on the way"},
    Meaning{"IncompleteBody", Code::kUnavailable, "{action}: the data was cut on the way"},
    Meaning{"QuotaExceeded", Code::kNoSpace,
            "the quota of bucket \"{place}\" at {endpoint} is used up"},
    Meaning{"XMinioAdminBucketQuotaExceeded", Code::kNoSpace,
            "the quota of bucket \"{place}\" at {endpoint} is used up"},
    Meaning{"XMinioStorageFull", Code::kNoSpace, "the disks of {endpoint} are full"},
    Meaning{"NoSuchUpload", Code::kUnavailable,
            "{action}: {endpoint} has dropped the parts that were sent"},
    Meaning{"NoSuchVersion", Code::kNotFound, "{action}: the version does not exist"},
    Meaning{"InvalidPart", Code::kUnavailable, "{action}: {endpoint} has lost a part"},
    Meaning{"NotImplemented", Code::kNotSupported, "{endpoint} does not serve {action}"},
};

// Of a call that was to have an object retained.
constexpr std::string_view kNoObjectLock =
    "bucket \"{place}\" at {endpoint} has no S3 Object Lock, which spec.s3.objectLock asks for: "
    "turn on versioning and Object Lock for the bucket (most stores can do so only when a bucket "
    "is made), or leave spec.s3.objectLock out";
constexpr std::array kRetentionMeanings = {
    Meaning{"InvalidRequest", Code::kInvalid, kNoObjectLock},
    Meaning{"ObjectLockConfigurationNotFoundError", Code::kInvalid, kNoObjectLock},
    Meaning{"NotImplemented", Code::kNotSupported,
            "{endpoint} does not serve {action} with S3 Object Lock: use a store that has it, or "
            "leave spec.s3.objectLock out"},
    Meaning{"AccessDenied", Code::kDenied,
            "{endpoint} denies {action} in bucket \"{place}\" with S3 Object Lock: allow "
            "s3:PutObject, s3:AbortMultipartUpload, s3:PutObjectRetention and "
            "s3:GetObjectRetention on its objects"},
};

bool HasMeaning(std::span<const Meaning> meanings, const std::string& code) {
  return std::ranges::any_of(meanings, [&](const Meaning& each) { return each.word == code; });
}

bool IsAbsentObject(const S3Failure& failure) {
  const StoreRefusal& refusal = failure.refusal;
  if (refusal.status != 404) return false;
  return refusal.code == "NoSuchKey" || (failure.is_head && refusal.code.empty());
}

}  // namespace

Error ErrorForS3(const S3Failure& failure) {
  const StoreRefusal& refusal = failure.refusal;
  if (IsAbsentObject(failure)) return AbsentObject(refusal);
  const bool is_redirect = refusal.status >= 300 && refusal.status < 400;
  if (failure.retains && HasMeaning(kRetentionMeanings, refusal.code)) {
    Error error = ErrorFor(refusal, kRetentionMeanings);
    error.message += " (it answered " + AnswerText(refusal) + ")";
    return error;
  }
  if (!is_redirect) return ErrorFor(refusal, kMeanings);
  return {Code::kInvalid,
          fmt::format("{} sends requests for bucket \"{}\" to \"{}\": set spec.s3.endpoint or "
                      "spec.s3.region accordingly",
                      refusal.endpoint, refusal.place, failure.redirect)};
}

bool SaysExpired(const std::string& s3_code) {
  return s3_code == "ExpiredToken" || s3_code == "ExpiredTokenException" ||
         s3_code == "TokenRefreshRequired";
}

}  // namespace holdfast::storage
