#include "controllers/backup/mover_jobs.h"

#include <algorithm>

#include "base/wording.h"
#include "controllers/backup/freeze.h"
#include "controllers/backup/manifests.h"
#include "controllers/backup/shrink_guard.h"
#include "controllers/backup/staging.h"
#include "controllers/backup/volumes.h"
#include "controllers/reasons.h"
#include "jobs/protocol/dump_name.h"

namespace holdfast::controllers::backup {
namespace {

using crds::RunState;
using crds::VolumeBackup;

// Scheduling, attaching the volume, pulling an image that is at hand.
constexpr std::chrono::seconds kComesUp{10};
constexpr std::size_t kMaxPaths = 20;

void RecordResult(const protocol::MoverResult& result, VolumeBackup& volume) {
  const auto number = [](std::uint64_t value) { return static_cast<std::int64_t>(value); };
  volume.snapshot = result.snapshot;
  volume.parent = result.parent;
  volume.files = number(result.files);
  volume.bytes = number(result.bytes);
  volume.bytes_read = number(result.bytes_read);
  volume.bytes_added = number(result.bytes_added);
  volume.unreadable = number(result.unreadable);
  volume.unreadable_paths = result.unreadable_paths;
  if (volume.unreadable_paths.size() > kMaxPaths) volume.unreadable_paths.resize(kMaxPaths);
}

std::string UnreadableText(const VolumeBackup& volume) {
  std::string text =
      Counted(static_cast<std::uint64_t>(volume.unreadable), "file") + " could not be read";
  if (!volume.unreadable_paths.empty()) text += ", the first is " + volume.unreadable_paths.front();
  return text + "; spec.mover.securityContext of the policy says as whom the mover reads";
}

void RecordSuccess(const MoverState& mover, VolumeBackup& volume) {
  if (!mover.result) return Fail(volume, mover.message);
  RecordResult(*mover.result, volume);
  if (volume.snapshot.empty()) return Fail(volume, "the mover reported success without a snapshot");
  volume.state = RunState::kSucceeded;
  volume.progress = "100%";
  volume.message = volume.unreadable == 0 ? "" : UnreadableText(volume);
}

// A failed mover may have left a snapshot: of a volume with unreadable files, all the others.
void RecordFailure(const MoverState& mover, VolumeBackup& volume) {
  if (mover.result) RecordResult(*mover.result, volume);
  const bool unreadable =
      mover.result && mover.result->exit == protocol::ExitCode::kUnreadableFiles;
  Fail(volume, unreadable ? UnreadableText(volume) : mover.message);
}

std::string Percent(const std::optional<protocol::Progress>& progress) {
  if (!progress || progress->bytes_total == 0) return {};
  const std::uint64_t percent = 100 * progress->bytes_done / progress->bytes_total;
  return std::to_string(std::min<std::uint64_t>(percent, 99)) + "%";
}

// A mover that comes up as movers do is told of once it works: a write less in every run.
bool IsComingUp(const World& world, const VolumeWorld& seen, const VolumeBackup& volume) {
  return seen.mover.phase == MoverPhase::kWaiting && seen.mover.reason.empty() &&
         volume.job == seen.job->key.name && world.now < seen.job->created + kComesUp;
}

void Update(const VolumeWorld& seen, VolumeBackup& volume) {
  const MoverState& mover = seen.mover;
  volume.job = seen.job->key.name;
  volume.attempts = std::max<std::int64_t>(volume.attempts, mover.attempts);
  if (!mover.node.empty()) volume.node = mover.node;
  volume.message = mover.message;
  switch (mover.phase) {
    case MoverPhase::kWaiting:
      volume.state = RunState::kPending;
      break;
    case MoverPhase::kRunning:
      volume.state = RunState::kRunning;
      volume.progress = Percent(seen.progress);
      break;
    case MoverPhase::kSucceeded:
      RecordSuccess(mover, volume);
      break;
    case MoverPhase::kFailed:
      RecordFailure(mover, volume);
      break;
  }
}

// The pod that mounts the claim went to another node before the mover could start; that one is made
// again where the pod is now.
void FollowPod(const VolumeWorld& seen, VolumeBackup& volume, Plan& plan) {
  const bool moved = !IsStaged(volume) && seen.mover.phase == MoverPhase::kWaiting &&
                     !volume.node.empty() && !seen.nodes.empty() &&
                     !seen.nodes.contains(volume.node);
  if (!moved || seen.job->deleting) return;
  volume.message = "the pod that mounts the volume is on node " + *seen.nodes.begin() +
                   " now; the mover follows";
  plan.stop.push_back(*seen.job);
}

// It failed for good, and its Job does not know: a dump whose image cannot be pulled.
void StopUnneeded(const VolumeWorld& seen, const VolumeBackup& volume, Plan& plan) {
  if (IsOver(volume) && !seen.job->Finished() && !seen.job->deleting)
    plan.stop.push_back(*seen.job);
}

void GuardAgainstShrinking(const World& world, const VolumeWorld& seen, VolumeBackup& volume) {
  if (volume.state != RunState::kSucceeded || world.policy == nullptr) return;
  const std::string& guard = world.policy->spec.failure_policy.shrink_guard;
  if (auto beyond = BeyondShrinkGuard(guard, seen.last_good, volume.bytes))
    Fail(volume, *std::move(beyond));
}

Wait ForPrune(const World& world) {
  return {reason::kWaitingForPrune, "Job \"" + world.pruning + "\" prunes BackupRepository \"" +
                                        world.repository->metadata.name +
                                        "\", and needs it for itself; waits for its end"};
}

Wait ForSlot(const World& world) {
  return {reason::kWaitingForSlot,
          "all " + std::to_string(world.repository->spec.limits.concurrent_movers) +
              " slots of BackupRepository \"" + world.repository->metadata.name +
              "\" are in use (spec.limits.concurrentMovers); waits for one"};
}

void Start(const World& world, const VolumeWorld& seen, VolumeBackup& volume, Plan& plan) {
  // Hooks go by the pod that was resolved.
  if (!seen.pod.empty() && plan.status.hooks.runs.empty()) volume.pod = seen.pod;
  volume.node = IsStaged(volume) ? "" : seen.node;
  volume.job = JobNameFor(world.backup, volume.claim);
  volume.message = "its mover is being started";
  StartManifests(world, volume, plan.status);
  plan.start.push_back(volume.claim);
}

}  // namespace

bool AwaitsMover(const World& world, const VolumeWorld& seen) {
  const crds::BackupStatus& status = world.backup.status;
  const auto volume = std::ranges::find(status.volumes, seen.claim, &VolumeBackup::claim);
  return !seen.job && !seen.job_is_coming && volume != status.volumes.end() && !IsOver(*volume) &&
         !AwaitsSnapshot(status, *volume);
}

void UpdateVolumes(const World& world, Plan& plan, Wait& wait) {
  for (std::size_t i = 0; i < world.volumes.size(); ++i) {
    VolumeBackup& volume = plan.status.volumes[i];
    if (IsOver(volume) || !world.volumes[i].job) continue;
    if (IsComingUp(world, world.volumes[i], volume)) continue;
    Update(world.volumes[i], volume);
    FollowPod(world.volumes[i], volume, plan);
    StopUnneeded(world.volumes[i], volume, plan);
    GuardAgainstShrinking(world, world.volumes[i], volume);
    NoteManifests(world, i, plan.status);
    const MoverState& mover = world.volumes[i].mover;
    if (!IsOver(volume) && !mover.reason.empty() && wait.reason.empty())
      wait = {mover.reason, volume.claim + ": " + mover.message};
  }
}

void StartVolumes(const World& world, Plan& plan, Wait& wait) {
  int slots = world.free_slots;
  for (std::size_t i = 0; i < world.volumes.size(); ++i) {
    VolumeBackup& volume = plan.status.volumes[i];
    const VolumeWorld& seen = world.volumes[i];
    if (IsOver(volume) || seen.job || seen.job_is_coming || IsBeingStaged(world, plan, i)) continue;
    if (protocol::IsDump(volume.claim) && FindDump(world.policy->spec, volume.claim) == nullptr) {
      Fail(volume, "the BackupPolicy has no such dump any more");
    } else if (protocol::IsDump(volume.claim) && OwesThaw(plan.status)) {
      volume.message = "waits until the post hooks have run";
    } else if (!seen.claim_exists) {
      Fail(volume, "PersistentVolumeClaim \"" + volume.claim + "\" does not exist");
    } else if (!world.pruning.empty()) {
      volume.message = "waits until the repository is pruned";
      wait = ForPrune(world);
    } else if (slots > 0) {
      --slots;
      Start(world, seen, volume, plan);
    } else {
      volume.message = "waits for one of the repository's limits.concurrentMovers";
      wait = ForSlot(world);
    }
  }
}

void FailUnstarted(const World& world, Plan& plan) {
  for (std::size_t i = 0; i < world.volumes.size(); ++i)
    if (!IsOver(plan.status.volumes[i]) && !world.volumes[i].job && !world.volumes[i].job_is_coming)
      Fail(plan.status.volumes[i],
           "the BackupPolicy or its BackupRepository was deleted meanwhile");
}

}  // namespace holdfast::controllers::backup
