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

Result<std::vector<repo::Snapshot>> Choose(repo::Repository& repository,
                                           std::vector<repo::Snapshot> snapshots,
                                           const SnapshotFilter& filter, std::stop_token stop) {
  std::erase_if(snapshots, [&](const repo::Snapshot& snapshot) {
    return !Matches(snapshot, filter.identity) ||
           (!filter.tag.empty() && !HasTag(snapshot, filter.tag));
  });
  if (filter.ids.empty()) return snapshots;
  std::vector<repo::Snapshot> chosen;
  for (const std::string& name : filter.ids) {
    if (name == "latest" && snapshots.empty())
      return Fail(Code::kNotFound, "no snapshot matches; see what is there with snapshots");
    TRY(repo::Snapshot snapshot, name == "latest" ? Result<repo::Snapshot>(snapshots.back())
                                                  : repository.FindSnapshot(name, stop));
    if (std::ranges::find(chosen, snapshot.id, &repo::Snapshot::id) == chosen.end())
      chosen.push_back(std::move(snapshot));
  }
  std::ranges::stable_sort(chosen, {}, &repo::Snapshot::time);
  return chosen;
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
