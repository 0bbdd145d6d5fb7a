// Writes of Jobs that controllers share. Each may be repeated after any crash.
#pragma once

#include <chrono>
#include <stop_token>
#include <string>

#include "base/json.h"
#include "controllers/context.h"
#include "controllers/views.h"
#include "operator/kube/api.h"

namespace holdfast::controllers {

// Creates an object that has a controlling owner, and returns it as stored. One of that name that
// has the same owner (by uid) is success: it is adopted as it is. AlreadyExists when it is
// another's; Unavailable while it is being deleted.
//
// Every Job of ours is made here, so that the cache of Jobs knows which it does not show yet.
Result<Json> EnsureOwned(const Context& context, const kube::Resource& resource, const Json& object,
                         std::stop_token stop);
Result<void> EnsureJob(const Context& context, const Json& job, std::stop_token stop);

// Lets a suspended Job make its pods. A Job that is gone is success.
Result<void> ResumeJob(const kube::Api& api, const kube::ObjectKey& key, std::stop_token stop);

// How long a finished mover's Job stays once its result is recorded: not at all when it did well, a
// while for `kubectl logs` when it failed. Longer would be in the way: a claim cannot be deleted
// while a pod that mounts it exists, even one that has ended (storage object in use protection).
inline constexpr std::chrono::seconds kKeepFailedJob{600};
inline std::chrono::seconds TimeToKeep(const JobView& job) {
  return job.complete ? std::chrono::seconds(0) : kKeepFailedJob;
}

// Lets Kubernetes remove a finished Job, and its pods and logs, after TimeToKeep. Says it once, and
// not again before the cache shows it. A Job that is gone is success.
Result<void> ExpireJob(const Context& context, const JobView& job, std::stop_token stop);

}  // namespace holdfast::controllers
