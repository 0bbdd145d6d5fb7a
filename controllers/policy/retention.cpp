#include "controllers/policy/retention.h"

#include <algorithm>
#include <set>
#include <tuple>

#include "base/hash.h"
#include "base/retention.h"
#include "controllers/backup/imported.h"
#include "controllers/backup/manifests.h"
#include "controllers/labels.h"
#include "controllers/schedule.h"

namespace holdfast::controllers {
namespace {

using crds::Backup;
using crds::BackupPhase;

using Backups = std::vector<const Backup*>;

constexpr std::size_t kRoundDigits = 8;

bool Older(const Backup* a, const Backup* b) {
  return std::tie(a->status.completion_time, a->metadata.creation_timestamp, a->metadata.name) <
         std::tie(b->status.completion_time, b->metadata.creation_timestamp, b->metadata.name);
}

bool IsFailed(const Backup& backup) {
  return backup.status.phase == BackupPhase::kFailed ||
         backup.status.phase == BackupPhase::kPartiallyFailed;
}

bool IsGood(const Backup& backup) { return backup.status.phase == BackupPhase::kSucceeded; }

bool HasSnapshot(const Backup& backup) { return !backup::SnapshotsOf(backup.status).empty(); }

// A snapshot that is being copied would arrive after it was forgotten.
bool IsBeingCopied(const Backup& backup) {
  return std::ranges::any_of(backup.status.copies, [](const crds::BackupCopy& copy) {
    return copy.state == crds::RunState::kRunning;
  });
}

// Those that may go, the oldest first.
Backups Candidates(const std::vector<Backup>& backups, bool (*wanted)(const Backup&)) {
  Backups found;
  for (const Backup& backup : backups)
    if (wanted(backup) && !backup.spec.pinned && !backup::IsForeign(backup) &&
        !IsBeingCopied(backup) && !backup.metadata.deletion_timestamp &&
        backup.status.completion_time)
      found.push_back(&backup);
  std::ranges::sort(found, Older);
  return found;
}

int Count(const std::optional<std::int64_t>& rule) { return static_cast<int>(rule.value_or(0)); }

RetentionPolicy RulesOf(const crds::Retention& spec) {
  RetentionPolicy rules;
  rules.keep = {Count(spec.keep_last),   Count(spec.keep_hourly),  Count(spec.keep_daily),
                Count(spec.keep_weekly), Count(spec.keep_monthly), Count(spec.keep_yearly)};
  if (const auto within = ParseDuration(spec.keep_within); within && !spec.keep_within.empty())
    rules.within[0].seconds = within->count();
  return rules;
}

// The schedule whose own rules count this Backup; "" for the policy's.
std::string GroupOf(const crds::BackupPolicySpec& policy, const Backup& backup) {
  const auto label = backup.metadata.labels.find(kScheduleLabel);
  if (label == backup.metadata.labels.end()) return {};
  for (const crds::Schedule& schedule : policy.schedules)
    if (schedule.retention && LabelValue(schedule.name) == label->second) return schedule.name;
  return {};
}

const crds::Retention& RetentionOf(const crds::BackupPolicySpec& policy, const std::string& group) {
  for (const crds::Schedule& schedule : policy.schedules)
    if (schedule.name == group && schedule.retention) return *schedule.retention;
  return policy.retention;
}

// As the policy's clock on the wall shows it, so that its days are counted.
TimePoint OnTheWall(const crds::BackupPolicySpec& policy, TimePoint time) {
  return time + UtcOffset(policy.time_zone, time).value_or(std::chrono::seconds(0));
}

// The names of those that the group's rules keep for one claim.
void KeepForClaim(const crds::BackupPolicySpec& policy, const std::string& group,
                  const Backups& members, const std::string& claim, TimePoint now,
                  std::set<std::string>& kept) {
  std::vector<RetentionItem> items;
  Backups holders;
  for (const Backup* backup : members)
    for (const auto& volume : backup->status.volumes)
      if (volume.claim == claim && !volume.snapshot.empty()) {
        items.push_back({OnTheWall(policy, *backup->status.completion_time), {}});
        holders.push_back(backup);
      }
  const auto reasons =
      ApplyRetention(items, RulesOf(RetentionOf(policy, group)), OnTheWall(policy, now));
  for (std::size_t i = 0; i < holders.size(); ++i)
    if (!reasons[i].empty()) kept.insert(holders[i]->metadata.name);
}

std::set<std::string> ClaimsOf(const Backups& backups) {
  std::set<std::string> claims;
  for (const Backup* backup : backups)
    for (const auto& volume : backup->status.volumes)
      if (!volume.snapshot.empty()) claims.insert(volume.claim);
  return claims;
}

// By claim, the newest good Backup that holds a snapshot of it.
std::map<std::string, const Backup*> NewestGood(const std::vector<Backup>& backups) {
  std::map<std::string, const Backup*> newest;
  for (const Backup* backup : Candidates(backups, IsGood))
    for (const auto& volume : backup->status.volumes)
      if (!volume.snapshot.empty()) newest[volume.claim] = backup;
  return newest;
}

Backups ExpiredGood(const crds::BackupPolicySpec& policy, const std::vector<Backup>& backups,
                    TimePoint now) {
  const Backups good = Candidates(backups, IsGood);
  std::map<std::string, Backups> groups;
  for (const Backup* backup : good) groups[GroupOf(policy, *backup)].push_back(backup);
  std::set<std::string> kept;
  for (const auto& [group, members] : groups)
    for (const std::string& claim : ClaimsOf(members))
      KeepForClaim(policy, group, members, claim, now, kept);
  for (const auto& [claim, backup] : NewestGood(backups)) kept.insert(backup->metadata.name);
  Backups expired;
  for (const Backup* backup : good)
    if (HasSnapshot(*backup) && !kept.contains(backup->metadata.name)) expired.push_back(backup);
  return expired;
}

// Beyond the history. A snapshot of a failed run stays while no good one of its volume is newer: it
// may be all there is.
Backups ExpiredFailed(const crds::BackupPolicySpec& policy, const std::vector<Backup>& backups) {
  Backups failed = Candidates(backups, IsFailed);
  const auto limit =
      static_cast<std::size_t>(std::max<std::int64_t>(0, policy.failed_history_limit));
  failed.resize(failed.size() - std::min(limit, failed.size()));
  const auto newest = NewestGood(backups);
  std::erase_if(failed, [&](const Backup* backup) {
    return std::ranges::any_of(backup->status.volumes, [&](const auto& volume) {
      const auto good = newest.find(volume.claim);
      return !volume.snapshot.empty() && (good == newest.end() || Older(good->second, backup));
    });
  });
  return failed;
}

void AddCopies(const Backup& backup, Retention& retention) {
  for (const crds::BackupCopy& copy : backup.status.copies)
    for (const backup::StoredSnapshot& stored : backup::SnapshotsOf(backup.status))
      if (copy.attempts > 0) retention.copies[copy.repository][stored.claim].push_back(stored.id);
}

}  // namespace

Retention DecideRetention(const crds::BackupPolicySpec& policy, const std::vector<Backup>& backups,
                          TimePoint now) {
  Retention retention;
  Backups expired = ExpiredGood(policy, backups, now);
  for (const Backup* backup : ExpiredFailed(policy, backups)) {
    if (HasSnapshot(*backup))
      expired.push_back(backup);
    else
      retention.failed.push_back(*backup);
  }
  std::ranges::sort(expired, Older);
  if (expired.size() > kMaxExpired) expired.resize(kMaxExpired);
  std::string names;
  for (const Backup* backup : expired) {
    names += backup->metadata.uid + "/";
    for (const backup::StoredSnapshot& stored : backup::SnapshotsOf(backup->status))
      retention.snapshots[stored.claim].push_back(stored.id);
    retention.expired.push_back(*backup);
  }
  for (const Backup* backup : expired) AddCopies(*backup, retention);
  if (!expired.empty()) retention.round = ShortHash(names, kRoundDigits);
  return retention;
}

}  // namespace holdfast::controllers
