#include "controllers/backup/controller.h"

#include <algorithm>

#include "base/log.h"
#include "controllers/audit.h"
#include "controllers/backup/copies.h"
#include "controllers/backup/freeze.h"
#include "controllers/backup/hook_work.h"
#include "controllers/backup/job_builder.h"
#include "controllers/backup/queue.h"
#include "controllers/backup/staged_objects.h"
#include "controllers/backup/staging.h"
#include "controllers/backup/volumes.h"
#include "controllers/finalizer.h"
#include "controllers/job_client.h"
#include "controllers/labels.h"
#include "controllers/mover_run.h"
#include "controllers/reasons.h"
#include "controllers/shared.h"
#include "controllers/write_status.h"

namespace holdfast::controllers {

using backup::Observed;
using backup::Plan;
using crds::BackupPhase;

namespace {

// A queue that moves tells those whose turn comes; this is for one that was cut short otherwise.
constexpr std::chrono::minutes kFarBackPeriod{5};
// The Runner calls when a hook has ended; this is for what waits to be tried again.
constexpr std::chrono::seconds kThawPeriod{5};

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

// Only a Backup that still has movers to start counts slots, and only one of a repository may at a
// time.
bool MayStartMovers(const crds::Backup& known) {
  if (known.status.volumes.empty()) return !backup::IsOver(known.status);
  for (const crds::VolumeBackup& volume : known.status.volumes)
    if (volume.state == crds::RunState::kPending && volume.job.empty()) return true;
  return false;
}

bool IsAboutStaged(const Plan& plan) {
  return !plan.stop.empty() || !plan.cut.empty() || !plan.cut_groups.empty() ||
         !plan.claims.empty() || !plan.uncut.empty() || !plan.uncut_groups.empty();
}

// Then the cache may be believed: were it behind, its news would bring us back.
bool ChangesNothing(const backup::World& world, const Plan& plan) {
  return plan.status == world.backup.status && plan.start.empty() && plan.start_copies.empty() &&
         plan.expire.empty() && !IsAboutStaged(plan);
}

}  // namespace

Result<Requeue> BackupController::Reconcile(const kube::ObjectKey& key, std::stop_token stop) {
  if (context_.caches.backups.freshness().Awaits(key)) return AwaitChange();
  const auto cached = context_.caches.backups.Get(key);
  if (cached && !backup::NeedsFinalizer(*cached) && backup::IsFarBack(context_.caches, *cached))
    return RequeueAt(context_.clock.Now() + kFarBackPeriod);
  if (cached && !MayStartMovers(*cached) && !backup::NeedsFinalizer(*cached)) {
    TRY(const Observed observed, backup::Observe(context_, book_, *cached, stop));
    const Plan plan = backup::Decide(observed.world, context_.settings);
    if (ChangesNothing(observed.world, plan)) return plan.requeue;
    // What is over stays over, and only its copies, what is staged and its Jobs, which are to go,
    // are left.
    const bool staged = backup::HasStaged(cached->status) || IsAboutStaged(plan);
    const bool same = plan.status == cached->status && plan.start_copies.empty();
    if (backup::IsOver(cached->status) && same && !staged) return Expire(plan, stop);
    if (plan.start.empty() && plan.start_copies.empty()) return Work(key, stop);
  }
  const std::lock_guard lock(slots_[std::hash<std::string>()(key.ns) % slots_.size()]);
  return Work(key, stop);
}

// Decides about the Backup as it was last written, and does it.
Result<Requeue> BackupController::Work(const kube::ObjectKey& key, std::stop_token stop) {
  TRY(std::optional<crds::Backup> live, ReadWritten<crds::Backup>(context_, key, stop));
  if (!live) return AwaitChange();
  if (live->metadata.deletion_timestamp) return Delete(*live, stop);
  const bool forgets = live->spec.deletion_policy == crds::DeletionPolicy::kDelete;
  if (HasFinalizer(live->metadata, kForgetFinalizer) != forgets) {
    TRY_VOID(SetFinalizer(context_, *live, kForgetFinalizer, forgets, stop));
    return AwaitChange();
  }
  const bool owes = backup::OwesThaw(live->status);
  if (HasFinalizer(live->metadata, kThawFinalizer) != owes) {
    TRY_VOID(SetFinalizer(context_, *live, kThawFinalizer, owes, stop));
    return AwaitChange();
  }
  for (;;) {
    TRY(const Observed observed, backup::Observe(context_, book_, *std::move(live), stop));
    Plan plan = backup::Decide(observed.world, context_.settings);
    const Result<void> done = Apply(observed, plan, stop);
    // Before the volume is given up for good: nothing would come back to it.
    TRY_VOID(Stop(plan.stop, stop));
    TRY(live, Record(observed.world.backup, plan.status, stop));
    if (!live) plan.hooks.start.clear();  // it is gone: nothing would remember them
    backup::CarryOutHooks(context_, observed.world.backup, plan.status, plan.hooks);
    TRY_VOID(done);
    // What is to go on at once goes on with what was written: it need not be read again.
    if (!live || plan.requeue != RequeueAt(observed.world.now)) return plan.requeue;
    // But for the finalizer, which goes on before the first hook is started.
    if (backup::NeedsFinalizer(*live)) return plan.requeue;
  }
}

// Without our finalizer it goes by itself, and its Jobs go with it.
Result<Requeue> BackupController::Delete(const crds::Backup& backup, std::stop_token stop) {
  if (HasFinalizer(backup.metadata, kThawFinalizer)) return Thaw(backup, stop);
  if (!HasFinalizer(backup.metadata, kForgetFinalizer)) return AwaitChange();
  const auto repository =
      context_.caches.repositories.Get({backup.metadata.namespace_, backup.status.repository});
  backup::DeletionWorld world = backup::ObserveDeletion(context_, backup, stop);
  world.repository = repository.get();
  std::vector<kube::Cache<crds::BackupRepository>::Entry> copies;
  for (const crds::BackupCopy& copy : backup.status.copies)
    if (auto found =
            context_.caches.repositories.Get({backup.metadata.namespace_, copy.repository})) {
      world.copies[copy.repository] = found.get();
      copies.push_back(std::move(found));
    }
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

// Its movers read what must not be held any longer, so they are stopped.
Result<Requeue> BackupController::Thaw(const crds::Backup& backup, std::stop_token stop) {
  std::vector<JobView> movers;
  for (const auto& job : JobsOf(context_.caches, backup.metadata))
    if (!job->Finished() && !job->deleting) movers.push_back(*job);
  TRY_VOID(Stop(movers, stop));
  const TimePoint now = context_.clock.Now();
  crds::BackupStatus status = backup.status;
  backup::HookPlan plan;
  const bool done =
      backup::Abandon(backup, context_.hooks.Look(backup.metadata.uid), now, plan, status);
  TRY(const auto written, Record(backup, status, stop));
  if (!written) plan.start.clear();
  backup::CarryOutHooks(context_, backup, status, plan);
  if (done) TRY_VOID(SetFinalizer(context_, backup, kThawFinalizer, false, stop));
  return RequeueAt(now + kThawPeriod);
}

Result<void> BackupController::Stop(const std::vector<JobView>& movers, std::stop_token stop) {
  for (const JobView& job : movers) {
    const auto removed = context_.api.Delete(kube::kJobs, job.key,
                                             {.uid = job.uid, .propagation = "Foreground"}, stop);
    if (!removed && !IsAbsent(removed.error())) return removed;
  }
  return {};
}

Result<void> BackupController::Forget(const backup::DeletionWorld& world,
                                      const backup::DeletionPlan& plan, std::stop_token stop) {
  TRY_VOID(Stop(plan.stop, stop));
  TRY_VOID(Stop(plan.retry, stop));
  for (const auto& [where, snapshots] : plan.start) {
    const bool copies = !where.copies_in.empty();
    const bool by_gateway = backup::RemoverAt(world, where) == Remover::kGateway;
    Audit("snapshots.remove", "a deleted Backup takes its snapshots along",
          ReferenceTo(world.backup),
          {{"repository", copies ? where.copies_in : world.repository->metadata.name},
           {"claim", where.claim},
           {"snapshots", Joined(snapshots)},
           {"job", by_gateway ? "" : backup::ForgetJobName(world.backup, where)}});
    if (by_gateway) {
      TRY_VOID(RemoveShared(context_.gateway, world.backup.metadata.namespace_, snapshots, stop));
      continue;
    }
    TRY(const Json job, backup::BuildForgetJob(world, where, snapshots, context_.settings));
    TRY_VOID(EnsureJob(context_, job, stop));
  }
  for (const MoverRun& forget : world.forgets)
    if (plan.release && !forget.job.expires) TRY_VOID(ExpireJob(context_, forget.job, stop));
  return {};
}

// What cannot be made for one volume does not keep the others from it.
Result<void> BackupController::Apply(const Observed& observed, Plan& plan, std::stop_token stop) {
  const backup::World& world = observed.world;
  Result<void> done = CutGroups(world, plan, stop);
  for (std::size_t i = 0; i < world.volumes.size(); ++i) {
    const crds::VolumeBackup& volume = plan.status.volumes[i];
    const auto is_in = [&](const std::vector<std::string>& claims) {
      return std::ranges::find(claims, volume.claim) != claims.end();
    };
    Result<void> made;
    if (is_in(plan.cut)) made = Cut(world, volume, stop);
    if (is_in(plan.start)) made = Start(observed, i, volume, stop);
    if (is_in(plan.claims)) made = MakeClaim(world, i, volume, world.volumes[i].job->uid, stop);
    if (made) continue;
    backup::AddStartFailure(plan, world, volume.claim, made.error());
    done = made;
  }
  TRY_VOID(StartCopies(observed, plan, stop));
  for (const VolumeSnapshotView& snapshot : plan.uncut)
    TRY_VOID(Remove(kube::kVolumeSnapshots, snapshot, stop));
  for (const VolumeSnapshotView& group : plan.uncut_groups)
    TRY_VOID(Remove(kube::VolumeGroupSnapshots(world.groups_version), group, stop));
  TRY_VOID(Expire(plan, stop));
  return done;
}

Result<Requeue> BackupController::Expire(const Plan& plan, std::stop_token stop) {
  for (const JobView& job : plan.expire) TRY_VOID(ExpireJob(context_, job, stop));
  return plan.requeue;
}

Result<void> BackupController::StartCopies(const Observed& observed, const Plan& plan,
                                           std::stop_token stop) {
  const backup::World& world = observed.world;
  for (std::size_t i = 0; i < world.copies.size(); ++i) {
    const crds::BackupCopy& copy = plan.status.copies[i];
    if (std::ranges::find(plan.start_copies, copy.repository) == plan.start_copies.end()) continue;
    TRY(const Json job, backup::BuildCopyJob(world.backup, copy, *world.copy_source,
                                             *world.copies[i].destination, context_.settings));
    TRY_VOID(EnsureOwned(context_, kube::kJobs, job, stop));
  }
  return {};
}

Result<void> BackupController::Cut(const backup::World& world, const crds::VolumeBackup& volume,
                                   std::stop_token stop) {
  TRY_VOID(EnsureOwned(context_, kube::kVolumeSnapshots, backup::BuildVolumeSnapshot(world, volume),
                       stop));
  return {};
}

Result<void> BackupController::CutGroups(const backup::World& world, Plan& plan,
                                         std::stop_token stop) {
  Result<void> done;
  for (const std::string& group : plan.cut_groups) {
    const auto made = EnsureOwned(context_, kube::VolumeGroupSnapshots(world.groups_version),
                                  backup::BuildVolumeGroupSnapshot(world, group), stop);
    if (made) continue;
    for (const crds::VolumeBackup& volume : world.backup.status.volumes)
      if (volume.volume_group_snapshot == group)
        backup::AddStartFailure(plan, world, volume.claim, made.error());
    done = tl::make_unexpected(made.error());
  }
  return done;
}

// The Job first: the staged claim belongs to it. It makes no pod before the claim is known to be
// its own.
Result<void> BackupController::Start(const Observed& observed, std::size_t i,
                                     const crds::VolumeBackup& volume, std::stop_token stop) {
  TRY(const Json job, backup::BuildJob(observed, volume, context_.settings));
  const crds::BackupPolicySpec& policy = observed.world.policy->spec;
  if (const crds::Dump* dump = backup::FindDump(policy, volume.claim))
    Audit("dump.run", "an image runs beside a mover, as the policy asks",
          ReferenceTo(observed.world.backup),
          {{"dump", dump->name}, {"image", dump->image}, {"job", volume.job}});
  TRY(const Json stored, EnsureOwned(context_, kube::kJobs, job, stop));
  if (!backup::IsStaged(volume)) return {};
  return MakeClaim(observed.world, i, volume, FindString(stored, {"metadata", "uid"}), stop);
}

Result<void> BackupController::MakeClaim(const backup::World& world, std::size_t i,
                                         const crds::VolumeBackup& volume,
                                         const std::string& job_uid, std::stop_token stop) {
  const Json claim = backup::BuildStagedClaim(world, volume, world.volumes[i], job_uid);
  TRY_VOID(EnsureOwned(context_, kube::kPersistentVolumeClaims, claim, stop));
  const std::string job = backup::JobNameFor(world.backup, volume.claim);
  return ResumeJob(context_.api, {world.backup.metadata.namespace_, job}, stop);
}

Result<void> BackupController::Remove(const kube::Resource& resource,
                                      const VolumeSnapshotView& snapshot, std::stop_token stop) {
  const auto removed = context_.api.Delete(resource, snapshot.key, {.uid = snapshot.uid}, stop);
  if (!removed && !IsAbsent(removed.error())) return removed;
  return {};
}

Result<std::optional<crds::Backup>> BackupController::Record(const crds::Backup& before,
                                                             const crds::BackupStatus& after,
                                                             std::stop_token stop) {
  TRY(auto written, WriteStatus(context_, before, after, stop));
  if (!written || before.status.phase == after.phase) return written;
  if (const auto announcement = AnnouncementOf(after.phase)) {
    const crds::Condition* ready = crds::FindCondition(after.conditions, crds::kReady);
    context_.events.Record(ReferenceTo(before), announcement->type, announcement->reason,
                           ready == nullptr ? "" : ready->message);
  }
  return written;
}

}  // namespace holdfast::controllers
