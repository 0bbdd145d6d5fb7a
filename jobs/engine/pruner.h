// Frees what no snapshot uses: whole packs at once, partly used packs by moving what is in use into
// new ones.
//
// The order survives power loss at every operation, and a second run finishes what the first left:
// new packs, index files for them, index files without the packs that go, then the old index files
// are removed, then the packs. At every moment each index file lists packs that are there, and each
// blob in use is listed.
#pragma once

#include <cstdint>
#include <limits>
#include <optional>
#include <stop_token>
#include <string_view>
#include <vector>

#include "base/error.h"
#include "jobs/engine/meter.h"
#include "jobs/engine/object_lock.h"
#include "jobs/repo/repository.h"

namespace holdfast::engine {

// How much of a repository may stay unused, because moving what lies beside it costs more than the
// space is worth.
struct UnusedLimit {
  double percent = 5;       // of the repository as it will be
  std::uint64_t bytes = 0;  // instead, when `percent` is negative
  static constexpr std::uint64_t kUnlimited = std::numeric_limits<std::uint64_t>::max();

  std::uint64_t For(std::uint64_t used_bytes) const;
};

// "5%", "2Gi", "unlimited". Invalid otherwise.
Result<UnusedLimit> ParseUnusedLimit(std::string_view text);

struct PruneOptions {
  UnusedLimit max_unused = {};
  // Bytes to move at most, so that one run has an end; what stays unused waits for the next.
  std::uint64_t max_repack = std::numeric_limits<std::uint64_t>::max();
  // Version 2: also packs with blobs that are not compressed.
  bool repack_uncompressed = false;
  bool dry_run = false;
  // Where the store retains objects: packs that it would keep for long yet are not moved.
  std::optional<Retained> retained = {};
};

struct PruneReport {
  std::uint64_t leftovers = 0;      // files of writers that died, removed; not estimated
  std::uint64_t packs_removed = 0;  // those repacked, and those in no index, among them
  std::uint64_t packs_repacked = 0;
  std::uint64_t bytes_repacked = 0;  // moved into new packs
  std::uint64_t bytes_freed = 0;     // of packs; with dry_run: an estimate
  std::uint64_t bytes_unused = 0;    // left in packs that stay
  std::uint64_t bytes_stored = 0;    // of all packs afterwards
  // What the store retains although nobody needs it: packs that were removed, and what is unused in
  // packs that were left alone for that reason.
  std::uint64_t bytes_retained = 0;
  std::optional<TimePoint> retained_until;  // the last of it
};

// `snapshots` must be all there are, listed before the index was loaded, under an exclusive lock:
// with it nobody writes, so that a pack in no index is garbage of an interrupted run and no pack of
// a backup under way. The repository object is of no use afterwards: its index still knows what is
// gone. Beside the index it takes 9 bytes a blob and about 100 a pack, 16 more for each blob that
// is stored twice.
//
// Corrupt, with nothing removed, when a tree cannot be read, or when something in use lies in no
// pack that is there with the right size. Only what is in use and lies in a pack that is to go is
// read.
Result<PruneReport> Prune(repo::Repository& repository,
                          const std::vector<repo::Snapshot>& snapshots, const PruneOptions& options,
                          Meter& meter, std::stop_token stop);

}  // namespace holdfast::engine
