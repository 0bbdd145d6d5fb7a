// The progress that movers tell in their logs, read now and then.
#pragma once

#include <chrono>
#include <mutex>
#include <optional>
#include <stop_token>
#include <string>
#include <unordered_map>

#include "controllers/context.h"
#include "controllers/views.h"
#include "jobs/protocol/progress.h"

namespace holdfast::controllers {

// The last progress of each mover, and when its log may be read next. Progress is a courtesy: it
// takes a fifth of a worker's time at most, however many movers there are and however slowly their
// nodes answer. Losing the book costs nothing.
//
// Threads: safe from many threads.
class ProgressBook {
 public:
  // How far the running mover of `job` is, whose pod is `pod`: by its log when that may be read
  // again, else as it was read before. A log that cannot be read costs a percentage, no more.
  std::optional<protocol::Progress> Read(const Context& context, const JobView& job,
                                         const std::string& pod, std::stop_token stop);
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

}  // namespace holdfast::controllers
