// Copies snapshots into another repository: what is sealed with one key is opened and sealed with
// the other.
#pragma once

#include <cstdint>
#include <stop_token>
#include <vector>

#include "base/error.h"
#include "jobs/engine/meter.h"
#include "jobs/engine/report.h"
#include "jobs/repo/repository.h"

namespace holdfast::engine {

struct CopyReport {
  std::vector<repo::Id> copied;  // their ids at the destination, oldest first
  std::uint64_t skipped = 0;     // snapshots that are there already
  std::uint64_t bytes = 0;       // content moved
  std::uint64_t bytes_added = 0;
  ProblemList damaged;  // snapshots that were not copied, each with the first thing it lacks
};

// The repositories' indexes must be loaded; `there` are the destination's snapshots. A snapshot is
// at the destination already when one there has the same `original` and says the same, as restic
// tells it. Each pack is read once, by ranges, whatever the number of snapshots; then the snapshots
// are saved, oldest first. An interrupted copy is continued by the next: what was stored is not
// sent again. Takes 9 bytes for each blob of the source beside its index.
//
// Only whole snapshots are saved: one that uses something that cannot be read is not, and is named.
// What else it uses may have been stored; the next copy takes it up, or prune removes it. Once
// something is found damaged, the trees that arrived are read back.
//
// Invalid when both are the same repository.
Result<CopyReport> Copy(repo::Repository& from, const std::vector<repo::Snapshot>& snapshots,
                        repo::Repository& to, const std::vector<repo::Snapshot>& there,
                        Meter& meter, std::stop_token stop);

}  // namespace holdfast::engine
