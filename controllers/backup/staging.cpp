#include "controllers/backup/staging.h"

#include <algorithm>
#include <vector>

#include <spdlog/fmt/fmt.h>

#include "controllers/backup/volume_groups.h"
#include "controllers/backup/volumes.h"
#include "jobs/protocol/dump_name.h"

namespace holdfast::controllers::backup {
namespace {

using crds::BackupStatus;
using crds::CopyMethod;
using crds::VolumeBackup;

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

// What a volume is cut by: its own VolumeSnapshot, or a VolumeGroupSnapshot with others.
struct Cutting {
  std::string name;                            // with its kind
  const VolumeSnapshotView* object = nullptr;  // nullptr: it does not exist
  bool ready = false;
  std::string error;
};

Cutting CuttingOf(const World& world, const VolumeWorld& seen, const VolumeBackup& volume) {
  const VolumeSnapshotView* snapshot = seen.snapshot ? &*seen.snapshot : nullptr;
  const bool ready = snapshot != nullptr && snapshot->ready;
  std::string error = snapshot == nullptr ? "" : snapshot->error;
  if (volume.volume_group_snapshot.empty())
    return {"VolumeSnapshot " + volume.volume_snapshot, snapshot, ready, std::move(error)};
  // A member of a driver that cannot list snapshots says that it is ready whether it is or not.
  const VolumeSnapshotView* group = FindGroup(world, volume.volume_group_snapshot);
  const bool group_ready = group != nullptr && group->ready;
  if (group != nullptr && error.empty()) error = group->error;
  if (group_ready && snapshot == nullptr) error = "it has no VolumeSnapshot of this claim";
  return {"VolumeGroupSnapshot " + volume.volume_group_snapshot, group, ready && group_ready,
          std::move(error)};
}

void FollowSnapshot(const World& world, const Cutting& cutting, VolumeBackup& volume) {
  const std::string& name = cutting.name;
  const VolumeSnapshotView& object = *cutting.object;
  const auto& start = world.backup.status.start_time;
  if (!IsOurs(world, object.owner) && object.deleting && !(start && IsLate(world, *start))) {
    volume.message = name + " of an earlier Backup is being removed";
    return;
  }
  if (!IsOurs(world, object.owner))
    return Fail(volume, name +
                            " is in the way, and is not of this Backup; delete it if nobody "
                            "needs it, and run a backup again");
  if (object.deleting) return Fail(volume, name + " was deleted before its data was read");
  if (!volume.cut_time) volume.cut_time = object.cut;
  if (cutting.ready && !volume.ready_time) {
    volume.ready_time = std::chrono::floor<std::chrono::seconds>(world.now);
    if (!volume.cut_time) volume.cut_time = volume.ready_time;  // the driver does not tell when
  }
  if (volume.ready_time) return;
  volume.message =
      cutting.error.empty()
          ? name + (volume.cut_time ? " is taken and being made ready" : " is being taken")
          : WithWords(name + " is not ready", cutting.error);
  if (IsLate(world, object.created))
    Fail(volume, WithWords(name + " was not ready within " + Deadline(world), cutting.error));
}

// Why a VolumeGroupSnapshot cannot be made now; empty when it can.
std::string WhyNoGroup(const World& world, const std::string& group) {
  if (world.groups_version.empty()) return "the cluster serves no VolumeGroupSnapshots";
  if (SelectorOf(world, group).empty()) return "its claims have no label in common any more";
  return "";
}

void Cut(const World& world, const VolumeBackup& volume, Plan& plan) {
  const std::string& group = volume.volume_group_snapshot;
  if (group.empty())
    plan.cut.push_back(volume.claim);
  else if (WhyNoGroup(world, group).empty() &&
           std::ranges::find(plan.cut_groups, group) == plan.cut_groups.end())
    plan.cut_groups.push_back(group);
}

void FollowMissing(const World& world, const Cutting& cutting, VolumeBackup& volume, Plan& plan) {
  if (volume.cut_time)
    return Fail(volume, cutting.name + " is gone, and its data was not read; somebody deleted it");
  const std::string& group = volume.volume_group_snapshot;
  const std::string why = group.empty() ? "" : WhyNoGroup(world, group);
  if (world.backup.status.start_time && IsLate(world, *world.backup.status.start_time))
    return Fail(volume,
                WithWords(cutting.name + " could not be made within " + Deadline(world), why));
  volume.message = WithWords(cutting.name + " is being made", why);
  Cut(world, volume, plan);
}

// A run that has not begun waits for the repository first: snapshots are not kept for movers that
// cannot start.
bool MayBegin(const World& world, const Plan& plan) {
  return plan.status.start_time || (world.free_slots > 0 && world.pruning.empty());
}

// Removes what volume `i` was cut by once nothing reads from it. Whether some of it may be left.
bool RemoveCutting(const World& world, std::size_t i, Plan& plan) {
  const VolumeWorld& seen = world.volumes[i];
  const VolumeBackup& volume = world.backup.status.volumes[i];
  const std::string& group = volume.volume_group_snapshot;
  const VolumeSnapshotView* object = CuttingOf(world, seen, volume).object;
  const bool ours = object != nullptr && IsOurs(world, object->owner);
  const bool has_reader = seen.job || seen.job_is_coming || seen.staged;
  if (ours && !object->deleting && group.empty() && !has_reader) plan.uncut.push_back(*object);
  if (ours && !object->deleting && !group.empty() && IsReadWhole(world, group) &&
      std::ranges::find(plan.uncut_groups, object->uid, &VolumeSnapshotView::uid) ==
          plan.uncut_groups.end())
    plan.uncut_groups.push_back(*object);
  return ours || (!group.empty() && seen.snapshot);  // members go after their group
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

std::optional<Finding> ChooseOfEach(const World& world, Plan& plan) {
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

}  // namespace

bool IsStaged(const VolumeBackup& volume) {
  return volume.copy_method == CopyMethod::kSnapshot || volume.copy_method == CopyMethod::kClone;
}

bool AwaitsSnapshot(const BackupStatus& status, const VolumeBackup& volume) {
  return volume.copy_method == CopyMethod::kSnapshot && status.start_time && !volume.ready_time &&
         !IsOver(volume);
}

bool HasStaged(const BackupStatus& status) {
  return HasGroups(status) || std::ranges::any_of(status.volumes, [](const auto& volume) {
           return !volume.volume_snapshot.empty();
         });
}

// All or none: until all can be read as the policy asks, each is chosen anew by what it asks then,
// and those of a group together.
std::optional<Finding> ChooseCopyMethods(const World& world, Plan& plan) {
  if (world.policy == nullptr || world.free_slots <= 0) return std::nullopt;
  const std::vector<VolumeBackup> before = plan.status.volumes;
  auto finding = ChooseOfEach(world, plan);
  if (!finding) finding = ChooseGroups(world, plan);
  if (finding) plan.status.volumes = before;
  return finding;
}

bool IsStored(const World& world, const Plan& plan) {
  for (std::size_t i = 0; i < plan.status.volumes.size(); ++i)
    if (plan.status.volumes[i].volume_snapshot != world.backup.status.volumes[i].volume_snapshot ||
        plan.status.volumes[i].volume_group_snapshot !=
            world.backup.status.volumes[i].volume_group_snapshot)
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
    const Cutting cutting = CuttingOf(world, seen, volume);
    if (cutting.object != nullptr)
      FollowSnapshot(world, cutting, volume);
    else if (MayBegin(world, plan))
      FollowMissing(world, cutting, volume, plan);
    if (!volume.volume_group_snapshot.empty() && volume.ready_time && seen.snapshot)
      volume.volume_snapshot = seen.snapshot->key.name;
    if (waits.empty() && !IsOver(volume) && !volume.ready_time)
      waits = volume.claim + ": " + volume.message;
  }
  const bool begins = plan.status.start_time || !plan.cut.empty() || !plan.cut_groups.empty();
  return begins ? waits : "";
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
    const bool has_job = seen.job || seen.job_is_coming;
    if (seen.job && seen.job->Finished()) StopMover(seen, plan);
    if (!RemoveCutting(world, i, plan) && !has_job) {
      plan.status.volumes[i].volume_snapshot.clear();
      plan.status.volumes[i].volume_group_snapshot.clear();
    }
    left = left || !plan.status.volumes[i].volume_snapshot.empty() ||
           !plan.status.volumes[i].volume_group_snapshot.empty() || has_job || seen.staged;
  }
  if (!left) return std::nullopt;
  return world.now + 2 * kStagingPeriod;
}

}  // namespace holdfast::controllers::backup
