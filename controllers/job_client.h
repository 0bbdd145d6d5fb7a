// Writes of Jobs that controllers share. Each may be repeated after any crash.
#pragma once

#include <chrono>
#include <stop_token>
#include <string>

#include "base/json.h"
#include "operator/kube/api.h"

namespace holdfast::controllers {

// Creates the Job. One of that name that has the same controlling owner (by uid) is success: it is
// adopted as it is. AlreadyExists when it is another's; Unavailable while it is being deleted.
Result<void> EnsureJob(const kube::Api& api, const Json& job, std::stop_token stop);

// Lets Kubernetes remove a finished Job, and its pods and logs, after `keep`. A Job that is gone is
// success.
Result<void> ExpireJob(const kube::Api& api, const kube::ObjectKey& key, std::chrono::seconds keep,
                       std::stop_token stop);

// How long a finished Job stays, once its result is recorded, for `kubectl logs`.
inline constexpr std::chrono::seconds kKeepFinishedJob{3600};

}  // namespace holdfast::controllers
