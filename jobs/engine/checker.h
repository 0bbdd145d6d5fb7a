// Checks that a repository holds everything its snapshots need.
#pragma once

#include <cstdint>
#include <limits>
#include <stop_token>
#include <string_view>
#include <vector>

#include "base/error.h"
#include "jobs/engine/meter.h"
#include "jobs/engine/report.h"
#include "jobs/repo/repository.h"

namespace holdfast::engine {

// Which packs to read: none, all, or a part.
struct DataSubset {
  static constexpr std::uint64_t kAllBytes = std::numeric_limits<std::uint64_t>::max();

  // restic's n/m: those whose id's first byte, modulo m, is n - 1; so that m runs read all.
  unsigned bucket = 1, buckets = 1;
  double percent = 100;             // of the packs, at random
  std::uint64_t bytes = kAllBytes;  // about so much, at random

  static DataSubset None() { return {1, 1, 0, 0}; }
  static DataSubset All() { return {}; }
  bool empty() const { return percent <= 0 || bytes == 0; }
};

// "2/5", "10%" or "50Gi". Invalid otherwise.
Result<DataSubset> ParseDataSubset(std::string_view text);

struct CheckReport {
  std::uint64_t snapshots = 0;
  std::uint64_t trees = 0;  // different ones
  std::uint64_t packs = 0;
  std::uint64_t packs_read = 0;    // whole, with every blob opened
  std::uint64_t stored_bytes = 0;  // of packs
  std::uint64_t unused_packs = 0;  // in no index: left by an interrupted run; harmless
  ProblemList damage;
};

// Structure: every pack of the index is there with the size the index implies, every snapshot's
// trees can be read, all their blobs are in the index, and key files match their names. The packs
// of `read_data` are fetched and their hash, header and blobs compared too (kPackReaders packs in
// memory at a time). Remembers the id of each tree, about 60 bytes. `snapshots` were listed before
// the index was loaded. Errors: the repository cannot be listed, Cancelled; damage is in the
// report.
Result<CheckReport> Check(repo::Repository& repository,
                          const std::vector<repo::Snapshot>& snapshots, const DataSubset& read_data,
                          Meter& meter, std::stop_token stop);

// Of these snapshots alone: their trees are read, and every pack that holds content of theirs is
// fetched and compared as above. The same errors; a pack that is not there is damage.
Result<CheckReport> CheckSnapshots(repo::Repository& repository,
                                   const std::vector<repo::Snapshot>& snapshots, Meter& meter,
                                   std::stop_token stop);

}  // namespace holdfast::engine
