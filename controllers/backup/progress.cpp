#include "controllers/backup/progress.h"

#include <algorithm>

#include "controllers/backup/mounts.h"
#include "controllers/mover_job.h"
#include "controllers/mover_run.h"

namespace holdfast::controllers::backup {
namespace {

// A log that could not be read: its node may be gone, and each try takes until the timeout.
constexpr std::chrono::minutes kUnreadablePause{1};

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

std::optional<protocol::Progress> ReadProgress(const Context& context, ProgressBook& book,
                                               const JobView& job, const std::string& pod,
                                               TimePoint now, std::stop_token stop) {
  const std::chrono::seconds period = context.settings.progress_period;
  // In its first moments a mover has nothing to tell that is worth a request.
  const bool is_new = now < job.created + period;
  if (is_new || !book.MayRead(job.uid, now)) return book.Last(job.uid);
  const auto begun = std::chrono::steady_clock::now();
  Result<std::string> log =
      context.api.PodLog({job.key.ns, pod}, {.container = kMoverContainer}, std::move(stop));
  const auto took = std::chrono::steady_clock::now() - begun;
  book.Note(job.uid, now, took, log ? std::optional(*std::move(log)) : std::nullopt, period);
  return book.Last(job.uid);
}

}  // namespace

bool ProgressBook::MayRead(const std::string& job_uid, TimePoint now) const {
  const std::lock_guard lock(mutex_);
  const auto found = entries_.find(job_uid);
  return now >= next_ && (found == entries_.end() || now >= found->second.next);
}

void ProgressBook::Note(const std::string& job_uid, TimePoint now, std::chrono::nanoseconds took,
                        std::optional<std::string> log, std::chrono::seconds period) {
  const std::lock_guard lock(mutex_);
  next_ = now + std::chrono::duration_cast<TimePoint::duration>(4 * took);
  Entry& entry = entries_[job_uid];
  // Half a period: the timer that brings us here may be early.
  entry.next = now + (log ? std::chrono::duration_cast<TimePoint::duration>(period) / 2
                          : std::chrono::duration_cast<TimePoint::duration>(kUnreadablePause));
  if (log) entry.progress = protocol::LastProgress(*log);
}

std::optional<protocol::Progress> ProgressBook::Last(const std::string& job_uid) const {
  const std::lock_guard lock(mutex_);
  const auto found = entries_.find(job_uid);
  return found == entries_.end() ? std::nullopt : found->second.progress;
}

void ProgressBook::Forget(const std::string& job_uid) {
  const std::lock_guard lock(mutex_);
  entries_.erase(job_uid);
}

Result<void> LookAtMovers(const Context& context, ProgressBook& book, World& world,
                          std::stop_token stop) {
  bool waits = false;
  for (VolumeWorld& seen : world.volumes) {
    if (!seen.job) continue;
    seen.mover = LookAtMover(context, *seen.job, stop);
    if (seen.mover.phase == MoverPhase::kSucceeded)
      seen.last_good = LastGoodSize(context.caches, world.backup, seen.claim);
    if (seen.mover.phase == MoverPhase::kRunning)
      seen.progress = ReadProgress(context, book, *seen.job, seen.mover.pod, world.now, stop);
    else
      book.Forget(seen.job->uid);
    waits = waits || WaitsLong(world, seen);
  }
  return waits ? LookWherePodsAre(context, world, std::move(stop)) : Result<void>();
}

}  // namespace holdfast::controllers::backup
