// Counts what a verb has done and turns it into progress: totals, a smoothed rate, an ETA.
#pragma once

#include <atomic>
#include <chrono>
#include <cstdint>
#include <mutex>
#include <optional>
#include <string>

#include "jobs/protocol/progress.h"

namespace holdfast::engine {

// Safe from many threads; counting takes no lock.
class Meter {
 public:
  using SteadyTime = std::chrono::steady_clock::time_point;

  void SetPhase(std::string phase);
  // Totals only grow: a smaller number than was shown before is ignored, 0 included.
  void SetTotals(std::uint64_t files, std::uint64_t bytes);
  std::uint64_t bytes_total() const { return bytes_total_.load(std::memory_order_relaxed); }
  void AddFiles(std::uint64_t files) { files_done_.fetch_add(files, std::memory_order_relaxed); }
  void AddBytes(std::uint64_t bytes) { bytes_done_.fetch_add(bytes, std::memory_order_relaxed); }

  // All work is done: from now on what is done and the totals are equal, at the larger of the two.
  // What could not be read counts as dealt with; the verb's result tells how much that was. Nothing
  // may be counted afterwards.
  void Finish();

  // The state now, and the rate since earlier calls: call it about once a second, from one place.
  protocol::Progress Sample(SteadyTime now);

 private:
  std::atomic<std::uint64_t> files_done_{0}, bytes_done_{0};
  std::atomic<std::uint64_t> files_total_{0}, bytes_total_{0};

  std::mutex mutex_;  // guards the rest
  std::string phase_ = "scan";
  std::optional<SteadyTime> last_sample_;
  std::uint64_t last_bytes_ = 0;
  std::optional<double> rate_;  // bytes per second
};

}  // namespace holdfast::engine
