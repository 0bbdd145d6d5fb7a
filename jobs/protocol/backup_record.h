// A Backup as its snapshots in a repository tell it: what the verb "backups" prints, one JSON
// object a line, the newest first, and what the operator makes objects of in a cluster that does
// not know them (import). Unknown members are ignored, so that either side may be newer.
//
//   {"type":"backup","cluster":"prod","namespace":"shop","name":"nightly-20260801-1200",
//    "policy":"nightly","statefulSet":"db","backupType":"full","start":"...","end":"...",
//    "volumes":[{"claim":"data-db-0","pod":"db-0","snapshot":"...","files":12,"bytes":4096}],
//    "manifests":[{"statefulSet":"db","snapshot":"...","files":5,"bytes":3000}],"expected":1}
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/clock.h"
#include "jobs/protocol/args.h"

namespace holdfast::protocol {

struct RecordedVolume {
  std::string claim;
  std::string pod;       // empty when it is not known
  std::string snapshot;  // 64 hex digits
  std::uint64_t files = 0;
  std::uint64_t bytes = 0;

  friend bool operator==(const RecordedVolume&, const RecordedVolume&) = default;
};

// The snapshot of a workload's manifests; of them, the StatefulSet's name is all there is to know.
struct RecordedManifests {
  std::string stateful_set;
  std::string snapshot;  // 64 hex digits
  std::uint64_t files = 0;
  std::uint64_t bytes = 0;

  friend bool operator==(const RecordedManifests&, const RecordedManifests&) = default;
};

struct BackupRecord {
  std::string cluster;  // the snapshots' hostname
  std::string ns;
  std::string name;
  std::string policy;
  std::string stateful_set;
  BackupType type = BackupType::kIncremental;
  TimePoint start{};                    // of the first volume
  TimePoint end{};                      // of the last one; where no snapshot tells, `start`
  std::vector<RecordedVolume> volumes;  // by claim
  std::vector<RecordedManifests> manifests = {};  // by StatefulSet
  std::uint64_t expected = 0;  // volumes that its run was of; 0: not known

  friend bool operator==(const BackupRecord&, const BackupRecord&) = default;
};

std::string EncodeLine(const BackupRecord& record);  // with the newline

// nullopt for any other line.
std::optional<BackupRecord> DecodeBackupRecord(std::string_view line);

// All in a piece of log, in its order. A last line without its end is left out.
std::vector<BackupRecord> BackupRecordsIn(std::string_view log);

// The same for the same records in the same order, and for no others.
std::string DigestOf(const std::vector<BackupRecord>& records);

}  // namespace holdfast::protocol
