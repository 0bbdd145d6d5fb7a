#include "jobs/storage/gcs_error.h"

#include <array>

#include "base/json.h"
#include "jobs/storage/backend.h"

namespace holdfast::storage {
namespace {

// The reasons of "HTTP status and error codes for JSON" in the reference that need other words than
// their status has.
constexpr std::array kMeanings = {
    Meaning{"authError", Code::kDenied,
            "{endpoint} refuses the access token: correct the service account's key in the Secret "
            "that spec.gcs.credentialsSecret names"},
    Meaning{"required", Code::kDenied,
            "{endpoint} wants credentials for {action}: give a service account's key in the Secret "
            "that spec.gcs.credentialsSecret names"},
    Meaning{"forbidden", Code::kDenied,
            "{endpoint} denies {action} in bucket \"{place}\": give the service account the role "
            "Storage Object Admin on the bucket"},
    Meaning{"insufficientPermissions", Code::kDenied,
            "{endpoint} denies {action} in bucket \"{place}\": give the service account the role "
            "Storage Object Admin on the bucket"},
    Meaning{"retentionPolicyNotMet", Code::kDenied,
            "{action} at {endpoint}: the bucket's retention policy keeps the object"},
    Meaning{"accountDisabled", Code::kDenied,
            "{endpoint} denies {action}: the billing account of the bucket's project is disabled"},
    Meaning{"rateLimitExceeded", Code::kUnavailable, "{endpoint} asks for fewer requests"},
    Meaning{"userRateLimitExceeded", Code::kUnavailable, "{endpoint} asks for fewer requests"},
    Meaning{"quotaExceeded", Code::kNoSpace,
            "the quota of bucket \"{place}\" at {endpoint} is used up"},
    Meaning{"conditionNotMet", Code::kAlreadyExists,
            "{action} at {endpoint}: the object is already there"},
};

}  // namespace

StoreRefusal WithGcsReason(StoreRefusal refusal, ByteView body) {
  const Json json = ParseJson(AsText(body)).value_or(Json());
  refusal.message = FindString(json, {"error", "message"});
  const Json* errors = Find(json, {"error", "errors"});
  if (errors != nullptr && errors->is_array() && !errors->empty())
    refusal.code = FindString(errors->front(), {"reason"});
  if (refusal.code.empty() && FindInt(json, {"error", "code"}) == 404) refusal.code = "notFound";
  return refusal;
}

Error ErrorForGcs(const StoreRefusal& refusal, bool about_object) {
  if (refusal.status != 404 || refusal.code.empty()) return ErrorFor(refusal, kMeanings);
  if (about_object) return AbsentObject(refusal);
  return {kNoPlace, "bucket \"" + refusal.place + "\" does not exist at " + refusal.endpoint +
                        ": create it or correct spec.gcs.bucket"};
}

}  // namespace holdfast::storage
