#include "controllers/backup/controller.h"

#include "base/log.h"
#include "controllers/audit.h"
#include "controllers/backup/job_builder.h"
#include "controllers/finalizer.h"
#include "controllers/job_client.h"
#include "controllers/labels.h"
#include "controllers/reasons.h"
#include "controllers/write_status.h"

namespace holdfast::controllers {

using backup::Observed;
using backup::Plan;
using crds::BackupPhase;

namespace {

struct Announcement {
  kube::EventType type;
  const char* reason;
};

std::optional<Announcement> AnnouncementOf(BackupPhase phase) {
  switch (phase) {
    case BackupPhase::kPending:
      return std::nullopt;
    case BackupPhase::kRunning:
      return Announcement{kube::EventType::kNormal, reason::kStarted};
    case BackupPhase::kSucceeded:
      return Announcement{kube::EventType::kNormal, reason::kSucceeded};
    case BackupPhase::kPartiallyFailed:
      return Announcement{kube::EventType::kWarning, reason::kPartiallyFailed};
    case BackupPhase::kFailed:
      return Announcement{kube::EventType::kWarning, reason::kFailed};
  }
  return std::nullopt;
}

// Only a Backup that still has movers to start counts slots, and only one may at a time.
bool MayStartMovers(const crds::Backup* known) {
  if (known == nullptr || known->status.volumes.empty()) return true;
  for (const crds::VolumeBackup& volume : known->status.volumes)
    if (volume.state == crds::RunState::kPending) return true;
  return false;
}

}  // namespace

Result<Requeue> BackupController::Reconcile(const kube::ObjectKey& key, std::stop_token stop) {
  if (!MayStartMovers(context_.caches.backups.Get(key).get())) return Work(key, stop);
  const std::lock_guard lock(slots_);
  return Work(key, stop);
}

Result<Requeue> BackupController::Work(const kube::ObjectKey& key, std::stop_token stop) {
  TRY(std::optional<crds::Backup> backup, ReadLive<crds::Backup>(context_, key, stop));
  if (!backup) return AwaitChange();
  if (backup->metadata.deletion_timestamp) return Delete(*backup, stop);
  const bool forgets = backup->spec.deletion_policy == crds::DeletionPolicy::kDelete;
  if (HasFinalizer(backup->metadata, kForgetFinalizer) != forgets) {
    TRY_VOID(SetFinalizer(context_, *backup, kForgetFinalizer, forgets, stop));
    return AwaitChange();
  }
  TRY(const Observed observed, backup::Observe(context_, book_, *std::move(backup), stop));
  Plan plan = backup::Decide(observed.world, context_.settings);
  const Result<void> done = Apply(observed, plan, stop);
  TRY_VOID(Record(observed.world.backup, plan.status, stop));
  TRY_VOID(done);
  return plan.requeue;
}

// Without our finalizer it goes by itself, and its Jobs go with it.
Result<Requeue> BackupController::Delete(const crds::Backup& backup, std::stop_token stop) {
  if (!HasFinalizer(backup.metadata, kForgetFinalizer)) return AwaitChange();
  const auto repository =
      context_.caches.repositories.Get({backup.metadata.namespace_, backup.status.repository});
  backup::DeletionWorld world = backup::ObserveDeletion(context_, backup);
  world.repository = repository.get();
  backup::DeletionPlan plan = backup::DecideDeletion(world);
  if (const auto done = Forget(world, plan, stop); !done) {
    if (done.error().code != Code::kGone) return tl::make_unexpected(done.error());
    plan.release = true;
    plan.left = "its snapshots stay in the repository: the namespace is being deleted";
  }
  if (!plan.release) return plan.requeue;
  if (!plan.left.empty()) {
    Log(spdlog::level::warn, Name(), plan.left,
        {{"backup", kube::ToString(KeyOf(backup.metadata))}});
    context_.events.Record(ReferenceTo(backup), kube::EventType::kWarning, reason::kSnapshotsLeft,
                           plan.left);
  }
  TRY_VOID(SetFinalizer(context_, backup, kForgetFinalizer, false, stop));
  return AwaitChange();
}

Result<void> BackupController::Forget(const backup::DeletionWorld& world,
                                      const backup::DeletionPlan& plan, std::stop_token stop) {
  const auto remove = [&](const JobView& job) -> Result<void> {
    const auto removed = context_.api.Delete(kube::kJobs, job.key,
                                             {.uid = job.uid, .propagation = "Foreground"}, stop);
    if (!removed && !IsAbsent(removed.error())) return removed;
    return {};
  };
  for (const JobView& job : plan.stop) TRY_VOID(remove(job));
  for (const JobView& job : plan.retry) TRY_VOID(remove(job));
  for (const auto& [claim, snapshots] : plan.start) {
    TRY(const Json job, backup::BuildForgetJob(world, claim, snapshots, context_.settings));
    Audit("snapshots.remove", "a deleted Backup takes its snapshots along",
          ReferenceTo(world.backup),
          {{"repository", world.repository->metadata.name},
           {"claim", claim},
           {"snapshots", Joined(snapshots)},
           {"job", backup::ForgetJobName(world.backup, claim)}});
    TRY_VOID(EnsureJob(context_.api, job, stop));
  }
  for (const MoverRun& forget : world.forgets)
    if (plan.release && !forget.job.expires)
      TRY_VOID(ExpireJob(context_.api, forget.job.key, TimeToKeep(forget.job), stop));
  return {};
}

// One mover that cannot be started does not keep the others from it.
Result<void> BackupController::Apply(const Observed& observed, Plan& plan, std::stop_token stop) {
  Result<void> done;
  for (const std::string& claim : plan.start)
    for (const crds::VolumeBackup& volume : plan.status.volumes) {
      if (volume.claim != claim) continue;
      const auto started =
          backup::BuildJob(observed, volume, context_.settings).and_then([&](const Json& job) {
            return EnsureJob(context_.api, job, stop);
          });
      if (started) continue;
      backup::AddStartFailure(plan, observed.world, claim, started.error());
      done = started;
    }
  for (const JobView& job : plan.expire)
    TRY_VOID(ExpireJob(context_.api, job.key, TimeToKeep(job), stop));
  return done;
}

Result<void> BackupController::Record(const crds::Backup& before, const crds::BackupStatus& after,
                                      std::stop_token stop) {
  TRY(const bool written, WriteStatus(context_, before, after, stop));
  if (!written || before.status.phase == after.phase) return {};
  if (const auto announcement = AnnouncementOf(after.phase)) {
    const crds::Condition* ready = crds::FindCondition(after.conditions, crds::kReady);
    context_.events.Record(ReferenceTo(before), announcement->type, announcement->reason,
                           ready == nullptr ? "" : ready->message);
  }
  return {};
}

}  // namespace holdfast::controllers
