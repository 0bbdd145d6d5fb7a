#include "controllers/restore/follow.h"

#include <algorithm>
#include <tuple>

#include "base/hash.h"
#include "base/wording.h"
#include "controllers/labels.h"
#include "controllers/mover_job.h"
#include "controllers/reasons.h"
#include "controllers/restore/child.h"
#include "controllers/restore/draft.h"
#include "controllers/restore/ending.h"
#include "controllers/restore/resolve.h"
#include "controllers/restore/steps.h"

namespace holdfast::controllers::restore {
namespace {

using crds::Backup;
using crds::Restore;
using crds::RestorePhase;
using crds::RunState;

constexpr std::size_t kNameDigits = 8;
// Of the children that are over, to look at; failed ones among them make the pauses longer.
constexpr std::size_t kKept = 4;
constexpr std::chrono::minutes kFirstPause{1};
// A standby is promoted without a last look at a repository that takes longer to answer.
constexpr std::chrono::minutes kSearchPatience{2};

constexpr const char* kFollowVerb = "follow";

constexpr const char* kCatchUpStep = "CatchUp";

bool Older(const Restore& a, const Restore& b) {
  return std::tie(a.metadata.creation_timestamp, a.metadata.name) <
         std::tie(b.metadata.creation_timestamp, b.metadata.name);
}

bool IsWhole(const Backup& backup) {
  return backup.status.phase == crds::BackupPhase::kSucceeded &&
         !backup.metadata.deletion_timestamp && HasSnapshot(backup);
}

// Whether a child that failed left a volume that is neither what it was nor what it was to be.
bool Spoiled(const Restore& child) {
  if (child.status.phase != RestorePhase::kFailed) return false;
  if (InPlace(child)) return LeftAtZero(child);
  return std::ranges::any_of(child.status.volumes,
                             [](const auto& volume) { return !volume.job.empty(); });
}

// Nothing has been touched for it yet, so a newer Backup may take its place.
bool MayBeReplaced(const Restore& child) {
  return child.status.phase == RestorePhase::kPending && !child.status.original_replicas &&
         std::ranges::all_of(child.status.volumes,
                             [](const auto& volume) { return volume.job.empty(); });
}

const crds::Condition& ReadyOf(const Restore& child) {
  static const crds::Condition kNone;
  const crds::Condition* ready = crds::FindCondition(child.status.conditions, crds::kReady);
  return ready == nullptr ? kNone : *ready;
}

// What a child that gets on says.
bool IsHindered(const Restore& child) {
  const std::string& why = ReadyOf(child).reason;
  return !why.empty() && why != reason::kRestoring && why != reason::kScalingDown &&
         why != reason::kScalingUp && why != reason::kSucceeded;
}

// So many pods the StatefulSet needs to have one for each volume that was restored.
std::int64_t ReplicasFor(const Restore& child, const StatefulSetView& set) {
  std::int64_t replicas = 0;
  for (const crds::VolumeRestore& volume : child.status.volumes)
    if (const auto name = ParseClaimName(volume.claim, set))
      replicas = std::max<std::int64_t>(replicas, name->ordinal - set.first_ordinal + 1);
  return replicas;
}

std::string Named(const std::string& backup, TimePoint start) {
  return "Backup " + backup + ", which started at " + FormatTime(start);
}

class Decision {
 public:
  explicit Decision(const FollowWorld& world) : world_(world), restore_(world.restore) {
    plan_.status = restore_.status;
  }

  FollowPlan Make() {
    if (restore_.metadata.deletion_timestamp) return std::move(plan_);
    plan_.status.observed_generation = restore_.metadata.generation;
    if (IsOver(restore_))
      Settle();
    else
      Advance();
    return std::move(plan_);
  }

 private:
  // --- The story ---

  void Advance() {
    Open();
    if (restore_.spec.source.policy.empty())
      return Stall("spec.mode: Follow restores each new Backup of a policy: set source.policy.");
    if (IsPromoted()) return StartStandby();
    SortChildren();
    NoteLastChild();
    ForgetOldChildren();
    if (!restore_.spec.promote)
      std::erase_if(plan_.status.steps, [](const auto& step) { return step.name == kCatchUpStep; });
    if (!world_.leaving.empty())
      return Wait(reason::kWaitingForRestore,
                  "Restore " + world_.leaving + " is being deleted, and its movers with it.");
    if (running_ != nullptr) return WatchChild();
    if (!world_.earlier.empty())
      return Wait(reason::kWaitingForRestore,
                  "Restore " + world_.earlier + " follows into the same target already.");
    if (!TargetIsStill()) return;
    if (restore_.spec.promote) return Promote();
    if (!Restorable()) Rest();
  }

  void Open() {
    plan_.status.source = DescribeSource(restore_.spec.source);
    plan_.status.target = DescribeTarget(restore_.spec.target);
    if (!plan_.status.start_time) plan_.status.start_time = world_.now;
    if (!plan_.status.follow) plan_.status.follow.emplace();
  }

  crds::RestoreFollow& Held() { return *plan_.status.follow; }
  bool HoldsOne() { return !Held().backup.empty(); }

  // --- The children ---

  void SortChildren() {
    for (const Restore& child : world_.children)
      if (IsOver(child))
        ended_.push_back(&child);
      else if (running_ == nullptr || Older(child, *running_))
        running_ = &child;
    std::ranges::sort(ended_, [](const Restore* a, const Restore* b) { return Older(*b, *a); });
  }

  // The last one alone says what the target holds.
  void NoteLastChild() {
    Held().restoring = running_ == nullptr ? "" : running_->metadata.name;
    if (ended_.empty()) return;
    const Restore& last = *ended_.front();
    if (Spoiled(last)) return Forget();
    if (last.status.phase != RestorePhase::kSucceeded || Held().backup == last.spec.source.backup)
      return;
    Held().backup = last.spec.source.backup;
    Held().recovery_point = RecoveryPointOf(last);
    ++Held().restored;
    plan_.status.backup = last.status.backup;
    plan_.status.repository = last.status.repository;
    plan_.status.volumes = last.status.volumes;
    plan_.status.files = last.status.files;
    plan_.status.bytes = last.status.bytes;
    plan_.status.size = last.status.size;
    plan_.status.duration = last.status.duration;
    plan_.status.progress = last.status.progress;
    plan_.status.eta.clear();
    plan_.status.throughput.clear();
    plan_.status.phase = RestorePhase::kFollowing;
    if (world_.set) plan_.status.original_replicas = ReplicasFor(last, *world_.set);
  }

  // Where the Backup's object is gone already, what was restored is at most as new as the child.
  std::optional<TimePoint> RecoveryPointOf(const Restore& child) const {
    for (const Backup& backup : world_.backups)
      if (backup.metadata.name == child.spec.source.backup) return StartOf(backup);
    return child.status.start_time;
  }

  void Forget() {
    Held().backup.clear();
    Held().recovery_point.reset();
  }

  void ForgetOldChildren() {
    for (std::size_t i = kKept; i < ended_.size(); ++i) plan_.remove.push_back(*ended_[i]);
  }

  void WatchChild() {
    const Restore& child = *running_;
    if (restore_.spec.promote) BeginStep(kCatchUpStep, "");
    if (MayBeReplaced(child) && (IsOutdated(child) || IsGivenUp(child))) {
      plan_.remove.push_back(child);
      Held().restoring.clear();
    }
    plan_.status.progress = child.status.progress;
    plan_.status.eta = child.status.eta;
    plan_.status.throughput = child.status.throughput;
    if (IsHindered(child))
      return Progressing(ReadyOf(child).reason.c_str(),
                         "Restore " + child.metadata.name + ": " + ReadyOf(child).message);
    TellWork(child.metadata.name, child.spec.source.backup);
  }

  bool IsOutdated(const Restore& child) {
    const Backup* newest = Newest();
    return newest != nullptr && newest->metadata.name != child.spec.source.backup;
  }

  // One that only waits (for the repository, mostly) must not keep a standby from starting that is
  // whole.
  bool IsGivenUp(const Restore& child) {
    if (!restore_.spec.promote || !HoldsOne() || !IsHindered(child)) return false;
    FindStep(kCatchUpStep)->message = "The newer Backup " + child.spec.source.backup +
                                      " could not be restored: " + ReadyOf(child).message;
    return true;
  }

  void TellWork(const std::string& child, const std::string& backup) {
    plan_.status.phase = RestorePhase::kFollowing;
    const std::string work = "Restore " + child + " brings Backup " + backup + ".";
    if (restore_.spec.promote)
      Progressing(reason::kPromoting, work + " The promotion waits for it.");
    else if (HoldsOne())
      Ready(reason::kFollowing, Holding() + ". " + work);
    else
      Progressing(reason::kRestoring, work);
  }

  // --- The target ---

  // Whether no pod of it runs; says so where one may.
  bool TargetIsStill() {
    if (!InPlace(restore_)) return true;
    if (!world_.set) {
      Wait(reason::kStatefulSetNotFound, "There is no StatefulSet " + SetName() +
                                             " in this namespace; create it with replicas: 0.");
      return false;
    }
    const int replicas = world_.set->replicas;
    if (replicas == 0) return true;
    if (restore_.spec.promote && HoldsOne()) {
      plan_.status.original_replicas = replicas;  // somebody started it
      MarkPromoted();
      return false;
    }
    Forget();
    for (const Restore* child : ended_)
      if (std::ranges::none_of(plan_.remove, [&](const Restore& removed) {
            return removed.metadata.uid == child->metadata.uid;
          }))
        plan_.remove.push_back(*child);
    Wait(reason::kStandbyRuns,
         "StatefulSet " + SetName() + " has " + Counted(replicas, "replica") +
             ", and data under running pods is not overwritten. It follows once that is 0: kubectl "
             "-n " +
             restore_.metadata.namespace_ + " scale statefulset " + SetName() + " --replicas=0");
    return false;
  }

  // --- The next Backup ---

  // The newest whole one, if the target does not hold it, or a newer one.
  const Backup* Newest() {
    const auto order = [](const Backup& backup) {
      return std::tuple(StartOf(backup), backup.metadata.name);
    };
    const Backup* newest = nullptr;
    for (const Backup& backup : world_.backups)
      if (IsWhole(backup) && (newest == nullptr || order(*newest) < order(backup)))
        newest = &backup;
    if (newest == nullptr || !HoldsOne()) return newest;
    const auto held = std::tuple(Held().recovery_point.value_or(TimePoint{}), Held().backup);
    return held < order(*newest) ? newest : nullptr;
  }

  // False when there is nothing to restore. Otherwise it is begun, or waited with.
  bool Restorable() {
    if (!HoldsOne() && !world_.searched.empty()) return false;
    const Backup* next = Newest();
    if (next == nullptr) return false;
    if (const auto again = PauseAfter(next->metadata.name); again && world_.now < *again)
      WaitToTryAgain(*again);
    else
      Begin(*next);
    return true;
  }

  // Until when not to try this one again; nullopt when it has not failed.
  std::optional<TimePoint> PauseAfter(const std::string& backup) const {
    if (ended_.empty() || ended_.front()->status.phase != RestorePhase::kFailed ||
        ended_.front()->spec.source.backup != backup)
      return std::nullopt;
    std::chrono::seconds pause = std::chrono::seconds(kFirstPause) / 2;
    for (const Restore* child : ended_) {
      if (child->status.phase != RestorePhase::kFailed) break;
      pause *= 2;
    }
    return ended_.front()->status.completion_time.value_or(world_.now) + pause;
  }

  void WaitToTryAgain(TimePoint again) {
    const Restore& last = *ended_.front();
    const std::string why = ReadyOf(last).reason;
    crds::SetNotReady(
        plan_.status.conditions,
        Verdict(why.empty() ? reason::kFailed : why.c_str(),
                "Restore " + last.metadata.name + " failed: " + ReadyOf(last).message +
                    " It is tried again at " + FormatTime(again) + "."),
        world_.now);
    plan_.requeue = RequeueAt(again);
  }

  void Begin(const Backup& backup) {
    plan_.create = ChildFor(backup);
    Held().restoring = plan_.create->metadata.name;
    TellWork(plan_.create->metadata.name, backup.metadata.name);
  }

  Restore ChildFor(const Backup& backup) const {
    const crds::ObjectMeta& meta = restore_.metadata;
    const std::string before = ended_.empty() ? "" : ended_.front()->metadata.uid;
    crds::RestoreSpec spec = restore_.spec;
    spec.source = {};
    spec.source.backup = backup.metadata.name;
    spec.mode = crds::RestoreMode::kOnce;
    spec.promote = false;
    spec.overwrite = crds::Overwrite::kIfChanged;
    spec.delete_extra = true;
    spec.hooks = {};
    Restore child = ChildRestore(
        meta.namespace_,
        JobName(meta.name,
                ShortHash(meta.uid + "/" + backup.metadata.name + "/" + before, kNameDigits)),
        {std::string(crds::kApiVersion), std::string(crds::InfoOf<Restore>().kind), meta.name,
         meta.uid},
        kFollowVerb, std::move(spec));
    child.metadata.labels[kFollowerLabel] = LabelValue(meta.name);
    return child;
  }

  // Nothing to do.
  void Rest() {
    if (HoldsOne() && !world_.policy && !world_.unsearchable.empty())
      return Wait(reason::kRepositoryNotReady,
                  Holding() + ". BackupRepository " + world_.unsearchable +
                      " cannot be searched for newer Backups; its conditions and "
                      "status.lastImport say why.");
    if (HoldsOne()) return Ready(reason::kFollowing, Holding() + ", and follows the next.");
    if (!world_.searched.empty()) return WaitForSearch();
    const std::string& policy = restore_.spec.source.policy;
    if (!world_.policy && world_.backups.empty())
      return Wait(reason::kPolicyNotFound,
                  "There is no BackupPolicy " + policy +
                      " in this namespace, nor a Backup of it; it follows once there is.");
    Wait(reason::kSourceNotFound, "BackupPolicy " + policy +
                                      " has no Backup yet of which every volume has a snapshot; "
                                      "the first is restored as soon as it is there.");
  }

  std::string Holding() {
    return "Holds " + Named(Held().backup, Held().recovery_point.value_or(TimePoint{}));
  }

  void WaitForSearch() {
    Progressing(restore_.spec.promote ? reason::kPromoting : reason::kSourceNotFound,
                "BackupRepository " + world_.searched +
                    " is being searched for new Backups; its status.lastImport says how far that "
                    "is.");
  }

  // --- Promotion ---

  bool IsPromoted() const {
    return restore_.status.follow && restore_.status.follow->promoted_time;
  }

  void Promote() {
    BeginStep(kCatchUpStep, "");
    if (!world_.searched.empty() && world_.now < SearchedUntil()) {
      WaitForSearch();
      plan_.requeue = RequeueAt(SearchedUntil());
      return;
    }
    if (!GivesUpOnNewer() && Restorable()) return;
    if (!HoldsOne()) return Rest();
    MarkPromoted();
  }

  TimePoint SearchedUntil() {
    return FindStep(kCatchUpStep)->start_time.value_or(world_.now) + kSearchPatience;
  }

  bool GivesUpOnNewer() {
    if (!HoldsOne()) return false;
    const Backup* next = Newest();
    if (next == nullptr) return false;
    crds::RestoreStep& step = *FindStep(kCatchUpStep);
    if (step.message.empty() && PauseAfter(next->metadata.name))
      step.message = "The newer Backup " + next->metadata.name +
                     " could not be restored: " + ReadyOf(*ended_.front()).message;
    return !step.message.empty();
  }

  // Written down before anything is started; the pass after this one reads it back.
  void MarkPromoted() {
    EndStep(kCatchUpStep);
    std::string& note = FindStep(kCatchUpStep)->message;
    const std::string& blind = world_.searched.empty() ? world_.unsearchable : world_.searched;
    if (!blind.empty())
      note += std::string(note.empty() ? "" : " ") + "BackupRepository " + blind +
              " could not be searched for newer Backups.";
    Held().promoted_time = world_.now;
    Held().restoring.clear();
    plan_.status.phase = RestorePhase::kScalingUp;
    const std::string message = Holding() + ", and follows no more." + CatchUpNote();
    Progressing(reason::kPromoting, message);
    Announce(kube::EventType::kNormal, reason::kPromoting, message);
    plan_.requeue = RequeueAt(world_.now);
  }

  void StartStandby() {
    if (!InPlace(restore_)) return Succeed();
    const std::int64_t wanted = plan_.status.original_replicas.value_or(0);
    const bool asked = FindStep(kScaleUpStep) != nullptr;
    BeginStep(kScaleUpStep, "to " + Counted(wanted, "replica"));
    plan_.requeue = RequeueAt(Deadline());
    if (!world_.set)
      return Pending(reason::kStatefulSetNotFound, "there is no StatefulSet " + SetName() +
                                                       " any more; create it, and it is started");
    if (world_.set->replicas == 0 && asked)
      return Pending(reason::kScalingUp, "somebody scaled StatefulSet " + SetName() +
                                             " back to 0. Where GitOps keeps "
                                             "its size, set replicas: " +
                                             std::to_string(wanted) + " there");
    if (world_.set->replicas == 0 && wanted > 0) plan_.scale = wanted;
    const bool settled = world_.set->observed_generation >= world_.set->generation &&
                         world_.set->ready_replicas >= world_.set->replicas &&
                         world_.set->replicas > 0;
    if (settled) return Succeed();
    Pending(reason::kScalingUp, "waits until " + Counted(wanted, "replica") + " of StatefulSet " +
                                    SetName() + " are ready");
  }

  // The standby is not up yet: goes on until the deadline.
  void Pending(const char* why, const std::string& what) {
    if (world_.now < Deadline()) return Progressing(why, "Promoted; " + what + ".");
    End(RestorePhase::kFailed, RunState::kFailed);
    const std::string message =
        "Promoted, but not up at the deadline (" + restore_.spec.deadline + "): " + what + ".";
    crds::SetStalled(plan_.status.conditions, Verdict(reason::kDeadlineExceeded, message),
                     world_.now);
    Announce(kube::EventType::kWarning, reason::kDeadlineExceeded, message);
  }

  void Succeed() {
    if (InPlace(restore_)) EndStep(kScaleUpStep);
    End(RestorePhase::kSucceeded, RunState::kSucceeded);
    plan_.status.progress = "100%";
    const std::string message =
        "Promoted at " + FormatTime(*Held().promoted_time) + " with " +
        Named(Held().backup, Held().recovery_point.value_or(TimePoint{})) +
        (InPlace(restore_) ? "; StatefulSet " + SetName() + " is up." : ".") + CatchUpNote();
    Ready(reason::kPromoted, message);
    Announce(kube::EventType::kNormal, reason::kPromoted, message);
  }

  std::string CatchUpNote() {
    const crds::RestoreStep* step = FindStep(kCatchUpStep);
    return step == nullptr || step->message.empty() ? "" : " " + step->message;
  }

  void Settle() {
    if (restore_.spec.promote || !IsPromoted()) return;
    Ready(reason::kPromoted,
          "Promoted at " + FormatTime(*Held().promoted_time) +
              ", and follows no more, though spec.promote was taken back: what the workload has "
              "written since is not overwritten. To follow again, create another Restore.");
  }

  void End(RestorePhase phase, RunState open) {
    plan_.status.phase = phase;
    plan_.status.completion_time = world_.now;
    plan_.status.eta.clear();
    for (crds::RestoreStep& step : plan_.status.steps)
      if (step.state == RunState::kRunning) {
        step.state = open;
        step.completion_time = world_.now;
      }
    plan_.requeue = AwaitChange();
  }

  // --- Steps, conditions and events ---

  crds::RestoreStep* FindStep(const char* name) {
    for (crds::RestoreStep& step : plan_.status.steps)
      if (step.name == name) return &step;
    return nullptr;
  }
  void BeginStep(const char* name, const std::string& message) {
    if (FindStep(name) == nullptr)
      plan_.status.steps.push_back({name, RunState::kRunning, world_.now, std::nullopt, message});
  }
  void EndStep(const char* name) {
    BeginStep(name, "");
    FindStep(name)->state = RunState::kSucceeded;
    FindStep(name)->completion_time = world_.now;
  }

  crds::Verdict Verdict(const char* why, const std::string& message) const {
    return {restore_.metadata.generation, why, message};
  }
  void Ready(const char* why, const std::string& message) {
    crds::SetReady(plan_.status.conditions, Verdict(why, message), world_.now);
  }
  void Progressing(const char* why, const std::string& message) {
    crds::SetReconciling(plan_.status.conditions, Verdict(why, message), world_.now);
  }
  // What ends the wait is a change that brings us back.
  void Wait(const char* why, const std::string& message) { Progressing(why, message); }
  void Stall(const std::string& message) {
    crds::SetStalled(plan_.status.conditions, Verdict(reason::kInvalidSpec, message), world_.now);
  }
  void Announce(kube::EventType type, const char* why, const std::string& message) {
    plan_.events.push_back({type, why, message, false});
  }

  TimePoint Deadline() { return DeadlineOf(restore_, Held().promoted_time.value_or(world_.now)); }
  const std::string& SetName() const { return restore_.spec.target.stateful_set; }

  const FollowWorld& world_;
  const Restore& restore_;
  const Restore* running_ = nullptr;
  std::vector<const Restore*> ended_;  // the newest first
  FollowPlan plan_;
};

}  // namespace

FollowPlan DecideFollow(const FollowWorld& world) { return Decision(world).Make(); }

bool IsOfFollower(const Restore& restore) {
  return std::ranges::any_of(restore.metadata.owner_references, [](const auto& owner) {
    return owner.controller && owner.kind == crds::InfoOf<Restore>().kind;
  });
}

}  // namespace holdfast::controllers::restore
