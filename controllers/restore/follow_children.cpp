#include "controllers/restore/follow_children.h"

#include <algorithm>

#include "base/hash.h"
#include "controllers/kinds.h"
#include "controllers/labels.h"
#include "controllers/mover_job.h"
#include "controllers/reasons.h"
#include "controllers/restore/child.h"
#include "controllers/restore/ending.h"
#include "controllers/restore/resolve.h"

namespace holdfast::controllers::restore {
namespace {

using crds::Backup;
using crds::Restore;
using crds::RestorePhase;

constexpr std::size_t kNameDigits = 8;
// Of the children that are over; failed ones among them make the pauses longer.
constexpr std::size_t kKept = 4;
constexpr std::chrono::minutes kFirstPause{1};

constexpr const char* kFollowVerb = "follow";

bool HasFailed(const Restore& child) { return child.status.phase == RestorePhase::kFailed; }

bool HasJob(const crds::VolumeRestore& volume) { return !volume.job.empty(); }

// Whether a child that failed left a volume that is neither what it was nor what it was to be.
bool Spoiled(const Restore& child) {
  if (!HasFailed(child)) return false;
  if (InPlace(child)) return LeftAtZero(child);
  return std::ranges::any_of(child.status.volumes, HasJob);
}

// So many pods the StatefulSet needs to have one for each volume that was restored.
std::int64_t ReplicasFor(const Restore& child, const StatefulSetView& set) {
  std::int64_t replicas = 0;
  for (const crds::VolumeRestore& volume : child.status.volumes)
    if (const auto name = ParseClaimName(volume.claim, set))
      replicas = std::max<std::int64_t>(replicas, name->ordinal - set.first_ordinal + 1);
  return replicas;
}

// Where the Backup's object is gone already, what was restored is at most as new as the child.
std::optional<TimePoint> RecoveryPointOf(const FollowDraft& d, const Restore& child) {
  for (const Backup& backup : d.world.backups)
    if (backup.metadata.name == child.spec.source.backup) return StartOf(backup);
  return child.status.start_time;
}

// What it says of itself becomes what the follower says of its target.
void TakeOver(FollowDraft& d, const Restore& child) {
  d.Held().backup = child.spec.source.backup;
  d.Held().recovery_point = RecoveryPointOf(d, child);
  ++d.Held().restored;
  crds::RestoreStatus& status = d.plan.status;
  status.backup = child.status.backup;
  status.repository = child.status.repository;
  status.volumes = child.status.volumes;
  status.files = child.status.files;
  status.bytes = child.status.bytes;
  status.size = child.status.size;
  status.duration = child.status.duration;
  status.progress = child.status.progress;
  status.eta.clear();
  status.throughput.clear();
  status.phase = RestorePhase::kFollowing;
  if (d.world.set) status.original_replicas = ReplicasFor(child, *d.world.set);
}

void TellWork(FollowDraft& d, const Restore& child) {
  d.plan.status.phase = RestorePhase::kFollowing;
  const std::string work =
      "Restore " + child.metadata.name + " brings Backup " + child.spec.source.backup + ".";
  if (d.restore.spec.promote)
    d.Progressing(reason::kPromoting, work + " The promotion waits for it.");
  else if (d.HoldsOne())
    d.Ready(reason::kFollowing, d.Holding() + ". " + work);
  else
    d.Progressing(reason::kRestoring, work);
}

// Until when not to try this one again; nullopt when it has not failed.
std::optional<TimePoint> PauseAfter(const FollowDraft& d, const std::string& backup) {
  const Restore* failed = LastFailure(d, backup);
  if (failed == nullptr) return std::nullopt;
  std::chrono::seconds pause = std::chrono::seconds(kFirstPause) / 2;
  for (const Restore* child : d.ended) {
    if (!HasFailed(*child)) break;
    pause *= 2;
  }
  return failed->status.completion_time.value_or(d.world.now) + pause;
}

void WaitToTryAgain(FollowDraft& d, TimePoint again) {
  const Restore& last = *d.ended.front();
  const std::string& why = ReadyOf(last).reason;
  crds::SetNotReady(
      d.plan.status.conditions,
      d.Verdict(why.empty() ? reason::kFailed : why.c_str(),
                "Restore " + last.metadata.name + " failed: " + ReadyOf(last).message +
                    " It is tried again at " + FormatTime(again) + "."),
      d.world.now);
  d.plan.requeue = RequeueAt(again);
}

// Two operators, of which one has lost its lease without knowing, make the same one.
std::string NameOfChild(const FollowDraft& d, const Backup& backup) {
  const crds::ObjectMeta& meta = d.restore.metadata;
  const std::string before = d.ended.empty() ? "" : d.ended.front()->metadata.uid;
  return JobName(meta.name,
                 ShortHash(meta.uid + "/" + backup.metadata.name + "/" + before, kNameDigits));
}

Restore ChildFor(const FollowDraft& d, const Backup& backup) {
  crds::RestoreSpec spec = d.restore.spec;
  spec.source = {};
  spec.source.backup = backup.metadata.name;
  spec.mode = crds::RestoreMode::kOnce;
  spec.promote = false;
  spec.overwrite = crds::Overwrite::kIfChanged;
  spec.delete_extra = true;
  spec.hooks = {};
  Restore child =
      ChildRestore(ReferenceTo(d.restore), NameOfChild(d, backup), kFollowVerb, std::move(spec));
  child.metadata.labels[kFollowerLabel] = LabelValue(d.restore.metadata.name);
  return child;
}

}  // namespace

void NoteLastChild(FollowDraft& d) {
  d.Held().restoring = d.running == nullptr ? "" : d.running->metadata.name;
  if (d.ended.empty()) return;
  const Restore& last = *d.ended.front();
  if (Spoiled(last)) return d.Forget();
  const bool news = d.Held().backup != last.spec.source.backup;
  if (last.status.phase == RestorePhase::kSucceeded && news) TakeOver(d, last);
}

void ForgetOldChildren(FollowDraft& d) {
  for (std::size_t i = kKept; i < d.ended.size(); ++i)
    d.plan.remove_children.push_back(*d.ended[i]);
}

bool IsRemoved(const FollowDraft& d, const Restore& child) {
  return std::ranges::any_of(d.plan.remove_children, [&](const Restore& removed) {
    return removed.metadata.uid == child.metadata.uid;
  });
}

bool IsOutdated(FollowDraft& d, const Restore& child) {
  const Backup* newest = d.Newest();
  return newest != nullptr && newest->metadata.name != child.spec.source.backup;
}

bool MayBeReplaced(const Restore& child) {
  return child.status.phase == RestorePhase::kPending && !child.status.original_replicas &&
         std::ranges::none_of(child.status.volumes, HasJob);
}

bool IsHindered(const Restore& child) {
  const std::string& why = ReadyOf(child).reason;
  return !why.empty() && why != reason::kRestoring && why != reason::kScalingDown &&
         why != reason::kScalingUp && why != reason::kSucceeded;
}

const crds::Condition& ReadyOf(const Restore& child) {
  static const crds::Condition kNone;
  const crds::Condition* ready = crds::FindCondition(child.status.conditions, crds::kReady);
  return ready == nullptr ? kNone : *ready;
}

void TellOfChild(FollowDraft& d, const Restore& child) {
  if (!IsHindered(child)) return TellWork(d, child);
  d.Progressing(ReadyOf(child).reason.c_str(),
                "Restore " + child.metadata.name + ": " + ReadyOf(child).message);
}

bool BringNewest(FollowDraft& d) {
  if (!d.HoldsOne() && !d.world.following.searched.empty()) return false;
  const Backup* newest = d.Newest();
  if (newest == nullptr) return false;
  if (const auto again = PauseAfter(d, newest->metadata.name); again && d.world.now < *again) {
    WaitToTryAgain(d, *again);
    return true;
  }
  d.plan.create_child = ChildFor(d, *newest);
  d.Held().restoring = d.plan.create_child->metadata.name;
  TellWork(d, *d.plan.create_child);
  return true;
}

const Restore* LastFailure(const FollowDraft& d, const std::string& backup) {
  if (d.ended.empty()) return nullptr;
  const Restore& last = *d.ended.front();
  return HasFailed(last) && last.spec.source.backup == backup ? &last : nullptr;
}

}  // namespace holdfast::controllers::restore
