// Waits for Backups that others store in a repository, for a standby that follows them. Nobody is
// kept waiting by it: it takes no lock, and asks for the list of snapshots alone while that is
// still.
#pragma once

#include <span>
#include <stop_token>
#include <vector>

#include "base/error.h"
#include "jobs/engine/backup_records.h"
#include "jobs/protocol/backup_record.h"
#include "jobs/repo/repository.h"
#include "jobs/repo/snapshot.h"
#include "jobs/storage/backend.h"
#include "jobs/storage/sleeper.h"

namespace holdfast::engine {

struct RecordList {
  std::vector<protocol::BackupRecord> records;  // the newest first
  bool more = false;                            // older ones were left out
};

// What of these snapshots the request asks for.
RecordList ListRecords(std::span<const repo::Snapshot> snapshots, const BackupsRequest& request);

// False when request.patience is over and nothing is new. `storage` is what the repository lies in.
// A snapshot that cannot be read is passed over: the listing that follows tells. Cancelled, and the
// storage's errors.
Result<bool> AwaitNews(repo::Repository& repository, storage::Backend& storage,
                       const BackupsRequest& request, storage::Sleeper& sleeper,
                       std::stop_token stop);

}  // namespace holdfast::engine
