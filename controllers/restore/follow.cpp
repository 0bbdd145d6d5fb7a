#include "controllers/restore/follow.h"

#include <algorithm>

#include "base/wording.h"
#include "controllers/reasons.h"
#include "controllers/restore/follow_children.h"
#include "controllers/restore/promotion.h"

namespace holdfast::controllers::restore {
namespace {

void WatchChild(FollowDraft& d) {
  const crds::Restore& child = *d.running;
  if (d.restore.spec.promote) d.BeginStep(kCatchUpStep, "");
  if (MayBeReplaced(child) && (IsOutdated(d, child) || GivesUpOn(d, child))) {
    d.plan.remove_children.push_back(child);
    d.Held().restoring.clear();
  }
  d.plan.status.progress = child.status.progress;
  d.plan.status.eta = child.status.eta;
  d.plan.status.throughput = child.status.throughput;
  TellOfChild(d, child);
}

void WaitUntilStopped(FollowDraft& d) {
  d.Forget();
  for (const crds::Restore* child : d.ended)
    if (!IsRemoved(d, *child)) d.plan.remove_children.push_back(*child);
  d.Progressing(reason::kStandbyRuns,
                "StatefulSet " + d.SetName() + " has " +
                    Counted(static_cast<std::uint64_t>(d.world.set->replicas), "replica") +
                    ", and data under running pods is not overwritten. It follows once that is 0: "
                    "kubectl -n " +
                    d.restore.metadata.namespace_ + " scale statefulset " + d.SetName() +
                    " --replicas=0");
}

// Whether no pod of it runs; says so where one may.
bool TargetIsStill(FollowDraft& d) {
  if (!InPlace(d.restore)) return true;
  if (!d.world.set) {
    d.Progressing(reason::kStatefulSetNotFound,
                  "There is no StatefulSet " + d.SetName() +
                      " in this namespace; create it with replicas: 0.");
    return false;
  }
  const int replicas = d.world.set->replicas;
  if (replicas == 0) return true;
  if (d.restore.spec.promote && d.HoldsOne()) {
    d.plan.status.original_replicas = replicas;  // somebody started it
    MarkPromoted(d);
  } else {
    WaitUntilStopped(d);
  }
  return false;
}

// Nothing to do.
void Rest(FollowDraft& d) {
  const Following& seen = d.world.following;
  const std::string& policy = d.restore.spec.source.policy;
  if (d.HoldsOne() && !d.world.policy && !seen.unsearchable.empty())
    return d.Progressing(reason::kRepositoryNotReady,
                         d.Holding() + ". BackupRepository " + seen.unsearchable +
                             " cannot be searched for newer Backups; its conditions and "
                             "status.lastImport say why.");
  if (d.HoldsOne()) return d.Ready(reason::kFollowing, d.Holding() + ", and follows the next.");
  if (!seen.searched.empty()) return TellOfSearch(d);
  if (!d.world.policy && d.world.backups.empty())
    return d.Progressing(reason::kPolicyNotFound,
                         "There is no BackupPolicy " + policy +
                             " in this namespace, nor a Backup of it; it follows once there is.");
  d.Progressing(reason::kSourceNotFound,
                "BackupPolicy " + policy +
                    " has no Backup yet of which every volume has a snapshot; the first is "
                    "restored as soon as it is there.");
}

void Advance(FollowDraft& d) {
  d.Open();
  if (!d.plan.status.follow) d.plan.status.follow.emplace();
  if (d.restore.spec.source.policy.empty())
    return d.Stall(reason::kInvalidSpec,
                   "spec.mode: Follow restores each new Backup of a policy: set source.policy.");
  if (IsPromoted(d.restore)) return StartStandby(d);
  NoteLastChild(d);
  ForgetOldChildren(d);
  if (!d.restore.spec.promote)
    std::erase_if(d.plan.status.steps, [](const auto& step) { return step.name == kCatchUpStep; });
  if (!d.world.following.leaving.empty())
    return d.Progressing(
        reason::kWaitingForRestore,
        "Restore " + d.world.following.leaving + " is being deleted, and its movers with it.");
  if (d.running != nullptr) return WatchChild(d);
  if (!d.world.earlier.empty())
    return d.Progressing(reason::kWaitingForRestore,
                         "Restore " + d.world.earlier + " follows into the same target already.");
  if (!TargetIsStill(d)) return;
  const bool busy = d.restore.spec.promote ? Promote(d) : BringNewest(d);
  if (!busy) Rest(d);
}

}  // namespace

Plan DecideFollow(const World& world, const Settings& settings) {
  FollowDraft draft(world, settings);
  if (world.restore.metadata.deletion_timestamp) return std::move(draft.plan);
  draft.plan.status.observed_generation = world.restore.metadata.generation;
  if (IsOver(world.restore))
    SettlePromotion(draft);
  else
    Advance(draft);
  return std::move(draft.plan);
}

}  // namespace holdfast::controllers::restore
