// How much some snapshots hold, counted in restic's four ways.
#pragma once

#include <cstdint>
#include <span>
#include <stop_token>
#include <string_view>

#include "base/error.h"
#include "jobs/engine/report.h"
#include "jobs/repo/repository.h"

namespace holdfast::engine {

enum class StatsMode {
  kRestoreSize,      // what restoring all of them writes; hard links of one snapshot once
  kFilesByContents,  // each different content once
  kBlobsPerFile,     // each piece of a file's content once per path
  kRawData,          // what it takes in the repository
};

// "restore-size", "files-by-contents", "blobs-per-file", "raw-data". Invalid otherwise.
Result<StatsMode> ParseStatsMode(std::string_view text);

struct StatsReport {
  std::uint64_t snapshots = 0;
  std::uint64_t files = 0;  // all entries, as restic counts; not for raw data
  std::uint64_t blobs = 0;  // blobs-per-file and raw-data
  std::uint64_t bytes = 0;
  std::uint64_t uncompressed = 0;  // raw-data: before compression
  ProblemList damaged;             // what cannot be read and is in none of the figures
};

// files-by-contents takes about 50 bytes for each different
// content, blobs-per-file as much for each piece of each path.
Result<StatsReport> CountStats(repo::Repository& repository,
                               std::span<const repo::Snapshot> snapshots, StatsMode mode,
                               std::stop_token stop);

}  // namespace holdfast::engine
