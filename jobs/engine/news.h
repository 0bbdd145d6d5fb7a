// Waits for Backups that others store in a repository, for a standby that follows them. Nobody is
// kept waiting by it: it takes no lock, and asks for the list of snapshots alone while that is
// still.
#pragma once

#include <span>
#include <stop_token>
#include <vector>

#include "jobs/engine/session.h"
#include "jobs/engine/verbs.h"
#include "jobs/protocol/backup_record.h"
#include "jobs/repo/snapshot.h"
#include "jobs/storage/sleeper.h"

namespace holdfast::engine {

struct RecordList {
  std::vector<protocol::BackupRecord> records;  // the newest first
  bool more = false;                            // older ones were left out
};

// What of these snapshots the request asks for.
RecordList ListRecords(std::span<const repo::Snapshot> snapshots, const BackupsRequest& request);

// False when request.patience is over and nothing is new. The session has its repository open, and
// needs no lock. A snapshot that cannot be read is passed over: the listing that follows tells.
Try<bool> AwaitNews(Session& session, const BackupsRequest& request, storage::Sleeper& sleeper,
                    std::stop_token stop);

}  // namespace holdfast::engine
