#include "controllers/policy/continuous.h"

#include <algorithm>

#include "base/hash.h"
#include "base/wording.h"
#include "controllers/backup/imported.h"
#include "controllers/backup/volumes.h"
#include "controllers/job_client.h"
#include "controllers/labels.h"
#include "controllers/mover_job.h"
#include "controllers/policy/check.h"
#include "controllers/schedule.h"
#include "jobs/protocol/dump_name.h"

namespace holdfast::controllers::policy {
namespace {

using crds::Backup;
using crds::ContinuousStatus;
using std::chrono::seconds;

// By how much clocks of nodes and of the operator may differ.
constexpr seconds kClockSkew{5};
// A watcher that has none before it looks back for longer than what it follows took to begin.
constexpr seconds kLookBack{60};
// Pods may come and go without a word from their StatefulSet while it is not as it should be.
constexpr seconds kUnsettledPeriod{15};
constexpr std::size_t kHashDigits = 6;

bool HasSnapshotOf(const Backup& backup, const std::string& claim) {
  return std::ranges::any_of(backup.status.volumes, [&](const crds::VolumeBackup& volume) {
    return volume.claim == claim && !volume.snapshot.empty();
  });
}

// The good Backup of these volumes that began to read last, of `claim` or, when that is empty, of
// any.
const Backup* NewestGood(const World& world, const std::string& claim) {
  const Backup* newest = nullptr;
  for (const Backup& backup : world.backups) {
    const crds::BackupStatus& status = backup.status;
    if (status.phase != crds::BackupPhase::kSucceeded || !status.start_time ||
        !status.completion_time || backup::IsForeign(backup) ||
        (!claim.empty() && !HasSnapshotOf(backup, claim)))
      continue;
    if (newest == nullptr || *newest->status.start_time < *status.start_time) newest = &backup;
  }
  return newest;
}

// Whether `backup` has every change up to `change`: it was made because of them, or by the clock.
bool Saves(const Backup& backup, const ContinuousStatus& status, TimePoint change) {
  const bool made_for_it = backup.metadata.name == status.last_backup && status.last_backup_saves &&
                           *status.last_backup_saves >= change;
  return made_for_it || *backup.status.start_time > change + kClockSkew;
}

// --- What watchers told ---

// The same each time, so that a report may be read again after a crash. By clocks that may differ
// from the one that stamped the change: its end was seen after it ended.
TimePoint LastChange(const MoverRun& run, TimePoint now) {
  // The API server keeps whole seconds.
  const TimePoint end = run.job.completed ? *run.job.completed + seconds(1) : now;
  const auto quiet = std::chrono::milliseconds(run.state.result ? run.state.result->quiet_ms : 0);
  return std::chrono::ceil<seconds>(end - quiet);
}

// A result that was lost with its pod says as much as that nothing is known.
TimePoint ChangedSince(const MoverRun& run) {
  if (run.state.result)
    if (const auto time = ParseTime(run.state.result->changed_since)) return *time;
  return run.job.created;
}

void NoteReport(const World& world, const MoverRun& run, ContinuousStatus& status) {
  status.note = run.state.result ? run.state.result->message : "";
  const TimePoint change = LastChange(run, world.now);
  TimePoint since = ChangedSince(run);
  if (const Backup* newest = NewestGood(world, "")) {
    if (Saves(*newest, status, change)) return;
    since = std::max(since, *newest->status.start_time);
  }
  since = std::chrono::floor<seconds>(since);
  status.unsaved_since = std::min(status.unsaved_since.value_or(since), since);
  status.last_change = std::max(status.last_change.value_or(change), change);
}

// --- What Backups saved ---

void NoteSaved(const World& world, ContinuousStatus& status) {
  const Backup* newest = NewestGood(world, "");
  if (newest == nullptr) {
    if (!status.unsaved_since)
      status.unsaved_since = world.policy.metadata.creation_timestamp.value_or(world.now);
    return;
  }
  if (!status.unsaved_since) return;
  const TimePoint start = *newest->status.start_time;
  const bool all = !status.last_change || Saves(*newest, status, *status.last_change);
  if (!all && start <= *status.unsaved_since) return;
  const auto age = *newest->status.completion_time - *status.unsaved_since;
  status.recovery_point_seconds =
      std::max<std::int64_t>(0, std::chrono::duration_cast<seconds>(age).count());
  if (all)
    status.unsaved_since.reset();
  else
    status.unsaved_since = start;
}

bool IsUnsettled(const World& world) {
  return std::ranges::any_of(world.stateful_sets,
                             [](const auto* set) { return set->ready_replicas < set->replicas; }) ||
         world.mounts.size() < CountVolumes(world.policy, world.stateful_sets);
}

// --- One volume ---

class Tending {
 public:
  Tending(const World& world, Plan& plan)
      : world_(world), plan_(plan), status_(*plan.status.continuous) {
    status_.watched_volumes = 0;
    status_.message.clear();
  }

  void Tend(const std::string& claim) {
    const Mount* mount = MountOf(claim);
    const Runs runs = Sort(claim, mount);
    if (runs.current != nullptr) return Keep(claim, *runs.current, runs.last);
    if (!MayStart(claim, mount, runs.last)) return;
    if (runs.leaving)
      Say(claim, "its watcher goes to node " + mount->node);
    else
      Start(claim, *mount, runs.last);
  }

  // Those of volumes that are not there any more.
  void StopOthers() {
    for (const MoverRun& run : world_.watchers)
      if (std::ranges::find(seen_, &run) == seen_.end() && !run.job.deleting) Stop(run);
  }

  std::string failure() const { return failure_; }

 private:
  // The watchers of one volume.
  struct Runs {
    const MoverRun* last = nullptr;     // ended or failed
    const MoverRun* current = nullptr;  // runs where the volume is
    bool leaving = false;               // another still holds the volume
  };

  // Takes down what they told, and stops those that are not where they should be.
  Runs Sort(const std::string& claim, const Mount* mount) {
    Runs runs;
    for (const MoverRun& run : world_.watchers) {
      if (!Watches(run, claim)) continue;
      seen_.push_back(&run);
      if (run.job.deleting) {
        runs.leaving = runs.leaving || !run.job.Finished();
      } else if (run.job.Finished()) {
        runs.last = &run;
        if (run.job.complete) NoteReport(world_, run, status_);
      } else if (runs.current == nullptr && mount != nullptr && IsOn(run, mount->node)) {
        runs.current = &run;
      } else {
        Stop(run);
        runs.leaving = true;
      }
    }
    return runs;
  }

  static bool IsOn(const MoverRun& run, const std::string& node) {
    const auto label = run.job.labels.find(kNodeLabel);
    return label != run.job.labels.end() && label->second == LabelValue(node);
  }

  const Mount* MountOf(const std::string& claim) const {
    const auto mount = std::ranges::find(world_.mounts, claim, &Mount::claim);
    return mount == world_.mounts.end() ? nullptr : &*mount;
  }

  // The first problem is told, and how many others there are.
  void Say(const std::string& claim, const std::string& problem) {
    if (problems_++ == 0) first_problem_ = claim + ": " + problem;
    status_.message = first_problem_;
    if (problems_ > 1) status_.message += "; and " + Counted(problems_ - 1, "more volume");
  }

  void Stop(const MoverRun& run) {
    (run.job.Finished() ? plan_.remove_jobs : plan_.unwatch).push_back(run.job);
  }

  void Keep(const std::string& claim, const MoverRun& current, const MoverRun* last) {
    if (last != nullptr) Stop(*last);
    if (current.state.reason.empty())
      ++status_.watched_volumes;
    else
      Say(claim, "its watcher does not run: " + current.state.message);
  }

  static std::string WhyNever(const Mount* mount) {
    if (mount == nullptr) return "no pod uses it, so it is not watched";
    if (mount->one_pod) return "it is ReadWriteOncePod, so no watcher may mount it beside the pod";
    if (mount->device) return "it is a device, whose changes nobody tells; schedules back it up";
    return {};
  }

  bool MayStart(const std::string& claim, const Mount* mount, const MoverRun* last) {
    if (const std::string why = WhyNever(mount); !why.empty()) {
      if (last != nullptr) Stop(*last);
      Say(claim, why);
      return false;
    }
    if (last == nullptr || last->job.complete) return true;
    failure_ = claim + ": " + last->state.message;
    Say(claim, "its watcher failed: " + last->state.message);
    const TimePoint again = last->job.created + kKeepFailedJob;
    if (world_.now >= again) return true;
    plan_.requeue = Sooner(plan_.requeue, RequeueAt(again));
    return false;
  }

  // Named by what it follows: the same for whoever computes it.
  void Start(const std::string& claim, const Mount& mount, const MoverRun* last) {
    WatchStart start;
    start.claim = claim;
    start.node = mount.node;
    std::string follows = mount.node + "/" + world_.policy.metadata.uid;
    if (last != nullptr) {
      follows = last->job.uid;
      if (last->state.result)
        if (const auto time = ParseTime(last->state.result->changed_until)) start.since = *time;
      plan_.remove_jobs.push_back(last->job);
    }
    if (!start.since) start.since = LookBackFor(claim);
    if (last == nullptr && start.since) follows += FormatTime(*start.since);
    start.job = JobName(world_.policy.metadata.name + "-" + claim,
                        "watch-" + ShortHash(follows, kHashDigits));
    if (last != nullptr)
      ++status_.watched_volumes;
    else
      Say(claim, "its watcher is being started");
    plan_.watch.push_back(std::move(start));
  }

  std::optional<TimePoint> LookBackFor(const std::string& claim) const {
    const Backup* good = NewestGood(world_, claim);
    if (good == nullptr) return std::nullopt;
    return *good->status.start_time - kLookBack;
  }

  const World& world_;
  Plan& plan_;
  ContinuousStatus& status_;
  std::vector<const MoverRun*> seen_;
  std::string failure_;
  std::string first_problem_;
  std::size_t problems_ = 0;
};

}  // namespace

bool Watches(const MoverRun& watcher, const std::string& claim) {
  const auto label = watcher.job.labels.find(kClaimLabel);
  return label != watcher.job.labels.end() && label->second == LabelValue(claim);
}

bool IsContinuous(const crds::BackupPolicy& policy) {
  return policy.spec.continuous && !policy.spec.suspend;
}

void StopWatchers(const World& world, Plan& plan) {
  for (const MoverRun& run : world.watchers)
    if (!run.job.deleting)
      (run.job.Finished() ? plan.remove_jobs : plan.unwatch).push_back(run.job);
  if (!plan.status.continuous) return;
  plan.status.continuous->watched_volumes = 0;
  plan.status.continuous->message.clear();
}

std::string TendWatchers(const World& world, Plan& plan) {
  if (!world.policy.spec.continuous) plan.status.continuous.reset();
  if (!IsContinuous(world.policy)) {
    StopWatchers(world, plan);
    return {};
  }
  if (!plan.status.continuous) plan.status.continuous.emplace();
  Tending tending(world, plan);
  for (const crds::VolumeBackup& volume :
       backup::ResolveVolumes(world.policy, world.stateful_sets, {}))
    if (!protocol::IsDump(volume.claim)) tending.Tend(volume.claim);
  tending.StopOthers();
  for (const StatefulSetView* set : world.stateful_sets)
    if (set->replicas == 0)
      plan.status.continuous->message =
          "StatefulSet \"" + set->key.name + "\" has no pods, so nothing of it is watched";
  if (IsUnsettled(world))
    plan.requeue = Sooner(plan.requeue, RequeueAt(world.now + kUnsettledPeriod));
  NoteSaved(world, *plan.status.continuous);
  return tending.failure();
}

std::optional<TimePoint> ContinuousDue(const World& world, const crds::BackupPolicyStatus& status) {
  if (!IsContinuous(world.policy) || !status.continuous) return std::nullopt;
  const ContinuousStatus& continuous = *status.continuous;
  if (!continuous.unsaved_since || !continuous.last_change) return std::nullopt;
  const auto& failure = status.last_failure;
  const auto& success = status.last_success;
  const bool failed = failure && failure->time && (!success || *failure->time > *success->time);
  if (!failed) return world.now;
  const auto pause = ParseDuration(world.policy.spec.continuous->max_interval);
  return *failure->time + pause.value_or(seconds(0));
}

}  // namespace holdfast::controllers::policy
