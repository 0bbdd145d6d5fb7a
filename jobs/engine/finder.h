// Finds files by name in snapshots.
#pragma once

#include <cstdint>
#include <optional>
#include <ostream>
#include <span>
#include <stop_token>
#include <string>
#include <vector>

#include "base/clock.h"
#include "base/error.h"
#include "jobs/engine/report.h"
#include "jobs/repo/repository.h"

namespace holdfast::engine {

struct FindOptions {
  // As in exclude.h; an entry is found when one names it itself, not a directory above.
  std::vector<std::string> patterns;
  bool ignore_case = false;                         // of ASCII letters
  std::optional<repo::NodeType> type = {};          // only these
  std::optional<TimePoint> newer = {}, older = {};  // than which it was last modified
};

// "f", "d" or "l" and the types' names. Invalid otherwise.
Result<repo::NodeType> ParseNodeType(std::string_view text);

struct FindReport {
  std::uint64_t found = 0;
  ProblemList damaged;  // directories that cannot be read, so that nothing below them is found
};

// Prints what is found, snapshot by snapshot; as JSON one object a line with the snapshot's id.
Result<FindReport> Find(std::ostream& out, repo::Repository& repository,
                        std::span<const repo::Snapshot> snapshots, const FindOptions& options,
                        bool json, std::stop_token stop);

}  // namespace holdfast::engine
