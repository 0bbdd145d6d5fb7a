#include "controllers/backup/ending.h"

#include <algorithm>

#include "base/wording.h"
#include "controllers/backup/copies.h"
#include "controllers/backup/manifests.h"
#include "controllers/backup/staging.h"
#include "controllers/backup/totals.h"
#include "controllers/backup/volumes.h"
#include "controllers/reasons.h"

namespace holdfast::controllers::backup {
namespace {

using crds::BackupPhase;
using crds::BackupStatus;
using crds::RunState;
using crds::VolumeBackup;

int CountSucceeded(const BackupStatus& status) {
  return static_cast<int>(
      std::ranges::count(status.volumes, RunState::kSucceeded, &VolumeBackup::state));
}

std::string SuccessText(const BackupStatus& status) {
  std::string text = VolumesAndDumps(status) + ", " + status.size + ", of which " + status.added +
                     " are new in the repository";
  if (status.unreadable.value_or(0) > 0)
    text += "; " + Counted(static_cast<std::uint64_t>(*status.unreadable), "file") +
            " could not be read";
  return text;
}

std::string FailureText(const BackupStatus& status) {
  const int failed = static_cast<int>(status.volumes.size()) - CountSucceeded(status);
  if (failed == 0) return MissingManifests(status);
  std::string text = std::to_string(failed) + " of " + VolumesAndDumps(status) + " failed";
  for (const VolumeBackup& volume : status.volumes)
    if (volume.state == RunState::kFailed)
      return text + "; " + volume.claim + ": " + volume.message;
  return text;
}

// How a copy's Job ended is recorded after the Backup itself is over.
bool IsRecorded(const World& world, const JobView& job) {
  for (const crds::BackupCopy& copy : world.backup.status.copies)
    if (CopyJobName(world.backup, copy) == job.key.name)
      return copy.state == RunState::kSucceeded || copy.state == RunState::kFailed;
  return true;
}

// A claim cannot go while a pod that mounts it exists, so staged ones take their mover's Job along.
bool ReadsStaged(const World& world, const JobView& job) {
  return std::ranges::any_of(world.backup.status.volumes, [&](const VolumeBackup& volume) {
    return IsStaged(volume) && JobNameFor(world.backup, volume.claim) == job.key.name;
  });
}

}  // namespace

void Finish(const World& world, BackupStatus& status) {
  EndManifests(status);
  const int succeeded = CountSucceeded(status);
  const bool all =
      succeeded == static_cast<int>(status.volumes.size()) && MissingManifests(status).empty();
  status.phase = all              ? BackupPhase::kSucceeded
                 : succeeded == 0 ? BackupPhase::kFailed
                                  : BackupPhase::kPartiallyFailed;
  status.completion_time = std::chrono::floor<std::chrono::seconds>(world.now);
  if (!status.start_time) status.start_time = status.completion_time;
  if (world.policy != nullptr) OweCopies(*world.policy, status);
  SetSums(status);
  const std::int64_t generation = world.backup.metadata.generation;
  if (all)
    crds::SetReady(status.conditions, {generation, reason::kSucceeded, SuccessText(status)},
                   world.now);
  else
    crds::SetStalled(status.conditions,
                     {generation, succeeded == 0 ? reason::kFailed : reason::kPartiallyFailed,
                      FailureText(status)},
                     world.now);
}

Plan CleanUp(const World& world, Plan plan) {
  for (const JobView& job : world.jobs)
    if (job.Finished() && !job.expires && !job.deleting && IsRecorded(world, job) &&
        !ReadsStaged(world, job))
      plan.expire.push_back(job);
  DecideCopies(world, plan);
  if (const auto left = RemoveStaged(world, plan))
    plan.requeue = Sooner(plan.requeue, RequeueAt(*left));
  return plan;
}

}  // namespace holdfast::controllers::backup
