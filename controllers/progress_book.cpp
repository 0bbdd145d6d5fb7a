#include "controllers/progress_book.h"

#include "controllers/mover_job.h"

namespace holdfast::controllers {
namespace {

// A log that could not be read: its node may be gone, and each try takes until the timeout.
constexpr std::chrono::minutes kUnreadablePause{1};

}  // namespace

std::optional<protocol::Progress> ProgressBook::Read(const Context& context, const JobView& job,
                                                     const std::string& pod, std::stop_token stop) {
  const std::chrono::seconds period = context.settings.progress_period;
  const TimePoint now = context.clock.Now();
  // In its first moments a mover has nothing to tell that is worth a request.
  const bool is_new = now < job.created + period;
  if (is_new || !MayRead(job.uid, now)) return Last(job.uid);
  const auto begun = std::chrono::steady_clock::now();
  Result<std::string> log =
      context.api.PodLog({job.key.ns, pod}, {.container = kMoverContainer}, std::move(stop));
  const auto took = std::chrono::steady_clock::now() - begun;
  Note(job.uid, now, took, log ? std::optional(*std::move(log)) : std::nullopt, period);
  return Last(job.uid);
}

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

}  // namespace holdfast::controllers
