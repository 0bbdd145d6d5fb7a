#include "controllers/policy/decide.h"

#include <algorithm>

#include "base/quantity.h"
#include "controllers/labels.h"
#include "controllers/mover_job.h"
#include "controllers/policy/check.h"
#include "controllers/policy/continuous.h"
#include "controllers/policy/recovery.h"
#include "controllers/policy/runs.h"
#include "controllers/reasons.h"
#include "controllers/shared.h"
#include "controllers/target.h"

namespace holdfast::controllers::policy {
namespace {

using crds::Backup;
using crds::BackupPhase;
using crds::PolicyRun;

bool IsFailed(const Backup& backup) {
  return backup.status.phase == BackupPhase::kFailed ||
         backup.status.phase == BackupPhase::kPartiallyFailed;
}

// --- What the policy says of its runs ---

// History may be shorter than memory: a run that is noted stays so when its object goes.
void NoteRun(const Backup& backup, std::optional<PolicyRun>& noted) {
  if (noted && noted->time && *noted->time > *backup.status.completion_time) return;
  PolicyRun run;
  run.backup = backup.metadata.name;
  run.time = backup.status.completion_time;
  if (backup.status.start_time)
    run.duration = HumanDuration(
        std::chrono::duration_cast<std::chrono::seconds>(*run.time - *backup.status.start_time));
  if (const auto* ready = crds::FindCondition(backup.status.conditions, crds::kReady))
    run.message = ready->message;
  noted = std::move(run);
}

void NoteRuns(const World& world, crds::BackupPolicyStatus& status) {
  std::int64_t good = 0;
  std::int64_t added = 0;
  for (const Backup& backup : world.backups) {
    if (!backup.status.completion_time) continue;
    added += backup.status.bytes_added.value_or(0);
    if (IsFailed(backup)) NoteRun(backup, status.last_failure);
    if (backup.status.phase != BackupPhase::kSucceeded) continue;
    NoteRun(backup, status.last_success);
    ++good;
    if (status.last_success->backup == backup.metadata.name && backup.status.bytes) {
      status.protected_bytes = backup.status.bytes;
      status.protected_size = HumanBytes(static_cast<std::uint64_t>(*backup.status.bytes));
    }
  }
  status.backups = good;
  status.added_bytes = added;
  status.added = HumanBytes(static_cast<std::uint64_t>(added));
}

bool LastRunFailed(const crds::BackupPolicyStatus& status) {
  return status.last_failure &&
         (!status.last_success || *status.last_failure->time > *status.last_success->time);
}

// The newest Backup with a copy that failed, and what is wrong with it; empty for none.
std::string CopyFailure(const World& world) {
  const Backup* newest = nullptr;
  std::string failure;
  for (const Backup& backup : world.backups)
    for (const crds::BackupCopy& copy : backup.status.copies) {
      const bool wanted = std::ranges::find(world.policy.spec.copy_to, copy.repository) !=
                          world.policy.spec.copy_to.end();
      if (copy.state != crds::RunState::kFailed || !wanted) continue;
      if (newest != nullptr && newest->status.completion_time > backup.status.completion_time)
        continue;
      newest = &backup;
      failure = "Backup " + backup.metadata.name + " could not be copied to BackupRepository \"" +
                copy.repository + "\", which is tried again: " + copy.message;
    }
  return failure;
}

// --- Checks, in order; each gives its reason and its words ---

std::optional<Finding> CheckRepository(const World& world) {
  if (world.repository != nullptr) return std::nullopt;
  return Finding{reason::kRepositoryNotFound,
                 "there is no BackupRepository \"" + world.policy.spec.repository +
                     "\" in namespace " + world.policy.metadata.namespace_ +
                     "; create it or correct spec.repository, and this goes on by itself"};
}

std::optional<Finding> FindStall(const World& world) {
  if (auto finding = CheckPolicy(world.policy, world.allowed)) return finding;
  if (auto finding = CheckTarget(world.policy, world.stateful_sets)) return finding;
  if (auto finding = CheckRepository(world)) return finding;
  return CheckSecretsAccepted(world.policy.spec, *world.repository);
}

std::optional<Finding> CheckRepositoryReady(const World& world) {
  const auto* ready = crds::FindCondition(world.repository->status.conditions, crds::kReady);
  if (ready != nullptr && ready->status == crds::ConditionStatus::kTrue) return std::nullopt;
  return Finding{reason::kRepositoryNotReady, "BackupRepository \"" + world.policy.spec.repository +
                                                  "\" is not ready" +
                                                  (ready == nullptr ? "" : ": " + ready->message)};
}

std::string ReadyText(const World& world) {
  return "protects " +
         VolumesAndDumps(CountVolumes(world.policy, world.stateful_sets),
                         world.policy.spec.dumps.size()) +
         " of " + NameTargets(world.policy, world.stateful_sets);
}

// --- Retention ---

std::string JobNameFor(const World& world, const ForgetStart& start) {
  std::string suffix = "forget-" + start.round;
  if (!start.copies_in.empty()) suffix += "-" + RepositoryDigits(start.copies_in);
  return JobName(world.policy.metadata.name + "-" + start.claim, suffix);
}

// What is to be forgotten, each by itself. A repository that does not exist any more has nothing
// that could be.
std::vector<ForgetStart> ForgetsOf(const World& world, const Retention& retention) {
  std::vector<ForgetStart> forgets;
  const auto add = [&](const auto& snapshots_by_claim, const std::string& repository) {
    for (const auto& [claim, snapshots] : snapshots_by_claim) {
      ForgetStart& forget =
          forgets.emplace_back(ForgetStart{"", retention.round, claim, snapshots, repository});
      forget.job = JobNameFor(world, forget);
    }
  };
  add(retention.snapshots, "");
  for (const auto& [repository, snapshots] : retention.copies)
    if (const auto found = world.copies.find(repository);
        found != world.copies.end() && RemoverOf(*found->second, true) != Remover::kNobody)
      add(snapshots, repository);
  return forgets;
}

const MoverRun* FindJob(const World& world, const std::string& name) {
  for (const MoverRun& forget : world.forgets)
    if (forget.job.key.name == name) return &forget;
  return nullptr;
}

bool IsDone(const MoverRun& forget) { return forget.state.phase == MoverPhase::kSucceeded; }

void RemoveServedJobs(const World& world, const Retention& retention, Plan& plan) {
  for (const MoverRun& forget : world.forgets) {
    const auto round = forget.job.labels.find(kRoundLabel);
    const bool current = round != forget.job.labels.end() && round->second == retention.round;
    if (forget.job.Finished() && !forget.job.deleting && !current)
      plan.remove_jobs.push_back(forget.job);
  }
}

// The objects go only when every claim's snapshots are known to be gone; until then a crash finds
// the same round and the same Jobs. Returns what failed, in words.
std::string ApplyRetention(const World& world, Plan& plan) {
  const Retention retention = DecideRetention(world.policy.spec, world.backups, world.now);
  plan.remove_backups = retention.failed;
  RemoveServedJobs(world, retention, plan);
  std::string failure;
  bool all_done = true;
  for (const ForgetStart& start : ForgetsOf(world, retention)) {
    const bool may_start = UnfinishedBackup(world) == nullptr && !plan.create;
    if (start.copies_in.empty() && RemoverOf(*world.repository, false) == Remover::kGateway) {
      // By the gateway at once, without a Job.
      if (may_start) plan.forget_shared.push_back(start);
      if (!may_start) all_done = false;
      continue;
    }
    const MoverRun* forget = FindJob(world, start.job);
    if (forget == nullptr && may_start) plan.forget.push_back(start);
    if (forget == nullptr || !IsDone(*forget)) all_done = false;
    if (forget != nullptr && forget->state.phase == MoverPhase::kFailed)
      failure = start.claim + ": " + forget->state.message;
  }
  if (!all_done || retention.expired.empty()) return failure;
  for (const Backup& backup : retention.expired) plan.remove_backups.push_back(backup);
  plan.events.push_back({kube::EventType::kNormal, reason::kSnapshotsRemoved,
                         "removed the snapshots of " + std::to_string(retention.expired.size()) +
                             " Backups that spec.retention does not keep"});
  return {};
}

// --- The verdict ---

// What the parts have to say, in words; empty for nothing.
struct Told {
  std::string waiting;
  std::string watch_failure;
  std::string forget_failure;
};

void Judge(const World& world, const Told& told, Plan& plan) {
  crds::Conditions& conditions = plan.status.conditions;
  const auto verdict = [&](const char* word, std::string message) {
    return crds::Verdict{world.policy.metadata.generation, word, std::move(message)};
  };
  if (const auto finding = CheckRepositoryReady(world))
    return crds::SetReconciling(
        conditions, {world.policy.metadata.generation, finding->reason, finding->message},
        world.now);
  if (LastRunFailed(plan.status))
    return crds::SetNotReady(conditions,
                             verdict(reason::kLastBackupFailed,
                                     "Backup " + plan.status.last_failure->backup +
                                         " did not succeed: " + plan.status.last_failure->message),
                             world.now);
  if (const std::string failure = CopyFailure(world); !failure.empty())
    return crds::SetNotReady(conditions, verdict(reason::kCopyFailed, failure), world.now);
  if (!told.watch_failure.empty())
    return crds::SetNotReady(conditions,
                             verdict(reason::kWatchFailed,
                                     "changes are not seen until a watcher runs, which is tried "
                                     "again; " +
                                         told.watch_failure),
                             world.now);
  if (!told.forget_failure.empty())
    return crds::SetNotReady(conditions,
                             verdict(reason::kRetentionFailed,
                                     "old snapshots could not be removed, which is tried again "
                                     "after the next backup; " +
                                         told.forget_failure),
                             world.now);
  if (!told.waiting.empty())
    return crds::SetReady(conditions,
                          verdict(reason::kBackupRunning, told.waiting + " waits for Backup " +
                                                              plan.status.running + " to end"),
                          world.now);
  if (world.policy.spec.suspend)
    return crds::SetReady(
        conditions, verdict(reason::kSuspended, "no schedule runs while spec.suspend is true"),
        world.now);
  crds::SetReady(conditions, verdict(reason::kReady, ReadyText(world)), world.now);
}

}  // namespace

Plan Decide(const World& world) {
  Plan plan;
  plan.status = world.policy.status;
  plan.status.observed_generation = world.policy.metadata.generation;
  plan.status.target = DescribeTarget(world.policy.spec.target);
  NoteRuns(world, plan.status);
  NoteRecovery(world, plan.status);
  if (const auto stall = FindStall(world)) {
    plan.status.next_run.reset();
    StopWatchers(world, plan);
    crds::SetStalled(plan.status.conditions,
                     {world.policy.metadata.generation, stall->reason, stall->message}, world.now);
    return plan;
  }
  plan.status.volumes = static_cast<std::int64_t>(CountVolumes(world.policy, world.stateful_sets));
  const std::string watch_failure = TendWatchers(world, plan);
  const std::string waiting = ScheduleRuns(world, plan);
  const std::string forget_failure = ApplyRetention(world, plan);
  Judge(world, {waiting, watch_failure, forget_failure}, plan);
  return plan;
}

}  // namespace holdfast::controllers::policy
