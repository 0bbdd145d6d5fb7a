#include "controllers/backup/observe.h"

#include <algorithm>

#include "controllers/backup/claims.h"
#include "controllers/backup/copies.h"
#include "controllers/backup/manifests.h"
#include "controllers/backup/mounts.h"
#include "controllers/backup/mover_jobs.h"
#include "controllers/backup/queue.h"
#include "controllers/backup/storage.h"
#include "controllers/backup/volumes.h"
#include "controllers/manifests/collect.h"
#include "controllers/mover_run.h"
#include "controllers/target.h"

namespace holdfast::controllers::backup {
namespace {

class Observer {
 public:
  Observer(const Context& context, ProgressBook& book, std::stop_token stop)
      : context_(context), book_(book), stop_(std::move(stop)) {}

  Result<Observed> Look(crds::Backup backup) {
    World& world = observed_.world;
    world.backup = std::move(backup);
    world.now = context_.clock.Now();
    world.allowed = {context_.settings.hooks_enabled, context_.settings.dumps_enabled,
                     context_.settings.secrets_enabled};
    world.hook_news = context_.hooks.Look(world.backup.metadata.uid);
    LookUpReferences();
    for (const auto& job : JobsOf(context_.caches, world.backup.metadata))
      world.jobs.push_back(*job);
    NameVolumes();
    const bool over = IsOver(world.backup.status);
    if (!over) TRY_VOID(LookAtMovers(context_, book_, world, stop_));
    TRY_VOID(LookAtStaged(context_, world, stop_));
    if (over) {
      TRY_VOID(LookAtCopies());
      return std::move(observed_);
    }
    LookForOlder();
    LookForRestore();
    TRY_VOID(LookAtStart());
    TRY_VOID(LookAtLeftClaims(context_, world, stop_));
    return std::move(observed_);
  }

 private:
  const std::string& Namespace() const { return observed_.world.backup.metadata.namespace_; }

  void LookUpReferences() {
    World& world = observed_.world;
    observed_.policy = context_.caches.policies.Get({Namespace(), world.backup.spec.policy});
    world.policy = observed_.policy.get();
    if (world.policy == nullptr) return;
    const crds::BackupPolicySpec& spec = world.policy->spec;
    observed_.repository = context_.caches.repositories.Get({Namespace(), spec.repository});
    observed_.stateful_sets = TargetsOf(context_.caches, *world.policy);
    world.repository = observed_.repository.get();
    for (const auto& set : observed_.stateful_sets) world.stateful_sets.push_back(set.get());
  }

  void NameVolumes() {
    for (const crds::VolumeBackup& volume : observed_.world.backup.status.volumes) {
      VolumeWorld& seen = observed_.world.volumes.emplace_back();
      seen.claim = volume.claim;
      const std::string name = JobNameFor(observed_.world.backup, volume.claim);
      for (const JobView& job : observed_.world.jobs)
        if (job.key.name == name) seen.job = job;
      seen.job_is_coming =
          !seen.job && context_.caches.jobs.freshness().Awaits({Namespace(), name});
    }
  }

  // Those that cannot run themselves are not waited for.
  void LookForOlder() {
    World& world = observed_.world;
    const std::string policy = Namespace() + "/" + world.backup.spec.policy;
    for (const auto& [key, other] : context_.caches.backups.Find(index::kPolicy, policy))
      if (!IsOver(other->status) && !crds::IsTrue(other->status.conditions, crds::kStalled) &&
          !other->metadata.deletion_timestamp && OlderThan(*other, world.backup))
        world.older = other->metadata.name;
  }

  void LookForRestore() {
    for (const StatefulSetView* set : observed_.world.stateful_sets) LookForRestoreOf(*set);
  }

  void LookForRestoreOf(const StatefulSetView& set) {
    for (const auto& [key, restore] :
         context_.caches.restores.Find(index::kStatefulSet, kube::ToString(set.key))) {
      const bool left_down = restore->status.phase == crds::RestorePhase::kFailed &&
                             restore->status.start_time && set.replicas == 0;
      // Pending ones have touched nothing yet, and may wait for a backup that is under way.
      const bool writing = restore->status.phase != crds::RestorePhase::kPending &&
                           restore->status.phase != crds::RestorePhase::kFollowing &&
                           restore->status.phase != crds::RestorePhase::kSucceeded &&
                           restore->status.phase != crds::RestorePhase::kFailed;
      if (writing || left_down) observed_.world.restoring = key.name;
    }
  }

  // What starting movers needs to know: whether slots are free, and where each volume is mounted
  // and by whom.
  Result<void> LookAtStart() {
    World& world = observed_.world;
    const bool some_wait = std::ranges::any_of(
        world.volumes, [&](const auto& volume) { return AwaitsMover(world, volume); });
    if (!some_wait || world.repository == nullptr) return {};
    TRY_VOID(LookAtSlots(context_, world, stop_));
    if (world.free_slots <= 0) return {};
    TRY(observed_.security, LookAtMounts(context_, world, stop_));
    TRY_VOID(LookAtClaims(context_, world, stop_));
    TRY_VOID(LookAtManifests());
    return LookAtStorage(context_, world, stop_);
  }

  Result<void> LookAtManifests() {
    World& world = observed_.world;
    const std::vector<manifests::Wanted> wanted = ManifestsToRead(world);
    if (wanted.empty()) return {};
    const bool secrets = world.policy->spec.manifests.secrets && world.allowed.secrets &&
                         world.repository->spec.accepts_secrets;
    TRY(world.manifests, manifests::Collect(context_.api, Namespace(), wanted, secrets, stop_));
    return {};
  }

  const crds::BackupRepository* Keep(kube::Cache<crds::BackupRepository>::Entry entry) {
    return observed_.copy_repositories.emplace_back(std::move(entry)).get();
  }

  Result<void> LookAtCopies() {
    World& world = observed_.world;
    const crds::BackupStatus& status = world.backup.status;
    if (!OwesCopies(status)) return {};
    world.copy_source = Keep(context_.caches.repositories.Get({Namespace(), status.repository}));
    for (const crds::BackupCopy& copy : status.copies) {
      CopyWorld& seen = world.copies.emplace_back();
      seen.repository = copy.repository;
      seen.destination = Keep(context_.caches.repositories.Get({Namespace(), copy.repository}));
      const std::string name = CopyJobName(world.backup, copy);
      for (const JobView& job : world.jobs)
        if (job.key.name == name)
          seen.run = MoverRun{job, controllers::LookAtMover(context_, job, stop_)};
      const bool may_start = seen.destination != nullptr &&
                             IsDue(copy, seen.destination, world.now) &&
                             (!seen.run || seen.run->job.Finished());
      if (may_start) {
        TRY(const int used, CountMovers(context_, {Namespace(), copy.repository}, stop_));
        seen.free_slots =
            std::max(0, static_cast<int>(seen.destination->spec.limits.concurrent_movers) - used);
      }
    }
    return {};
  }

  const Context& context_;
  ProgressBook& book_;
  std::stop_token stop_;
  Observed observed_;
};

}  // namespace

Result<Observed> Observe(const Context& context, ProgressBook& book, crds::Backup backup,
                         std::stop_token stop) {
  return Observer(context, book, std::move(stop)).Look(std::move(backup));
}

DeletionWorld ObserveDeletion(const Context& context, const crds::Backup& backup,
                              std::stop_token stop) {
  DeletionWorld world;
  world.now = context.clock.Now();
  world.backup = backup;
  const auto run_of = [&](const JobView& job) {
    return MoverRun{job, LookAtMover(context, job, stop)};
  };
  for (const auto& job : JobsOf(context.caches, backup.metadata))
    world.movers.push_back(run_of(*job));
  std::vector<std::string> places = {""};
  for (const crds::BackupCopy& copy : backup.status.copies) places.push_back(copy.repository);
  for (const crds::VolumeBackup& volume : backup.status.volumes)
    for (const std::string& place : places)
      if (const auto job = context.caches.jobs.Get(
              {backup.metadata.namespace_, ForgetJobName(backup, {volume.claim, place})}))
        world.forgets.push_back(run_of(*job));
  return world;
}

}  // namespace holdfast::controllers::backup
