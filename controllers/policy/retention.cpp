#include "controllers/policy/retention.h"

#include <algorithm>
#include <set>
#include <tuple>

#include "base/hash.h"

namespace holdfast::controllers {
namespace {

using crds::Backup;
using crds::BackupPhase;

constexpr std::size_t kRoundDigits = 8;

bool Newer(const Backup& a, const Backup& b) {
  return std::tie(a.status.completion_time, a.metadata.creation_timestamp, a.metadata.name) >
         std::tie(b.status.completion_time, b.metadata.creation_timestamp, b.metadata.name);
}

bool IsFailed(const Backup& backup) {
  return backup.status.phase == BackupPhase::kFailed ||
         backup.status.phase == BackupPhase::kPartiallyFailed;
}

bool HasSnapshot(const Backup& backup) {
  return std::ranges::any_of(backup.status.volumes,
                             [](const auto& volume) { return !volume.snapshot.empty(); });
}

// The good runs that keepLast counts, newest first.
std::vector<Backup> Counted(const std::vector<Backup>& backups) {
  std::vector<Backup> counted;
  for (const Backup& backup : backups)
    if (backup.status.phase == BackupPhase::kSucceeded && !backup.spec.pinned &&
        !backup.metadata.deletion_timestamp)
      counted.push_back(backup);
  std::ranges::sort(counted, Newer);
  return counted;
}

// A Backup expires when each of its volumes has keepLast newer good snapshots. A volume that is
// backed up no more (scaled down) keeps its last ones.
std::vector<Backup> Expired(const std::vector<Backup>& counted, std::int64_t keep_last) {
  std::vector<Backup> expired;
  std::map<std::string, std::int64_t> newer;
  for (const Backup& backup : counted) {
    const bool beyond = std::ranges::all_of(backup.status.volumes, [&](const auto& volume) {
      return volume.snapshot.empty() || newer[volume.claim] >= keep_last;
    });
    if (beyond && HasSnapshot(backup)) expired.push_back(backup);
    for (const auto& volume : backup.status.volumes)
      if (!volume.snapshot.empty()) ++newer[volume.claim];
  }
  return expired;
}

void KeepUncounted(const std::vector<Backup>& backups, const std::set<std::string>& going,
                   Retention& retention) {
  for (const Backup& backup : backups) {
    const bool uncounted = backup.spec.pinned || backup.status.phase != BackupPhase::kSucceeded;
    if (!uncounted || going.contains(backup.metadata.name)) continue;
    for (const auto& volume : backup.status.volumes)
      if (const auto found = retention.keep_ids.find(volume.claim);
          found != retention.keep_ids.end() && !volume.snapshot.empty())
        found->second.push_back(volume.snapshot);
  }
  for (auto& [claim, ids] : retention.keep_ids) std::ranges::sort(ids);
}

// An object with a snapshot is all that tells that the snapshot does not count, so it stays until
// keepLast good runs are newer.
std::vector<Backup> FailedBeyond(const crds::BackupPolicySpec& policy,
                                 const std::vector<Backup>& backups,
                                 const std::vector<Backup>& counted) {
  std::vector<Backup> failed;
  for (const Backup& backup : backups)
    if (IsFailed(backup) && !backup.spec.pinned && !backup.metadata.deletion_timestamp)
      failed.push_back(backup);
  std::ranges::sort(failed, Newer);
  const auto limit =
      static_cast<std::size_t>(std::max<std::int64_t>(0, policy.failed_history_limit));
  failed.erase(failed.begin(),
               failed.begin() + static_cast<std::ptrdiff_t>(std::min(limit, failed.size())));
  const std::int64_t keep_last = policy.retention.keep_last.value_or(0);
  const auto still_needed = [&](const Backup& backup) {
    if (!HasSnapshot(backup)) return false;
    return keep_last < 1 || counted.size() < static_cast<std::size_t>(keep_last) ||
           Newer(backup, counted[static_cast<std::size_t>(keep_last) - 1]);
  };
  std::erase_if(failed, still_needed);
  return failed;
}

}  // namespace

Retention DecideRetention(const crds::BackupPolicySpec& policy,
                          const std::vector<Backup>& backups) {
  Retention retention;
  const std::vector<Backup> counted = Counted(backups);
  retention.failed = FailedBeyond(policy, backups, counted);
  const std::int64_t keep_last = policy.retention.keep_last.value_or(0);
  if (keep_last < 1) return retention;
  retention.expired = Expired(counted, keep_last);
  if (retention.expired.empty()) return retention;
  retention.round =
      ShortHash(counted.front().metadata.uid + "/" + std::to_string(keep_last), kRoundDigits);
  for (const Backup& backup : retention.expired)
    for (const auto& volume : backup.status.volumes)
      if (!volume.snapshot.empty()) retention.keep_ids[volume.claim];
  std::set<std::string> going;
  for (const Backup& backup : retention.failed) going.insert(backup.metadata.name);
  KeepUncounted(backups, going, retention);
  return retention;
}

}  // namespace holdfast::controllers
