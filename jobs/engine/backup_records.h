// Which Backups the snapshots of a repository belong to, by the tags that the operator gives them.
#pragma once

#include <chrono>
#include <cstdint>
#include <span>
#include <string>
#include <vector>

#include "jobs/protocol/backup_record.h"
#include "jobs/repo/snapshot.h"

namespace holdfast::engine {

struct RecordFilter {
  std::string cluster;  // empty: of any
  std::string ns;       // empty: any
};

// The Backups that Holdfast's snapshots belong to.
struct BackupsRequest {
  RecordFilter filter;
  std::uint64_t newest = 0;  // no more than so many; 0 is all
  bool complete = false;     // leaves out what may still be under way (DropUnfinished)
  // Waits until there are others than those of which this is protocol::DigestOf, looking each
  // `every`, and no longer than `patience`. Empty: does not wait.
  std::string unlike;
  std::chrono::seconds every{10};
  std::chrono::seconds patience{0};
};

// The newest first. A snapshot counts when it has the tags backup= and policy= of one namespace,
// and a path /<that namespace>/<claim>; what others stored has not. Of two snapshots of one claim
// in one Backup (a mover that was killed at its very end, and its successor) the newer counts.
std::vector<protocol::BackupRecord> RecordsOf(std::span<const repo::Snapshot> snapshots,
                                              const RecordFilter& filter);

// Leaves out what may still be under way: of each policy the newest Backup, as long as it has
// fewer volumes than its run was of. A newer one beside it shows that it is over.
void DropUnfinished(std::vector<protocol::BackupRecord>& records);

}  // namespace holdfast::engine
