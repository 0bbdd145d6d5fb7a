// Snapshots: one directory at one time, and who took it (FORMAT.md, "Snapshots").
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "base/bytes.h"
#include "base/clock.h"
#include "base/error.h"
#include "jobs/repo/id.h"

namespace holdfast::repo {

// What a backup did, as restic 0.17 and newer store it.
struct SnapshotSummary {
  TimePoint backup_start{}, backup_end{};
  std::uint64_t files_new = 0, files_changed = 0, files_unmodified = 0;
  std::uint64_t dirs_new = 0, dirs_changed = 0, dirs_unmodified = 0;
  std::uint64_t data_blobs = 0, tree_blobs = 0;
  std::uint64_t data_added = 0;         // bytes of new blobs before compression
  std::uint64_t data_added_packed = 0;  // as stored
  std::uint64_t total_files_processed = 0, total_bytes_processed = 0;

  friend bool operator==(const SnapshotSummary&, const SnapshotSummary&) = default;
};

struct Snapshot {
  Id id;  // the file's name; not part of the JSON, set by whoever loads or saves it
  TimePoint time{};
  std::optional<Id> parent;
  Id tree;
  std::vector<std::string> paths;
  std::string hostname, username;
  std::uint32_t uid = 0, gid = 0;
  std::vector<std::string> excludes;
  std::vector<std::string> tags;
  std::optional<Id> original;
  std::string program_version;
  std::optional<SnapshotSummary> summary;

  friend bool operator==(const Snapshot&, const Snapshot&) = default;
};

std::string EncodeSnapshot(const Snapshot& snapshot);
// Corrupt when malformed. `id` is left null.
Result<Snapshot> DecodeSnapshot(ByteView text);

}  // namespace holdfast::repo
