#include "jobs/engine/selection.h"

#include <algorithm>

namespace holdfast::engine {

bool HasTag(const repo::Snapshot& snapshot, std::string_view tag) {
  return std::ranges::find(snapshot.tags, tag) != snapshot.tags.end();
}

bool Matches(const repo::Snapshot& snapshot, const protocol::Identity& identity) {
  if (!identity.host.empty() && snapshot.hostname != identity.host) return false;
  return identity.path.empty() ||
         (snapshot.paths.size() == 1 && snapshot.paths.front() == identity.path);
}

const repo::Snapshot* Latest(std::span<const repo::Snapshot> snapshots,
                             const protocol::Identity& identity, std::string_view tag,
                             std::optional<TimePoint> as_of) {
  const repo::Snapshot* latest = nullptr;
  for (const repo::Snapshot& snapshot : snapshots) {
    if (!Matches(snapshot, identity) || (!tag.empty() && !HasTag(snapshot, tag))) continue;
    if (as_of && snapshot.time > *as_of) continue;
    if (latest == nullptr || snapshot.time >= latest->time) latest = &snapshot;
  }
  return latest;
}

const repo::Snapshot* ParentFor(std::span<const repo::Snapshot> snapshots,
                                const protocol::Identity& identity, protocol::BackupType type) {
  switch (type) {
    case protocol::BackupType::kFull:
      return nullptr;
    case protocol::BackupType::kIncremental:
      return Latest(snapshots, identity);
    case protocol::BackupType::kDifferential:
      return Latest(snapshots, identity,
                    "type=" + protocol::BackupTypeName(protocol::BackupType::kFull));
  }
  return nullptr;
}

}  // namespace holdfast::engine
