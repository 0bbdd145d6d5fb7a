// Leader election by a coordination.k8s.io Lease, as client-go's leaderelection does it: the holder
// renews, others take over when the lease was not renewed for its duration as seen by their own
// steady clock (so clocks of different machines need not agree).
#pragma once

#include <chrono>
#include <functional>
#include <stop_token>
#include <string>

#include "base/clock.h"
#include "operator/kube/api.h"

namespace holdfast::kube {

struct LeaseOptions {
  ObjectKey key;
  std::string identity;  // unique per process: pod name + random
  std::chrono::seconds duration{15};
  std::chrono::seconds renew_deadline{10};  // stop leading when not renewed for so long
  std::chrono::seconds retry_period{2};
};

// Blocks until this process leads, calls `lead` on another thread with a stop token that fires when
// leadership is lost or `stop` fires, and returns when `lead` has returned. A graceful stop releases
// the lease, so that the next one need not wait.
Result<void> RunAsLeader(const Api& api, const Clock& clock, const LeaseOptions& options,
                         const std::function<void(std::stop_token)>& lead, std::stop_token stop);

}  // namespace holdfast::kube
