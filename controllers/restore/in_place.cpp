#include "controllers/restore/in_place.h"

#include <algorithm>

#include "base/wording.h"
#include "controllers/reasons.h"
#include "controllers/restore/child.h"
#include "controllers/restore/claims.h"
#include "controllers/restore/ending.h"
#include "controllers/restore/hook_stages.h"
#include "controllers/restore/occupants.h"

namespace holdfast::controllers::restore {
namespace {

using crds::RestorePhase;
using crds::RunState;
using crds::VolumeRestore;

// The size is written down before anything is scaled; the pass after this one reads it back.
void Remember(Draft& d) {
  d.plan.add_finalizer = !d.HasFinalizer();
  d.plan.status.original_replicas = SizeToHave(d);
  d.plan.status.phase = RestorePhase::kScalingDown;
  d.BeginStep(kScaleDownStep, "from " + Counted(d.world.set->replicas, "replica") + " to 0");
  d.Progressing(reason::kScalingDown, "Stopping the pods of StatefulSet " + d.SetName() + ".");
  if (const auto scalers = WhoWouldScaleUp(d.world.set->key.ns, d.world.autoscalers);
      !scalers.empty())
    d.Announce(kube::EventType::kWarning, reason::kAutoscaled,
               "StatefulSet " + d.SetName() + " is scaled to 0 now. " + Advice(scalers));
  d.plan.requeue = RequeueAt(d.world.now);
}

// In words that stay the same from fight to fight, so that many are one event.
void BlameScaleUp(Draft& d, const char* step) {
  const std::string manager = ManagerOfReplicas(d.world.set_object);
  std::string message = "StatefulSet " + d.SetName() + " was scaled to " +
                        Counted(d.world.set->replicas, "replica") +
                        " while its volumes are being restored";
  if (!manager.empty()) message += ", by field manager \"" + manager + "\"";
  message += "; it is scaled down again.";
  if (const auto scalers = WhoScales(d.world.set_object, d.world.autoscalers); !scalers.empty())
    message += " " + Advice(scalers);
  d.BeginStep(step, message);
  d.Progressing(reason::kScaledUpByOthers, message);
  for (const bool on_set : {false, true})
    d.Announce(kube::EventType::kWarning, reason::kScaledUpByOthers, message, on_set);
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
  if (d.FindStep(kScaleDownStep)->state != RunState::kRunning)
    BlameScaleUp(d, d.world.movers.empty() ? kDetachStep : kRestoreStep);
  d.plan.requeue = d.LookAgain();
  return false;
}

// Whether a pod that is on `volume` is there too early. One that was restored counts: the others
// are not.
bool IsWritten(const Draft& d, const VolumeRestore& volume) {
  return volume.state == RunState::kSucceeded ||
         (volume.state != RunState::kSkipped && d.world.movers.contains(volume.claim));
}

// A pod that had ended before the mover was started, and is still there: it wrote nothing since.
bool EndedBefore(const Draft& d, const PodView& pod, const VolumeRestore& volume) {
  const auto mover = d.world.movers.find(volume.claim);
  return pod.Finished() && mover != d.world.movers.end() && pod.created < mover->second.job.created;
}

void Spoil(VolumeRestore& volume, const PodView& pod) {
  volume.state = RunState::kSkipped;
  volume.progress.clear();
  volume.files = volume.bytes = volume.bytes_read = volume.bytes_written = 0;
  volume.message = "pod " + pod.key.name + " was started on it meanwhile; it is restored once more";
}

// Stored before it is done: from then on it was not somebody else.
void BeginScaleUp(Draft& d, std::int64_t wanted) {
  d.EndStep(kRestoreStep);
  if (d.FindStep(kAgainStep) != nullptr) d.EndStep(kAgainStep);
  d.plan.status.phase = RestorePhase::kScalingUp;
  d.BeginStep(kScaleUpStep, "to " + Counted(wanted, "replica"));
  d.Progressing(reason::kScalingUp, "The volumes are restored; StatefulSet " + d.SetName() +
                                        " gets its " + Counted(wanted, "replica") + " again.");
  d.plan.requeue = RequeueAt(d.world.now);
}

void AwaitReady(Draft& d, std::int64_t wanted) {
  if (HasSettled(*d.world.set)) {
    d.EndStep(kReadyStep);
    if (PostHooksDone(d)) Succeed(d);
    return;
  }
  if (d.Late())
    return FailUp(d, reason::kDeadlineExceeded,
                  "StatefulSet " + d.SetName() +
                      " did not come up before the deadline: its pods are not ready; their logs "
                      "and events say why.");
  d.BeginStep(kReadyStep, "");
  d.Progressing(reason::kScalingUp,
                "The volumes are restored; waiting until " + d.ReplicasReady(wanted) + ".");
  d.plan.requeue = d.LookAgain();
}

}  // namespace

std::int64_t SizeToHave(const Draft& d) {
  if (d.plan.status.original_replicas) return *d.plan.status.original_replicas;
  const std::int64_t now = d.world.set->replicas;
  if (now != 0) return now;
  return IsOfFollower(d.restore) ? 0 : d.world.left_behind.value_or(0);
}

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
  if (IsOfFollower(d.restore) && d.world.set->replicas > 0) {
    GiveUp(d, reason::kStandbyRuns,
           "StatefulSet " + d.SetName() +
               " was started, and data under running pods is not overwritten by a Restore that "
               "follows.");
    return false;
  }
  if (PreHooksDone(d)) Remember(d);
  return false;
}

void KeepDown(Draft& d) {
  if (!InPlace(d.restore) || !d.world.set || !d.plan.status.original_replicas) return;
  if (d.world.set->replicas == 0 || d.world.movers.empty()) return;
  d.plan.scale = 0;
  BlameScaleUp(d, kRestoreStep);
}

bool FindsTampering(Draft& d) {
  if (!InPlace(d.restore) || !d.world.set || d.FindStep(kScaleUpStep) != nullptr) return false;
  bool any = false;
  for (const PodView& pod : d.world.pods) {
    if (pod.owner.uid != d.world.set->uid || pod.node.empty()) continue;
    for (VolumeRestore& volume : d.plan.status.volumes) {
      const bool mounts = std::ranges::find(pod.claims, volume.claim) != pod.claims.end();
      if (!mounts || !IsWritten(d, volume) || EndedBefore(d, pod, volume)) continue;
      Spoil(volume, pod);
      d.BeginStep(kAgainStep, "claim " + volume.claim);
      d.Announce(kube::EventType::kWarning, reason::kRestoredAgain,
                 "Claim " + volume.claim + ": " + volume.message + ".");
      any = true;
    }
  }
  if (any) d.plan.requeue = RequeueAt(d.world.now);
  return any;
}

void RestoreAgain(Draft& d) {
  for (VolumeRestore& volume : d.plan.status.volumes) {
    if (volume.state != RunState::kSkipped) continue;
    const auto mover = d.world.movers.find(volume.claim);
    if (mover == d.world.movers.end())
      volume.state = RunState::kPending;
    else if (!mover->second.job.deleting)
      d.plan.remove.push_back(mover->second.job);
  }
}

void ScaleUp(Draft& d) {
  const std::int64_t wanted = d.plan.status.original_replicas.value_or(0);
  if (d.FindStep(kScaleUpStep) == nullptr) return BeginScaleUp(d, wanted);
  if (!d.world.set) {
    if (d.Late())
      return FailUp(d, reason::kDeadlineExceeded,
                    "StatefulSet " + d.SetName() +
                        " did not come up before the deadline: it does not exist any more.");
    return d.Wait(reason::kStatefulSetNotFound,
                  "The volumes are restored, but there is no StatefulSet " + d.SetName() +
                      " any more; create it, and it is scaled up.");
  }
  if (d.world.set->replicas == 0 && wanted > 0) {
    d.plan.scale = wanted;
    d.Progressing(reason::kScalingUp,
                  "The volumes are restored; waiting until " + d.ReplicasReady(wanted) + ".");
    d.plan.requeue = d.LookAgain();
    return;
  }
  d.EndStep(kScaleUpStep);
  AwaitReady(d, wanted);
}

bool HasSettled(const StatefulSetView& set) {
  return set.observed_generation >= set.generation && set.ready_replicas >= set.replicas;
}

bool ScaleBack(Draft& d) {
  const std::int64_t wanted = d.plan.status.original_replicas.value_or(0);
  if (!d.world.set || wanted == 0) return false;
  if (d.world.set->replicas == 0) d.plan.scale = wanted;
  return true;
}

}  // namespace holdfast::controllers::restore
