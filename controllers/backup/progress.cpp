#include "controllers/backup/progress.h"

#include "controllers/backup/mounts.h"
#include "controllers/mover_job.h"
#include "controllers/mover_run.h"

namespace holdfast::controllers::backup {
namespace {

// A mover that has not started by then may be held up where it is.
constexpr std::chrono::seconds kLongWait{10};

bool WaitsLong(const World& world, const VolumeWorld& seen) {
  return seen.mover.phase == MoverPhase::kWaiting && !seen.job->deleting &&
         world.now - seen.job->created >= kLongWait;
}

std::optional<GoodSize> LastGoodSize(const Caches& caches, const crds::Backup& backup,
                                     const std::string& claim) {
  const std::string policy = backup.metadata.namespace_ + "/" + backup.spec.policy;
  std::optional<GoodSize> good;
  std::optional<TimePoint> when;
  for (const auto& [key, other] : caches.backups.Find(index::kPolicy, policy)) {
    const crds::BackupStatus& status = other->status;
    if (status.phase != crds::BackupPhase::kSucceeded || status.completion_time < when) continue;
    for (const crds::VolumeBackup& volume : status.volumes) {
      if (volume.claim != claim) continue;
      good = GoodSize{key.name, volume.bytes};
      when = status.completion_time;
    }
  }
  return good;
}

}  // namespace

Result<void> LookAtMovers(const Context& context, ProgressBook& book, World& world,
                          std::stop_token stop) {
  bool waits = false;
  for (VolumeWorld& seen : world.volumes) {
    if (!seen.job) continue;
    seen.mover = LookAtMover(context, *seen.job, stop);
    if (seen.mover.phase == MoverPhase::kSucceeded)
      seen.last_good = LastGoodSize(context.caches, world.backup, seen.claim);
    if (seen.mover.phase == MoverPhase::kRunning)
      seen.progress = book.Read(context, *seen.job, seen.mover.pod, stop);
    else
      book.Forget(seen.job->uid);
    waits = waits || WaitsLong(world, seen);
  }
  return waits ? LookWherePodsAre(context, world, std::move(stop)) : Result<void>();
}

}  // namespace holdfast::controllers::backup
