#include "controllers/restore/promotion.h"

#include "base/wording.h"
#include "controllers/reasons.h"
#include "controllers/restore/ending.h"
#include "controllers/restore/follow_children.h"
#include "controllers/restore/in_place.h"

namespace holdfast::controllers::restore {
namespace {

using crds::RestorePhase;
using crds::RunState;

// A standby is promoted without a last look at a repository that takes longer to answer.
constexpr std::chrono::minutes kSearchPatience{2};

std::string PromotedAt(FollowDraft& d) {
  return "Promoted at " + FormatTime(*d.Held().promoted_time);
}

TimePoint SearchedUntil(FollowDraft& d) {
  return d.FindStep(kCatchUpStep)->start_time.value_or(d.world.now) + kSearchPatience;
}

TimePoint StartedUntil(FollowDraft& d) {
  return DeadlineOf(d.restore, d.Held().promoted_time.value_or(d.world.now));
}

std::string Missed(const std::string& backup, const crds::Restore& child) {
  return "The newer Backup " + backup + " could not be restored: " + ReadyOf(child).message;
}

bool GivesUpOnNewest(FollowDraft& d) {
  if (!d.HoldsOne()) return false;
  const crds::Backup* newest = d.Newest();
  if (newest == nullptr) return false;
  const std::string& name = newest->metadata.name;
  std::string& note = d.FindStep(kCatchUpStep)->message;
  if (const crds::Restore* failed = LastFailure(d, name); failed != nullptr && note.empty())
    note = Missed(name, *failed);
  return !note.empty();
}

std::string CatchUpNote(FollowDraft& d) {
  const crds::RestoreStep* step = d.FindStep(kCatchUpStep);
  return step == nullptr || step->message.empty() ? "" : " " + step->message;
}

// The standby is not up yet: goes on until the deadline.
void AwaitStandby(FollowDraft& d, const char* why, const std::string& what) {
  if (d.world.now < StartedUntil(d)) return d.Progressing(why, "Promoted; " + what + ".");
  Close(d, RestorePhase::kFailed, RunState::kFailed);
  d.plan.requeue = AwaitChange();
  d.Condemn(reason::kDeadlineExceeded, "Promoted, but not up at the deadline (" +
                                           d.restore.spec.deadline + "): " + what + ".");
}

void EndPromotion(FollowDraft& d) {
  if (InPlace(d.restore)) d.EndStep(kScaleUpStep);
  Close(d, RestorePhase::kSucceeded, RunState::kSucceeded);
  d.plan.requeue = AwaitChange();
  d.plan.status.progress = "100%";
  const std::string message =
      PromotedAt(d) + " with " + d.HeldBackup() +
      (InPlace(d.restore) ? "; StatefulSet " + d.SetName() + " is up." : ".") + CatchUpNote(d);
  d.Ready(reason::kPromoted, message);
  d.Announce(kube::EventType::kNormal, reason::kPromoted, message);
}

}  // namespace

bool IsPromoted(const crds::Restore& restore) {
  return restore.status.follow && restore.status.follow->promoted_time;
}

bool Promote(FollowDraft& d) {
  d.BeginStep(kCatchUpStep, "");
  if (!d.world.following.searched.empty() && d.world.now < SearchedUntil(d)) {
    TellOfSearch(d);
    d.plan.requeue = RequeueAt(SearchedUntil(d));
    return true;
  }
  if (!GivesUpOnNewest(d) && BringNewest(d)) return true;
  if (!d.HoldsOne()) return false;
  MarkPromoted(d);
  return true;
}

bool GivesUpOn(FollowDraft& d, const crds::Restore& child) {
  if (!d.restore.spec.promote || !d.HoldsOne() || !IsHindered(child)) return false;
  d.FindStep(kCatchUpStep)->message = Missed(child.spec.source.backup, child);
  return true;
}

void MarkPromoted(FollowDraft& d) {
  d.EndStep(kCatchUpStep);
  std::string& note = d.FindStep(kCatchUpStep)->message;
  const Following& seen = d.world.following;
  const std::string& blind = seen.searched.empty() ? seen.unsearchable : seen.searched;
  if (!blind.empty())
    note += std::string(note.empty() ? "" : " ") + "BackupRepository " + blind +
            " could not be searched for newer Backups.";
  d.Held().promoted_time = d.world.now;
  d.Held().restoring.clear();
  d.plan.status.phase = RestorePhase::kScalingUp;
  const std::string message = d.Holding() + ", and follows no more." + CatchUpNote(d);
  d.Progressing(reason::kPromoting, message);
  d.Announce(kube::EventType::kNormal, reason::kPromoting, message);
  d.plan.requeue = RequeueAt(d.world.now);
}

void StartStandby(FollowDraft& d) {
  if (!InPlace(d.restore)) return EndPromotion(d);
  const std::int64_t wanted = d.plan.status.original_replicas.value_or(0);
  const bool asked = d.FindStep(kScaleUpStep) != nullptr;
  d.BeginStep(kScaleUpStep, "to " + Counted(static_cast<std::uint64_t>(wanted), "replica"));
  d.plan.requeue = RequeueAt(StartedUntil(d));
  if (!d.world.set)
    return AwaitStandby(
        d, reason::kStatefulSetNotFound,
        "there is no StatefulSet " + d.SetName() + " any more; create it, and it is started");
  const StatefulSetView& set = *d.world.set;
  if (set.replicas == 0 && asked)
    return AwaitStandby(d, reason::kScalingUp,
                        "somebody scaled StatefulSet " + d.SetName() +
                            " back to 0. Where GitOps keeps its size, set replicas: " +
                            std::to_string(wanted) + " there");
  if (set.replicas == 0 && wanted > 0) d.plan.scale = wanted;
  if (set.replicas > 0 && HasSettled(set)) return EndPromotion(d);
  AwaitStandby(d, reason::kScalingUp, "waits until " + d.ReplicasReady(wanted));
}

void SettlePromotion(FollowDraft& d) {
  if (d.restore.spec.promote || !IsPromoted(d.restore)) return;
  d.Ready(reason::kPromoted,
          PromotedAt(d) +
              ", and follows no more, though spec.promote was taken back: what the workload has "
              "written since is not overwritten. To follow again, create another Restore.");
}

}  // namespace holdfast::controllers::restore
