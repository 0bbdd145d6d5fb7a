#include "controllers/backup/staging.h"

#include <algorithm>

#include <spdlog/fmt/fmt.h>

#include "jobs/protocol/dump_name.h"

namespace holdfast::controllers::backup {
namespace {

using crds::BackupStatus;
using crds::CopyMethod;
using crds::RunState;
using crds::VolumeBackup;

void Fail(VolumeBackup& volume, std::string why) {
  volume.state = RunState::kFailed;
  volume.progress.clear();
  volume.message = std::move(why);
}

void StopMover(const VolumeWorld& seen, Plan& plan) {
  if (seen.job && !seen.job->deleting) plan.stop.push_back(*seen.job);
}

bool IsOurs(const World& world, const OwnerView& owner) {
  return owner.uid == world.backup.metadata.uid;
}

// Without the policy nothing tells how long; the run ends without it anyway.
bool IsLate(const World& world, TimePoint begun) {
  if (world.policy == nullptr) return false;
  const auto deadline = ParseDuration(world.policy->spec.staging.deadline);
  return deadline && world.now >= begun + *deadline;
}

std::string Deadline(const World& world) {
  return world.policy->spec.staging.deadline + " (spec.staging.deadline of the policy)";
}

std::string WithWords(std::string text, const std::string& words) {
  return words.empty() ? text : text + ": " + words;
}

void FollowSnapshot(const World& world, const VolumeSnapshotView& snapshot, VolumeBackup& volume) {
  const std::string name = "VolumeSnapshot " + snapshot.key.name;
  const auto& start = world.backup.status.start_time;
  if (!IsOurs(world, snapshot.owner) && snapshot.deleting && !(start && IsLate(world, *start))) {
    volume.message = name + " of an earlier Backup is being removed";
    return;
  }
  if (!IsOurs(world, snapshot.owner))
    return Fail(volume, name +
                            " is in the way, and is not of this Backup; delete it if nobody "
                            "needs it, and run a backup again");
  if (snapshot.deleting) return Fail(volume, name + " was deleted before its data was read");
  if (!volume.cut_time) volume.cut_time = snapshot.cut;
  if (snapshot.ready && !volume.ready_time) {
    volume.ready_time = std::chrono::floor<std::chrono::seconds>(world.now);
    if (!volume.cut_time) volume.cut_time = volume.ready_time;  // the driver does not tell when
  }
  if (volume.ready_time) return;
  volume.message =
      snapshot.error.empty()
          ? name + (volume.cut_time ? " is taken and being made ready" : " is being taken")
          : WithWords(name + " is not ready", snapshot.error);
  if (IsLate(world, snapshot.created))
    Fail(volume, WithWords(name + " was not ready within " + Deadline(world), snapshot.error));
}

void FollowMissing(const World& world, VolumeBackup& volume, Plan& plan) {
  if (volume.cut_time)
    return Fail(volume, "VolumeSnapshot " + volume.volume_snapshot +
                            " is gone, and its data was not read; somebody deleted it");
  if (world.backup.status.start_time && IsLate(world, *world.backup.status.start_time))
    return Fail(volume, "VolumeSnapshot " + volume.volume_snapshot + " could not be made within " +
                            Deadline(world));
  volume.message = "VolumeSnapshot " + volume.volume_snapshot + " is being made";
  plan.cut.push_back(volume.claim);
}

// A run that has not begun waits for the repository first: snapshots are not kept for movers that
// cannot start.
bool MayBegin(const World& world, const Plan& plan) {
  return plan.status.start_time || (world.free_slots > 0 && world.pruning.empty());
}

bool IsBound(const VolumeWorld& seen) { return seen.staged && seen.staged->bound; }

// Why the claim that a mover is to read will not be there any more; empty while it may.
std::string WhyNoClaim(const World& world, const VolumeWorld& seen) {
  if (!seen.staged && world.policy == nullptr)
    return "the BackupPolicy was deleted before the claim that the mover reads was made";
  if (!seen.staged && !seen.claim_exists)
    return "PersistentVolumeClaim \"" + seen.claim + "\" does not exist any more";
  if (IsBound(seen) || !IsLate(world, seen.staged ? seen.staged->created : seen.job->created))
    return "";
  return WithWords("PersistentVolumeClaim " + seen.job->key.name + " could not be " +
                       (seen.staged ? "provisioned" : "made") + " within " + Deadline(world) +
                       "; `kubectl get events` has more",
                   seen.mover.message);
}

void FollowStagedClaim(const World& world, const VolumeWorld& seen, VolumeBackup& volume,
                       Plan& plan) {
  const bool waits = seen.mover.phase == MoverPhase::kWaiting;
  if (!volume.cut_time && (!waits || IsBound(seen)))
    volume.cut_time = std::chrono::floor<std::chrono::seconds>(world.now);
  if (!waits || seen.job->Finished() || seen.job->deleting) return;
  if (std::string why = WhyNoClaim(world, seen); !why.empty()) {
    Fail(volume, std::move(why));
    plan.stop.push_back(*seen.job);
  } else if (!seen.staged || seen.job->suspended) {
    plan.claims.push_back(volume.claim);
  }
}

}  // namespace

bool IsStaged(const VolumeBackup& volume) {
  return volume.copy_method == CopyMethod::kSnapshot || volume.copy_method == CopyMethod::kClone;
}

bool AwaitsSnapshot(const BackupStatus& status, const VolumeBackup& volume) {
  return volume.copy_method == CopyMethod::kSnapshot && status.start_time && !volume.ready_time &&
         !IsOver(volume);
}

bool HasStaged(const BackupStatus& status) {
  return std::ranges::any_of(status.volumes,
                             [](const auto& volume) { return !volume.volume_snapshot.empty(); });
}

std::optional<Finding> ChooseCopyMethods(const World& world, Plan& plan) {
  if (world.policy == nullptr || world.free_slots <= 0) return std::nullopt;
  for (std::size_t i = 0; i < world.volumes.size(); ++i) {
    VolumeBackup& volume = plan.status.volumes[i];
    if (volume.copy_method || protocol::IsDump(volume.claim)) continue;
    // One that is missing fails when its turn comes.
    Choice choice;
    if (world.volumes[i].claim_exists) {
      auto chosen = ChooseCopyMethod(world.policy->spec, world.volumes[i].source, world.storage);
      if (!chosen) return chosen.error();
      choice = *std::move(chosen);
    }
    volume.copy_method = choice.method;
    volume.copy_reason = std::move(choice.reason);
    volume.volume_snapshot_class = std::move(choice.snapshot_class);
    if (choice.method == CopyMethod::kSnapshot)
      volume.volume_snapshot = JobNameFor(world.backup, volume.claim);
  }
  return std::nullopt;
}

bool IsStored(const World& world, const Plan& plan) {
  for (std::size_t i = 0; i < plan.status.volumes.size(); ++i)
    if (plan.status.volumes[i].volume_snapshot != world.backup.status.volumes[i].volume_snapshot)
      return false;
  return true;
}

// By what is stored: in the look that finds a VolumeSnapshot ready, slots were not counted.
bool IsBeingStaged(const World& world, const Plan& plan, std::size_t i) {
  return plan.status.volumes[i].copy_method == CopyMethod::kSnapshot &&
         !world.backup.status.volumes[i].ready_time && MayBegin(world, plan);
}

bool BecameReady(const World& world, const Plan& plan) {
  for (std::size_t i = 0; i < plan.status.volumes.size(); ++i)
    if (plan.status.volumes[i].ready_time != world.backup.status.volumes[i].ready_time) return true;
  return false;
}

std::string StageVolumes(const World& world, Plan& plan) {
  std::string waits;
  for (std::size_t i = 0; i < world.volumes.size(); ++i) {
    const VolumeWorld& seen = world.volumes[i];
    VolumeBackup& volume = plan.status.volumes[i];
    if (volume.copy_method != CopyMethod::kSnapshot || IsOver(volume) || seen.job ||
        seen.job_is_coming)
      continue;
    if (seen.snapshot)
      FollowSnapshot(world, *seen.snapshot, volume);
    else if (MayBegin(world, plan))
      FollowMissing(world, volume, plan);
    if (waits.empty() && !IsOver(volume) && !volume.ready_time)
      waits = volume.claim + ": " + volume.message;
  }
  return plan.cut.empty() && !plan.status.start_time ? "" : waits;
}

void FollowStagedClaims(const World& world, Plan& plan) {
  for (std::size_t i = 0; i < world.volumes.size(); ++i) {
    VolumeBackup& volume = plan.status.volumes[i];
    if (IsStaged(volume) && !IsOver(volume) && world.volumes[i].job)
      FollowStagedClaim(world, world.volumes[i], volume, plan);
  }
}

std::optional<TimePoint> RemoveStaged(const World& world, Plan& plan) {
  bool left = false;
  for (std::size_t i = 0; i < world.volumes.size(); ++i) {
    const VolumeWorld& seen = world.volumes[i];
    const VolumeBackup& stored = world.backup.status.volumes[i];
    if (!IsStaged(stored) || !IsOver(stored)) continue;
    const bool snapshot = seen.snapshot && IsOurs(world, seen.snapshot->owner);
    const bool has_job = seen.job || seen.job_is_coming;
    if (seen.job && seen.job->Finished()) StopMover(seen, plan);
    if (!has_job && snapshot && !seen.staged && !seen.snapshot->deleting)
      plan.uncut.push_back(*seen.snapshot);
    if (!snapshot && !has_job) plan.status.volumes[i].volume_snapshot.clear();
    left = left || !plan.status.volumes[i].volume_snapshot.empty() || has_job || seen.staged;
  }
  if (!left) return std::nullopt;
  return world.now + 2 * kStagingPeriod;
}

}  // namespace holdfast::controllers::backup
