#include "jobs/engine/meter.h"

#include <algorithm>
#include <cmath>
#include <utility>

namespace holdfast::engine {
namespace {

// Half of what the rate says is from the last 7 seconds (10 s * ln 2): steady enough for an ETA,
// quick enough to show a store that slowed down.
constexpr double kSmoothingSeconds = 10;

void Raise(std::atomic<std::uint64_t>& value, std::uint64_t to) {
  std::uint64_t seen = value.load(std::memory_order_relaxed);
  while (seen < to && !value.compare_exchange_weak(seen, to, std::memory_order_relaxed)) {
  }
}

}  // namespace

void Meter::SetPhase(std::string phase) {
  const std::lock_guard lock(mutex_);
  phase_ = std::move(phase);
}

void Meter::SetTotals(std::uint64_t files, std::uint64_t bytes) {
  Raise(files_total_, files);
  Raise(bytes_total_, bytes);
}

void Meter::Finish() {
  Raise(files_total_, files_done_);
  Raise(bytes_total_, bytes_done_);
  Raise(files_done_, files_total_);
  const std::lock_guard lock(mutex_);
  phase_ = "finish";
  // The rate is of bytes that were moved, not of those that were found to need no moving.
  last_bytes_ += bytes_total_ - bytes_done_;
  Raise(bytes_done_, bytes_total_);
}

protocol::Progress Meter::Sample(SteadyTime now) {
  const std::lock_guard lock(mutex_);
  protocol::Progress progress;
  progress.phase = phase_;
  progress.files_done = files_done_.load(std::memory_order_relaxed);
  progress.bytes_done = bytes_done_.load(std::memory_order_relaxed);
  // A volume that grows under the scan must not show more done than there is.
  const std::uint64_t files_total = files_total_.load(std::memory_order_relaxed);
  const std::uint64_t bytes_total = bytes_total_.load(std::memory_order_relaxed);
  if (files_total != 0) progress.files_total = std::max(files_total, progress.files_done);
  if (bytes_total != 0) progress.bytes_total = std::max(bytes_total, progress.bytes_done);

  if (last_sample_ && now > *last_sample_) {
    const double seconds = std::chrono::duration<double>(now - *last_sample_).count();
    const double current = static_cast<double>(progress.bytes_done - last_bytes_) / seconds;
    const double weight = rate_ ? 1 - std::exp(-seconds / kSmoothingSeconds) : 1;
    rate_ = rate_.value_or(0) * (1 - weight) + current * weight;
  }
  last_sample_ = now;
  last_bytes_ = progress.bytes_done;

  const double rate = rate_.value_or(0);
  progress.bytes_per_second = static_cast<std::uint64_t>(rate);
  if (progress.bytes_total != 0 && rate >= 1) {
    const auto left = static_cast<double>(progress.bytes_total - progress.bytes_done);
    progress.eta_seconds = static_cast<std::uint64_t>(std::ceil(left / rate));
  }
  return progress;
}

}  // namespace holdfast::engine
