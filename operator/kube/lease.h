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
  // Stop leading when not renewed for so long. Shorter than `duration` by at least a second or two:
  // what `lead` does must have ended when another one may start.
  std::chrono::milliseconds renew_deadline{10000};
  std::chrono::milliseconds retry_period{2000};
};

// Blocks until this process leads, calls `lead` on another thread with a stop token that fires when
// leadership is lost or `stop` fires, and returns when `lead` has returned. A graceful stop
// releases the lease, so that the next one need not wait. Unavailable when the lease was lost.
Result<void> RunAsLeader(const Api& api, const Clock& clock, const LeaseOptions& options,
                         const std::function<void(std::stop_token)>& lead, std::stop_token stop);

}  // namespace holdfast::kube
