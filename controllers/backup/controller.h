// Runs a Backup: one mover Job for each volume, and a status that tells the truth about them.
//
// Deleting a Backup stops its movers (they are owned) and keeps its snapshots, unless it asks for
// their end by spec.deletionPolicy (deletion.h). The Backup itself is
// not owned by its policy: history outlives the policy, and a policy that is made again finds it.
#pragma once

#include <array>
#include <mutex>
#include <optional>

#include "controllers/backup/decide.h"
#include "controllers/backup/deletion.h"
#include "controllers/backup/observe.h"
#include "controllers/context.h"
#include "controllers/reconciler.h"

namespace holdfast::controllers {

class BackupController final : public Reconciler {
 public:
  // `context` must outlive it.
  explicit BackupController(const Context& context) : context_(context) {}

  std::string_view Name() const override { return "backup"; }
  Result<Requeue> Reconcile(const kube::ObjectKey& key, std::stop_token stop) override;

 private:
  Result<Requeue> Delete(const crds::Backup& backup, std::stop_token stop);
  // Post hooks of a Backup that is being deleted.
  Result<Requeue> Thaw(const crds::Backup& backup, std::stop_token stop);
  Result<void> Stop(const std::vector<JobView>& movers, std::stop_token stop);
  Result<void> Forget(const backup::DeletionWorld& world, const backup::DeletionPlan& plan,
                      std::stop_token stop);
  Result<Requeue> Work(const kube::ObjectKey& key, std::stop_token stop);
  Result<void> Apply(const backup::Observed& observed, backup::Plan& plan, std::stop_token stop);
  Result<Requeue> Expire(const backup::Plan& plan, std::stop_token stop);
  Result<void> StartCopies(const backup::Observed& observed, const backup::Plan& plan,
                           std::stop_token stop);
  // Of volume `i`: its VolumeSnapshot; its mover's Job with what that reads; the staged claim
  // alone, with which the Job goes on.
  Result<void> Cut(const backup::World& world, const crds::VolumeBackup& volume,
                   std::stop_token stop);
  Result<void> Start(const backup::Observed& observed, std::size_t i,
                     const crds::VolumeBackup& volume, std::stop_token stop);
  Result<void> MakeClaim(const backup::World& world, std::size_t i,
                         const crds::VolumeBackup& volume, const std::string& job_uid,
                         std::stop_token stop);
  // VolumeGroupSnapshots.
  Result<void> CutGroups(const backup::World& world, backup::Plan& plan, std::stop_token stop);
  Result<void> Remove(const kube::Resource& resource, const VolumeSnapshotView& snapshot,
                      std::stop_token stop);
  // The Backup as it was written, if it was.
  Result<std::optional<crds::Backup>> Record(const crds::Backup& before,
                                             const crds::BackupStatus& after, std::stop_token stop);

  const Context& context_;
  ProgressBook book_;
  // Held while slots are counted and taken.
  // Repositories are namespaced, so that those of different namespaces need not wait for each
  // other.
  std::array<std::mutex, 16> slots_;
};

}  // namespace holdfast::controllers
