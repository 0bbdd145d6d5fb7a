#include "controllers/restore/occupants.h"

#include <algorithm>

#include "controllers/labels.h"
#include "controllers/reasons.h"
#include "controllers/restore/ending.h"
#include "controllers/restore/progress.h"

namespace holdfast::controllers::restore {
namespace {

// After which a hint is due.
constexpr std::chrono::minutes kSlow{2};
// Kubernetes detaches by force from a node that has been away for 6 minutes.
constexpr std::chrono::minutes kDetachPatience{10};

using crds::VolumeRestore;

bool IsWatcher(const PodView& pod) {
  const auto verb = pod.labels.find(kVerbLabel);
  return verb != pod.labels.end() && verb->second == kWatchVerb;
}

std::string UsedClaim(const Draft& d, const PodView& pod) {
  if (pod.Finished()) return "";
  for (const VolumeRestore& volume : d.plan.status.volumes) {
    const bool waits = !d.world.movers.contains(volume.claim) && !Ended(volume);
    if (waits && std::find(pod.claims.begin(), pod.claims.end(), volume.claim) != pod.claims.end())
      return volume.claim;
  }
  return "";
}

// Kubernetes waits for a node that does not answer until somebody says that it is gone.
std::string NodeAdvice(Draft& d, const std::string& node) {
  const crds::RestoreStep* step = d.FindStep(kDetachStep);
  if (node.empty() || step == nullptr || d.world.now < *step->start_time + kSlow) return "";
  return " That takes long: if node " + node +
         " is down for good, this lets go of it: kubectl taint nodes " + node +
         " node.kubernetes.io/out-of-service=nodeshutdown:NoExecute";
}

void WaitForPod(Draft& d, const PodView& pod, const std::string& claim, bool own) {
  if (d.plan.status.original_replicas)
    d.BeginStep(kDetachStep, "until pod " + pod.key.name + " is gone");
  if (own)
    d.Progressing(reason::kScalingDown, "Waiting until pod " + pod.key.name + " of StatefulSet " +
                                            d.SetName() + " has stopped." +
                                            NodeAdvice(d, pod.node));
  else
    d.Wait(reason::kClaimInUse, "Pod " + pod.key.name + " mounts claim " + claim +
                                    "; the Restore goes on once the pod is gone.");
  if (d.Late())
    return GiveUp(d, reason::kClaimInUse,
                  "At the deadline, pod " + pod.key.name + " still mounted claim " + claim + ".");
  d.plan.requeue = d.LookAgain();
}

// A volume that only one node may have, and that one still has: a mover elsewhere would wait for it
// without a word. Not for ever: attachments that nobody clears away do not keep a mover from
// running on that node.
bool Attached(Draft& d) {
  if (!InPlace(d.restore)) return false;
  for (const VolumeRestore& volume : d.plan.status.volumes) {
    const auto claim = d.world.claims.find(volume.claim);
    if (claim == d.world.claims.end() || claim->second.attached_to.empty() ||
        claim->second.many_nodes)
      continue;
    const std::string& node = claim->second.attached_to;
    d.BeginStep(kDetachStep, "until volume " + claim->second.volume + " of claim " + volume.claim +
                                 " is detached from node " + node);
    if (d.world.now >= *d.FindStep(kDetachStep)->start_time + kDetachPatience) return false;
    d.Progressing(reason::kScalingDown,
                  "Waiting until volume " + claim->second.volume + " of claim " + volume.claim +
                      " is detached from node " + node + "." + NodeAdvice(d, node));
    d.plan.requeue = d.LookAgain();
    return true;
  }
  return false;
}

}  // namespace

bool Detached(Draft& d) {
  if (NamedUser(d, /*with_own_pods=*/true) || Attached(d)) return false;
  if (InPlace(d.restore)) d.EndStep(kDetachStep);
  return true;
}

// Waits, and says for whom, when a pod may use one of the claims that are still to be written.
bool NamedUser(Draft& d, bool with_own_pods) {
  for (const PodView& pod : d.world.pods) {
    const bool own = d.world.set && pod.owner.uid == d.world.set->uid;
    const std::string claim = UsedClaim(d, pod);
    // A watcher goes once the pods whose volume it watches have gone (policy/continuous.h).
    if (claim.empty() || ((own || IsWatcher(pod)) && !with_own_pods)) continue;
    WaitForPod(d, pod, claim, own);
    return true;
  }
  return false;
}

}  // namespace holdfast::controllers::restore
