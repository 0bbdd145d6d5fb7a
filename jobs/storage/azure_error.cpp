#include "jobs/storage/azure_error.h"

#include <array>

#include "jobs/storage/backend.h"

namespace holdfast::storage {
namespace {

// The codes of "Common REST API error codes" and "Blob Storage error codes" in the REST reference
// that need other words than their status has.
constexpr std::array kMeanings = {
    Meaning{"ContainerNotFound", kNoPlace,
            "container \"{place}\" does not exist at {endpoint}: create it or correct "
            "spec.azure.container"},
    Meaning{"ContainerBeingDeleted", kNoPlace,
            "container \"{place}\" at {endpoint} is being deleted: use another one"},
    Meaning{"InvalidResourceName", Code::kInvalid,
            "{action}: {endpoint} refuses the name: correct spec.azure.container or "
            "spec.azure.prefix"},
    Meaning{"AuthenticationFailed", Code::kDenied,
            "{endpoint} refuses the key or signature: correct AZURE_ACCOUNT_KEY or "
            "AZURE_ACCOUNT_SAS in the Secret that spec.azure.credentialsSecret names"},
    Meaning{"InvalidAuthenticationInfo", Code::kDenied,
            "{endpoint} refuses the key or signature: correct AZURE_ACCOUNT_KEY or "
            "AZURE_ACCOUNT_SAS in the Secret that spec.azure.credentialsSecret names"},
    Meaning{"KeyBasedAuthenticationNotPermitted", Code::kDenied,
            "{endpoint} does not permit account keys: give AZURE_ACCOUNT_SAS, signed for a user, "
            "in the Secret that spec.azure.credentialsSecret names"},
    Meaning{"AuthorizationFailure", Code::kDenied,
            "{endpoint} denies {action}: allow this network in the account's firewall, and read, "
            "add, create, write, delete and list in the signature"},
    Meaning{"AuthorizationPermissionMismatch", Code::kDenied,
            "{endpoint} denies {action}: the signature must allow read, add, create, write, delete "
            "and list"},
    Meaning{"AccountIsDisabled", Code::kDenied, "the account of {endpoint} is disabled"},
    Meaning{"BlobImmutableDueToPolicy", Code::kDenied,
            "{action} at {endpoint}: an immutability policy keeps the object"},
    Meaning{"LeaseIdMissing", Code::kDenied,
            "{action} at {endpoint}: somebody holds a lease on the object"},
    Meaning{"BlobAlreadyExists", Code::kAlreadyExists,
            "{action} at {endpoint}: the object is already there"},
    Meaning{"BlobArchived", Code::kNotSupported,
            "{action}: the object is archived; move it back to a tier that can be read at once"},
    Meaning{"OperationTimedOut", Code::kTimeout, "{endpoint} took too long for {action}"},
    Meaning{"Md5Mismatch", Code::kUnavailable, "{action}: the data was damaged on the way"},
    Meaning{"InvalidBlockList", Code::kUnavailable,
            "{action}: {endpoint} has lost a part of the object"},
};

}  // namespace

Error ErrorForAzure(const StoreRefusal& refusal) {
  if (refusal.code == "BlobNotFound") return AbsentObject(refusal);
  return ErrorFor(refusal, kMeanings);
}

}  // namespace holdfast::storage
