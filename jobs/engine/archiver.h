// Makes a snapshot of a directory, of a block device or file, of what another program writes, or of
// files that are made here: compares every file with the parent snapshot, reads what changed and
// stores it, on all processors.
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
#include "jobs/engine/dump_reception.h"
#include "jobs/engine/exclude.h"
#include "jobs/engine/meter.h"
#include "jobs/engine/report.h"
#include "jobs/protocol/args.h"
#include "jobs/repo/repository.h"

namespace holdfast::engine {

// A file that is nowhere but in memory; at most 8 MiB.
struct MadeFile {
  std::string name;
  std::string content;
};

struct ArchiveOptions {
  std::string source;  // a directory, a block device or a file
  // The snapshot's host and path. An empty path is the source's own absolute path.
  protocol::Identity identity;
  protocol::BackupType type = protocol::BackupType::kIncremental;
  std::vector<std::string> tags;  // "type=..." is added
  // Anchored patterns start at the source's root when identity.path is given, else, as in restic,
  // at the root of the file system.
  std::vector<std::string> excludes = {};
  std::vector<std::string> iexcludes = {};  // the same, whatever the case of ASCII letters
  // Not empty: `dump`, or without one standard input, is read instead and becomes a file of this
  // name. Without the whole dump there is no snapshot.
  std::string stream_name = {};
  DumpReception* dump = nullptr;
  // Not empty: these, by rising names, are the snapshot, instead of a source; all of the same time,
  // so that the same files are the same tree. Needs identity.path.
  std::vector<MadeFile> made = {};
  bool one_file_system = false;         // other file systems below the source are left out
  std::optional<repo::Id> parent = {};  // compare with this snapshot, whatever the type says
  // Fill in the meter's totals by a scan beside the backup; those of a parent are used without.
  bool count = false;
  std::size_t threads = 0;  // 0: one for each processor this process may use
};

// Invalid, with what to change, for a source that is missing or cannot be backed up (a socket).
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
