// Snapshots and files as people and scripts read them.
#pragma once

#include <ostream>
#include <span>
#include <stop_token>
#include <string>

#include "base/error.h"
#include "base/json.h"
#include "jobs/engine/forget.h"
#include "jobs/engine/report.h"
#include "jobs/protocol/backup_record.h"
#include "jobs/repo/repository.h"

namespace holdfast::engine {

// restic's JSON of one entry of a snapshot, struct_type "node".
Json NodeJson(const std::string& path, const repo::Node& node);

// One line each, oldest first; as JSON the members that restic's `snapshots --json` has.
void PrintSnapshots(std::ostream& out, std::span<const repo::Snapshot> snapshots, bool json);

// One line each, in the order given; as JSON protocol::EncodeLine's.
void PrintRecords(std::ostream& out, std::span<const protocol::BackupRecord> records, bool json);

// What retention decided, and why.
void PrintDecisions(std::ostream& out, const ForgetReport& report, bool dry_run);

// Everything below `path` in the snapshot, depth first: paths only, `ls -l` lines, or restic's JSON
// lines of struct_type "node". Returns the directories that cannot be read: what is below them is
// left out. Without `recurse` only what is in `path` itself, and nothing else is read. NotFound
// when the path is not there.
struct TreeFormat {
  bool long_format = false;
  bool json = false;
  bool recurse = true;
};
Result<ProblemList> PrintTree(std::ostream& out, repo::Repository& repository,
                              const repo::Snapshot& snapshot, const std::string& path,
                              const TreeFormat& format, std::stop_token stop);

}  // namespace holdfast::engine
