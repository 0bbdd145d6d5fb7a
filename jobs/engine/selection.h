// Which snapshot is meant. A volume's snapshots are told by host and path together.
#pragma once

#include <optional>
#include <span>
#include <stop_token>
#include <string>
#include <string_view>
#include <vector>

#include "base/clock.h"
#include "jobs/protocol/args.h"
#include "jobs/repo/repository.h"

namespace holdfast::engine {

bool HasTag(const repo::Snapshot& snapshot, std::string_view tag);

// The snapshot was taken on that host and of exactly that path. An empty host or path matches any;
// the operator never leaves one out.
bool Matches(const repo::Snapshot& snapshot, const protocol::Identity& identity);

// Which snapshots a verb is about: those named, or all that match.
struct SnapshotFilter {
  std::vector<std::string> ids;  // or their first digits; "latest" is the newest that matches
  protocol::Identity identity;
  std::string tag;
};

// Oldest first. NotFound for an id that no snapshot has.
Result<std::vector<repo::Snapshot>> Choose(repo::Repository& repository,
                                           std::vector<repo::Snapshot> snapshots,
                                           const SnapshotFilter& filter, std::stop_token stop);

// The newest of an identity, with the tag unless it is empty, not after `as_of` when given; nullptr
// when there is none. `snapshots` in any order.
const repo::Snapshot* Latest(std::span<const repo::Snapshot> snapshots,
                             const protocol::Identity& identity, std::string_view tag = {},
                             std::optional<TimePoint> as_of = std::nullopt);

// What a backup of the type compares with: nothing (Full), the latest (Incremental), the latest
// Full (Differential).
const repo::Snapshot* ParentFor(std::span<const repo::Snapshot> snapshots,
                                const protocol::Identity& identity, protocol::BackupType type);

}  // namespace holdfast::engine
