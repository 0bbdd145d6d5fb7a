// A few threads that carry out jobs, the most urgent first. Jobs post further jobs; the run is over
// when none is left, or when one failed.
#pragma once

#include <array>
#include <condition_variable>
#include <cstddef>
#include <memory>
#include <mutex>
#include <optional>
#include <stop_token>
#include <vector>

#include "base/error.h"

namespace holdfast::engine {

class WorkPool {
 public:
  class Job {
   public:
    virtual ~Job() = default;
    // An Error ends the whole run. Requested stops are to be noticed within milliseconds.
    virtual Result<void> Run(std::stop_token stop) = 0;
  };

  // How many jobs of each urgency may run at the same time; the first is the most urgent.
  using Limits = std::vector<std::size_t>;

  // `threads` counts the one that calls Run.
  WorkPool(std::size_t threads, const Limits& limits);

  // From any thread. Jobs of one urgency run last in, first out: what is nearly done is finished
  // before more is begun, which bounds the memory of a walk by its depth.
  void Post(std::size_t urgency, std::unique_ptr<Job> job);

  // Works until no job is left. The first Error of a job, or Cancelled; jobs that did not run are
  // dropped then.
  Result<void> Run(std::stop_token stop);

 private:
  struct Level {
    std::vector<std::unique_ptr<Job>> waiting;
    std::size_t running = 0;
    std::size_t limit = 0;
  };
  using Lock = std::unique_lock<std::mutex>;

  void Work();
  Level* NextLevel();
  bool Idle() const;
  void Finished(Level& level, Result<void> result);

  const std::size_t threads_;
  std::mutex mutex_;  // guards all below
  std::condition_variable changed_;
  std::vector<Level> levels_;
  std::size_t running_ = 0;
  std::optional<Error> failure_;
  std::stop_source stop_;
};

}  // namespace holdfast::engine
