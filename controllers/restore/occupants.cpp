#include "controllers/restore/occupants.h"

#include <algorithm>

#include "controllers/labels.h"
#include "controllers/reasons.h"
#include "controllers/restore/ending.h"
#include "controllers/restore/progress.h"

namespace holdfast::controllers::restore {
namespace {

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

void WaitForPod(Draft& d, const PodView& pod, const std::string& claim, bool own) {
  if (d.plan.status.original_replicas)
    d.BeginStep(kDetachStep, "until pod " + pod.key.name + " is gone");
  if (own)
    d.Progressing(reason::kScalingDown, "Waiting until pod " + pod.key.name + " of StatefulSet " +
                                            d.SetName() + " has stopped.");
  else
    d.Wait(reason::kClaimInUse, "Pod " + pod.key.name + " mounts claim " + claim +
                                    "; the Restore goes on once the pod is gone.");
  if (d.Late())
    return GiveUp(d, reason::kClaimInUse,
                  "At the deadline, pod " + pod.key.name + " still mounted claim " + claim + ".");
  d.plan.requeue = d.LookAgain();
}

}  // namespace

bool Detached(Draft& d) {
  if (NamedUser(d, /*with_own_pods=*/true)) return false;
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
