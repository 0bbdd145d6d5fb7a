// Makes a snapshot of a directory: walks it in the order of its trees, compares every file with the
// parent snapshot, reads what changed and stores it.
//
// A file whose size, mtime, ctime and inode equal its parent's is not opened: its content and
// attributes (a change of which would have moved ctime) are taken over.
#pragma once

#include <cstdint>
#include <optional>
#include <stop_token>
#include <string>
#include <vector>

#include "base/clock.h"
#include "base/error.h"
#include "jobs/engine/exclude.h"
#include "jobs/engine/meter.h"
#include "jobs/engine/report.h"
#include "jobs/protocol/args.h"
#include "jobs/repo/repository.h"

namespace holdfast::engine {

struct ArchiveOptions {
  std::string source;  // the directory to read
  // The snapshot's host and path. An empty path is the source's own absolute path.
  protocol::Identity identity;
  protocol::BackupType type = protocol::BackupType::kIncremental;
  std::vector<std::string> tags;  // "type=..." is added
  // Anchored patterns start at the source's root when identity.path is given, else, as in restic,
  // at the root of the file system.
  std::vector<std::string> excludes;
};

// NotSupported for what is no directory (a file, a block device, "-" for standard input), Invalid
// when nothing is there.
Result<void> CheckSource(const std::string& source);

struct ArchiveReport {
  repo::Snapshot snapshot;  // with id and summary
  ProblemList unreadable;   // files and directories that are missing from the snapshot
  std::uint64_t sockets_skipped = 0;
  std::uint64_t changed_while_read = 0;  // stored as they were read
  std::uint64_t bytes_read = 0;
};

// Saves the snapshot and returns what it holds. The repository's index must be loaded, and a lock
// held. `parents` are the repository's snapshots, from which the type's parent is chosen. Errors
// are those of the repository, an unusable source or pattern (Invalid), and Cancelled; a single
// file that cannot be read is none.
Result<ArchiveReport> Archive(repo::Repository& repository,
                              const std::vector<repo::Snapshot>& parents,
                              const ArchiveOptions& options, Meter& meter, const Clock& clock,
                              std::stop_token stop);

}  // namespace holdfast::engine
