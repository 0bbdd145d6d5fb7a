// Which Backups of a policy are to go, by keepLast. Pure.
//
// Runs that did not succeed never count and are never a reason for a good one to go: their
// snapshots are named to the mover as "keep, and do not count", for as long as fewer than keepLast
// good runs came after them. Pinned Backups are kept and not counted either.
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "crds/types/backup.h"
#include "crds/types/backup_policy.h"

namespace holdfast::controllers {

struct Retention {
  // Good Backups that are beyond keepLast for every volume they hold. Their objects go once
  // `keep_ids` was applied to each claim.
  std::vector<crds::Backup> expired;
  // For each claim of those: the snapshots that stay although keepLast does not count them.
  std::map<std::string, std::vector<std::string>> keep_ids;
  // Names the round: the same until another good Backup is there.
  std::string round;
  // Failed Backups beyond failedHistoryLimit: objects to delete at once.
  std::vector<crds::Backup> failed;
};

// `backups` are the policy's, in any order; unfinished ones and those being deleted are left alone.
Retention DecideRetention(const crds::BackupPolicySpec& policy,
                          const std::vector<crds::Backup>& backups);

}  // namespace holdfast::controllers
