#include "controllers/restore/in_place.h"

#include "controllers/reasons.h"
#include "controllers/restore/claims.h"
#include "controllers/restore/ending.h"
#include "controllers/restore/occupants.h"

namespace holdfast::controllers::restore {
namespace {

using crds::RestorePhase;
using crds::RestoreStatus;
using crds::RunState;
using crds::VolumeRestore;

// The size is written down before anything is scaled; the pass after this one reads it back.
void Remember(Draft& d) {
  d.plan.add_finalizer = !d.HasFinalizer();
  const std::int64_t now = d.world.set->replicas;
  d.plan.status.original_replicas = now == 0 ? d.world.left_behind.value_or(0) : now;
  d.plan.status.phase = RestorePhase::kScalingDown;
  d.BeginStep(kScaleDownStep, "from " + Replicas(now) + " to 0");
  d.Progressing(reason::kScalingDown, "Stopping the pods of StatefulSet " + d.SetName() + ".");
  d.plan.requeue = RequeueAt(d.world.now);
}

void BlameScaleUp(Draft& d) {
  d.Announce(kube::EventType::kWarning, reason::kScaledUpByOthers,
             "Somebody scaled StatefulSet " + d.SetName() + " to " +
                 Replicas(d.world.set->replicas) +
                 " while its volumes are being restored; it was scaled down again. If GitOps "
                 "manages it, suspend that until the Restore is over.");
}

bool Down(Draft& d) {
  if (!d.HasFinalizer()) {
    d.plan.add_finalizer = true;
    d.plan.requeue = RequeueAt(d.world.now);
    return false;
  }
  if (d.world.set->replicas == 0) {
    d.EndStep(kScaleDownStep);
    return true;
  }
  d.plan.scale = 0;
  d.plan.status.phase = RestorePhase::kScalingDown;
  if (!d.world.movers.empty()) BlameScaleUp(d);
  d.plan.requeue = d.LookAgain();
  return false;
}

bool Settled(const Draft& d) {
  return d.world.set->observed_generation >= d.world.set->generation &&
         d.world.set->ready_replicas >= d.world.set->replicas;
}

void FailUp(Draft& d, const std::string& why) {
  End(d, RestorePhase::kFailed, RunState::kFailed);
  d.Condemn(reason::kDeadlineExceeded, "The volumes are restored, but StatefulSet " + d.SetName() +
                                           " did not come up before the deadline: " + why + ".");
}

}  // namespace

bool PrepareSet(Draft& d) {
  if (!d.world.set) {
    d.Wait(reason::kStatefulSetNotFound,
           "There is no StatefulSet " + d.SetName() + " in this namespace; create it.");
    return false;
  }
  if (d.plan.status.original_replicas) return Down(d);
  if (NamedUser(d, /*with_own_pods=*/false)) return false;
  if (LosesClaimsWhenScaled(d.world.set_object)) {
    d.Stall(reason::kInvalidSpec,
            "StatefulSet " + d.SetName() +
                " would delete its claims when it is scaled down. Set "
                "spec.persistentVolumeClaimRetentionPolicy.whenScaled to Retain for the restore.");
    return false;
  }
  Remember(d);
  return false;
}

// Level-based, for as long as the volumes are not whole.
void KeepDown(Draft& d) {
  if (!InPlace(d.restore) || !d.world.set || !d.plan.status.original_replicas) return;
  if (d.world.set->replicas == 0 || d.world.movers.empty()) return;
  d.plan.scale = 0;
  BlameScaleUp(d);
}

void ScaleUp(Draft& d) {
  d.EndStep(kRestoreStep);
  const std::int64_t wanted = d.plan.status.original_replicas.value_or(0);
  d.plan.status.phase = RestorePhase::kScalingUp;
  d.BeginStep(kScaleUpStep, "to " + Replicas(wanted));
  if (!d.world.set) {
    if (d.Late()) return FailUp(d, "it does not exist any more");
    return d.Wait(reason::kStatefulSetNotFound,
                  "The volumes are restored, but there is no StatefulSet " + d.SetName() +
                      " any more; create it, and it is scaled up.");
  }
  if (d.world.set->replicas == 0 && wanted > 0) {
    d.plan.scale = wanted;
  } else if (Settled(d)) {
    d.EndStep(kScaleUpStep);
    return Succeed(d);
  } else if (d.Late()) {
    return FailUp(d, "its pods are not ready; their logs and events say why");
  }
  d.Progressing(reason::kScalingUp, "The volumes are restored; waiting until " + Replicas(wanted) +
                                        " of StatefulSet " + d.SetName() + " are ready.");
  d.plan.requeue = d.LookAgain();
}

// False when there is nothing to scale.
bool ScaleBack(Draft& d) {
  const std::int64_t wanted = d.plan.status.original_replicas.value_or(0);
  if (!d.world.set || wanted == 0) return false;
  if (d.world.set->replicas == 0) d.plan.scale = wanted;
  return true;
}

}  // namespace holdfast::controllers::restore
