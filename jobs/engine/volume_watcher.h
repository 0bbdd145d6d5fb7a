// Waits until a volume has changed and is to be backed up.
//
// The kernel tells of changes (directory_watch.h). What it does not tell is found by scans: every
// entry's ctime is compared with the last time that everything was known. Scans also take over
// where the kernel refuses to tell, and after it told too little.
#pragma once

#include <chrono>
#include <cstddef>
#include <optional>
#include <stop_token>
#include <string>
#include <vector>

#include "base/clock.h"
#include "base/error.h"

namespace holdfast::engine {

inline constexpr std::size_t kMostDirectories = std::size_t{1} << 20;

struct WatchOptions {
  std::string source;
  std::vector<std::string> excludes = {};
  // Changes after it count, by the clock that stamps ctimes. Without it everything counts as
  // changed.
  std::optional<TimePoint> since = {};
  std::chrono::milliseconds quiet_period{10'000};
  std::chrono::milliseconds max_interval{300'000};
  std::size_t most_directories = kMostDirectories;  // for the kernel to tell of
};

struct WatchReport {
  // No change that is not in `since`'s world is older. Earlier than the change where only a scan
  // found it.
  TimePoint changed_since{};
  // For the next watch's `since`: what is stamped later is not part of this report.
  TimePoint changed_until{};
  std::chrono::milliseconds quiet{};  // since the last change, at least
  std::string note;                   // why the kernel's news were not enough; empty: they were
};

// Cancelled when stopped; Invalid for a source or pattern that is none. A directory that cannot be
// read is passed over, as it is missing from backups too.
Result<WatchReport> WatchVolume(const WatchOptions& options, const Clock& clock,
                                std::stop_token stop);

}  // namespace holdfast::engine
