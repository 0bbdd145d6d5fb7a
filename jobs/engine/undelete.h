// Bringing back what was removed or replaced in a place that keeps versions: after somebody had the
// store's keys.
#pragma once

#include <cstdint>
#include <optional>
#include <ostream>
#include <stop_token>
#include <vector>

#include "base/clock.h"
#include "base/error.h"
#include "jobs/storage/backend.h"

namespace holdfast::engine {

struct UndeleteOptions {
  TimePoint since{};  // what was done later is undone
  bool dry_run = false;
};

struct UndeleteReport {
  std::uint64_t markers = 0;   // removed: each hid an object
  std::uint64_t replaced = 0;  // versions removed that somebody put on top of an object
  // Objects copied to the top, since the store holds what was put there; not estimated.
  std::uint64_t copied = 0;
};

// What is to be removed of the versions of one object, so that it is as it was at `since`. An
// object is written once and never changed: of one that is newer, its oldest version is the true
// one, and stays. Pure.
std::vector<storage::ObjectVersion> VersionsToRemove(
    const std::vector<storage::ObjectVersion>& of_one_object, TimePoint since);

// The one that was seen at `since`, of an object that is newer its oldest one; nothing of an object
// that was removed before. Pure.
std::optional<storage::ObjectVersion> TrueVersion(
    const std::vector<storage::ObjectVersion>& of_one_object, TimePoint since);

// Locks stay as they are. Lists on `out`, a line each, what a dry run would do. Takes about 250
// bytes for each version that is there.
Result<UndeleteReport> Undelete(storage::Backend& storage, const UndeleteOptions& options,
                                std::ostream& out, std::stop_token stop);

}  // namespace holdfast::engine
