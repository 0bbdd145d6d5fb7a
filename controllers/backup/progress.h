// What the movers of a run do now, and the progress that they tell in their logs.
#pragma once

#include <chrono>
#include <mutex>
#include <optional>
#include <stop_token>
#include <string>
#include <unordered_map>

#include "controllers/backup/world.h"
#include "controllers/context.h"
#include "jobs/protocol/progress.h"

namespace holdfast::controllers::backup {

// The last progress of each mover, and when its log may be read next. Progress is a courtesy: it
// takes a fifth of a worker's time at most, however many movers there are and however slowly their
// nodes answer. Losing the book costs nothing.
//
// Threads: safe from many threads.
class ProgressBook {
 public:
  bool MayRead(const std::string& job_uid, TimePoint now) const;
  // Of a log that was read at `now` in the time it `took`; nullopt for one that could not be.
  void Note(const std::string& job_uid, TimePoint now, std::chrono::nanoseconds took,
            std::optional<std::string> log, std::chrono::seconds period);
  std::optional<protocol::Progress> Last(const std::string& job_uid) const;
  void Forget(const std::string& job_uid);

 private:
  struct Entry {
    TimePoint next;
    std::optional<protocol::Progress> progress;
  };
  mutable std::mutex mutex_;
  std::unordered_map<std::string, Entry> entries_;
  TimePoint next_;  // of any log
};

// Of each volume that has a Job: what its mover does, how far it is, and what that is judged by
// (last_good). Where pods mount the volumes, when a mover waits long. A log that cannot be read
// costs a percentage, no more.
Result<void> LookAtMovers(const Context& context, ProgressBook& book, World& world,
                          std::stop_token stop);

}  // namespace holdfast::controllers::backup
