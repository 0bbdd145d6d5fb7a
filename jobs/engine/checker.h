// Checks that a repository holds everything its snapshots need.
#pragma once

#include <cstdint>
#include <stop_token>
#include <vector>

#include "base/error.h"
#include "jobs/engine/meter.h"
#include "jobs/engine/report.h"
#include "jobs/repo/repository.h"

namespace holdfast::engine {

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
// trees can be read and all their blobs are in the index. With `read_data` every pack is fetched
// and its hash, header and blobs compared too (one pack in memory at a time). Remembers the id of
// each tree, about 60 bytes. `snapshots` were listed before the index was loaded. Errors: the
// repository cannot be listed, Cancelled; damage is in the report.
Result<CheckReport> Check(repo::Repository& repository,
                          const std::vector<repo::Snapshot>& snapshots, bool read_data,
                          Meter& meter, std::stop_token stop);

}  // namespace holdfast::engine
