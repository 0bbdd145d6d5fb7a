// What changed between two snapshots.
#pragma once

#include <cstdint>
#include <functional>
#include <stop_token>
#include <string>

#include "base/error.h"
#include "jobs/engine/report.h"
#include "jobs/repo/repository.h"

namespace holdfast::engine {

struct DiffSide {
  std::uint64_t files = 0, dirs = 0, others = 0;
  std::uint64_t data_blobs = 0, tree_blobs = 0;  // that only this side uses
  std::uint64_t bytes = 0;                       // of those, as stored
};

struct DiffReport {
  std::uint64_t changed_files = 0;
  DiffSide added, removed;
  ProblemList damaged;  // directories that cannot be compared, and pieces that no figure counts
};

// `marks` as restic has them: + added, - removed, M content changed, U metadata changed, T type
// changed; several may stand together. A directory's path ends with a slash.
using DiffChange = std::function<void(const std::string& marks, const std::string& path)>;

// Calls `change` for each difference, depth first by name. Subtrees with one id are not read for
// that; for the figures on blobs every tree of both is read once. A directory that cannot be read
// on one side is left out on both.
Result<DiffReport> Diff(repo::Repository& repository, const repo::Id& before, const repo::Id& after,
                        bool metadata, const DiffChange& change, std::stop_token stop);

}  // namespace holdfast::engine
