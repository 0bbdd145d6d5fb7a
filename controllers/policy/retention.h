// Which Backups of a policy are to go. Pure.
//
// The rules of spec.retention, or of a schedule that has its own, are applied to each volume by
// itself. A Backup goes once none of its volumes' snapshots is kept by any rule. Runs that did not
// succeed are never counted and never a reason for a good one to go; pinned ones, and those that
// were imported from another cluster or namespace, stay and are not counted; the newest good
// snapshot of a volume stays whatever the rules say.
#pragma once

#include <cstddef>
#include <map>
#include <string>
#include <vector>

#include "base/clock.h"
#include "crds/types/backup.h"
#include "crds/types/backup_policy.h"

namespace holdfast::controllers {

// Backups whose snapshots one round removes: their ids, 72 bytes each on a command line, and the
// mover's list of what it removed stay small.
inline constexpr std::size_t kMaxExpired = 50;

struct Retention {
  // Backups that are to go, the oldest first, at most kMaxExpired. Their objects go once
  // `snapshots` are gone.
  std::vector<crds::Backup> expired;
  // Their snapshots, by claim; those of manifests stand with one claim each.
  std::map<std::string, std::vector<std::string>> snapshots;
  // Of those, by repository and claim, what was or may have been copied there (the original ids).
  std::map<std::string, std::map<std::string, std::vector<std::string>>> copies;
  // Names the round: the same as long as the same Backups are to go.
  std::string round;
  // Failed Backups without a snapshot beyond failedHistoryLimit: objects to delete at once.
  std::vector<crds::Backup> failed;
};

// `backups` are the policy's, in any order; unfinished ones and those being deleted are left alone.
Retention DecideRetention(const crds::BackupPolicySpec& policy,
                          const std::vector<crds::Backup>& backups, TimePoint now);

}  // namespace holdfast::controllers
