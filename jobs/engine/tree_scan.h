// Reads every different tree below some roots once, in no order, on several threads: for what needs
// to know which blobs are in use, not where.
#pragma once

#include <functional>
#include <span>
#include <stop_token>

#include "base/error.h"
#include "jobs/repo/repository.h"

namespace holdfast::engine {

struct TreeScan {
  // Asked for every mention of a tree; true the first time. False leaves it and what is below out.
  std::function<Result<bool>(const repo::Id&)> claim;
  // Gets each claimed tree with all its nodes, or why it cannot be read; an Error ends the scan.
  // Trees below it are claimed afterwards.
  std::function<Result<void>(const repo::Id&, const Result<repo::Tree>&)> visit;
};

// Both functions are called by one thread at a time. Holds a few decoded trees and the ids that are
// still to be read, 32 bytes each. Cancelled when stopped.
Result<void> ScanTrees(repo::Repository& repository, std::span<const repo::Id> roots,
                       const TreeScan& scan, std::stop_token stop);

}  // namespace holdfast::engine
