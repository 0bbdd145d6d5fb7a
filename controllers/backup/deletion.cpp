#include "controllers/backup/deletion.h"

#include <algorithm>
#include <set>

#include "controllers/backup/freeze.h"
#include "controllers/backup/imported.h"
#include "controllers/backup/manifests.h"
#include "controllers/finalizer.h"
#include "controllers/kinds.h"
#include "controllers/labels.h"
#include "controllers/mover_job.h"

namespace holdfast::controllers::backup {
namespace {

// The forget Jobs are not this Backup's, so nothing calls when one ends.
constexpr std::chrono::seconds kLookAgain{5};
constexpr int kRetries = 3;
constexpr std::chrono::minutes kDeadline{30};

using Snapshots = std::map<Whereabouts, std::vector<std::string>>;

// Where something was or may have been copied to.
void AddCopies(const DeletionWorld& world, Snapshots& snapshots) {
  const Snapshots own = snapshots;
  for (const crds::BackupCopy& copy : world.backup.status.copies)
    for (const auto& [where, ids] : own)
      if (copy.attempts > 0 && world.copies.contains(copy.repository) &&
          RemoverOf(*world.copies.at(copy.repository), true) != Remover::kNobody)
        snapshots[{where.claim, copy.repository}] = ids;
}

// Those in the status, and those of movers whose end was not recorded any more.
Snapshots SnapshotsOf(const DeletionWorld& world) {
  Snapshots snapshots;
  const auto add = [&](const std::string& claim, const std::string& id) {
    const bool is_known = std::ranges::any_of(snapshots, [&](const auto& entry) {
      return std::ranges::find(entry.second, id) != entry.second.end();
    });
    if (!id.empty() && !is_known) snapshots[{claim, ""}].push_back(id);
  };
  for (const StoredSnapshot& stored : backup::SnapshotsOf(world.backup.status))
    add(stored.claim, stored.id);
  for (const crds::VolumeBackup& volume : world.backup.status.volumes) {
    for (const MoverRun& mover : world.movers)
      if (mover.job.key.name == volume.job && mover.state.result) {
        add(volume.claim, mover.state.result->snapshot);
        add(volume.claim, mover.state.result->manifests);
      }
  }
  AddCopies(world, snapshots);
  return snapshots;
}

const MoverRun* FindRun(const std::vector<MoverRun>& runs, const std::string& name) {
  const auto found =
      std::ranges::find(runs, name, [](const MoverRun& r) { return r.job.key.name; });
  return found == runs.end() ? nullptr : &*found;
}

bool IsReady(const crds::BackupRepository& repository) {
  return crds::IsTrue(repository.status.conditions, crds::kReady);
}

std::string NameAll(const Snapshots& snapshots) {
  std::set<std::string> names;
  for (const auto& [where, ids] : snapshots)
    for (const std::string& id : ids)
      names.insert(id.substr(0, 8) +
                   (where.copies_in.empty() ? "" : " (its copy in " + where.copies_in + ")"));
  std::string text;
  for (const std::string& name : names) text += (text.empty() ? "" : ", ") + name;
  return text;
}

const crds::BackupRepository& RepositoryOf(const DeletionWorld& world, const Whereabouts& where) {
  return where.copies_in.empty() ? *world.repository : *world.copies.at(where.copies_in);
}

DeletionPlan Release(const Snapshots& left, const std::string& why) {
  DeletionPlan plan;
  plan.release = true;
  if (!left.empty())
    plan.left = "the snapshots " + NameAll(left) + " stay in the repository: " + why;
  return plan;
}

}  // namespace

bool NeedsFinalizer(const crds::Backup& backup) {
  if (backup.metadata.deletion_timestamp) return true;
  const bool forgets = backup.spec.deletion_policy == crds::DeletionPolicy::kDelete;
  return HasFinalizer(backup.metadata, kForgetFinalizer) != forgets ||
         HasFinalizer(backup.metadata, kThawFinalizer) != OwesThaw(backup.status);
}

DeletionPlan DecideDeletion(const DeletionWorld& world) {
  Snapshots left = SnapshotsOf(world);
  if (world.repository == nullptr)
    return Release(left, "BackupRepository \"" + world.backup.status.repository +
                             "\" does not exist any more");
  if (IsForeign(world.backup))
    return Release(left, "they were made in another cluster or namespace");
  DeletionPlan plan;
  for (const MoverRun& mover : world.movers)
    if (!mover.job.Finished() && !mover.job.deleting) plan.stop.push_back(mover.job);
  const bool still = std::ranges::any_of(
      world.movers, [](const MoverRun& mover) { return !mover.job.Finished(); });
  const bool late = world.now - *world.backup.metadata.deletion_timestamp >= kDeletionLimit;
  std::string why = "the repository is not ready";
  for (auto it = left.begin(); !still && it != left.end();) {
    const crds::BackupRepository& repository = RepositoryOf(world, it->first);
    const Remover remover = RemoverAt(world, it->first);
    if (remover == Remover::kGateway && IsReady(repository) && !late) {
      // By the gateway, before the object goes.
      plan.start[it->first] = it->second;
      it = left.erase(it);
      continue;
    }
    const MoverRun* forget = FindRun(world.forgets, ForgetJobName(world.backup, it->first));
    const bool done = forget != nullptr && forget->state.phase == MoverPhase::kSucceeded;
    if (forget == nullptr && IsReady(repository) && remover == Remover::kJob)
      plan.start[it->first] = it->second;
    if (forget != nullptr && !forget->state.message.empty()) why = forget->state.message;
    if (forget != nullptr && forget->state.phase == MoverPhase::kFailed && !forget->job.deleting)
      plan.retry.push_back(forget->job);
    it = done ? left.erase(it) : std::next(it);
  }
  if (!still && left.empty()) {
    plan.release = true;
    return plan;
  }
  if (late) return Release(left, why);
  plan.requeue = RequeueAt(world.now + kLookAgain);
  return plan;
}

Remover RemoverAt(const DeletionWorld& world, const Whereabouts& where) {
  return RemoverOf(RepositoryOf(world, where), !where.copies_in.empty());
}

std::string ForgetJobName(const crds::Backup& backup, const Whereabouts& where) {
  std::string suffix = "forget";
  if (!where.copies_in.empty()) suffix += "-" + RepositoryDigits(where.copies_in);
  return JobName(backup.metadata.name + "-" + where.claim, suffix);
}

Result<Json> BuildForgetJob(const DeletionWorld& world, const Whereabouts& where,
                            const std::vector<std::string>& snapshots, const Settings& settings) {
  const crds::ObjectMeta& backup = world.backup.metadata;
  const crds::BackupRepository& repository = RepositoryOf(world, where);
  protocol::ForgetArgs args;
  args.repository = RepositoryArgsFor(repository, settings);
  args.identity = {settings.cluster_name, "/" + backup.namespace_ + "/" + where.claim};
  args.tag = "backup=" + backup.namespace_ + "/" + NameInRepository(world.backup);
  args.snapshots = snapshots;
  args.copies = !where.copies_in.empty();
  MoverJob job;
  job.key = {backup.namespace_, ForgetJobName(world.backup, where)};
  job.owner = ReferenceTo(repository);
  job.labels = {{kVerbLabel, "forget"},
                {kBackupLabel, backup.name},
                {kRepositoryLabel, repository.metadata.name},
                {kClaimLabel, where.claim}};
  job.command_line = protocol::CommandLine(args);
  job.repository = &repository;
  job.mover = repository.spec.mover;
  job.retries = kRetries;
  job.deadline = kDeadline;
  return BuildMoverJob(job, settings);
}

}  // namespace holdfast::controllers::backup
