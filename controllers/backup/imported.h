// Backups that stand for snapshots which were found in a repository (spec.import). Pure.
#pragma once

#include "controllers/backup/decide.h"
#include "controllers/settings.h"

namespace holdfast::controllers::backup {

// The status of world.backup, whose spec says all of it: nothing is run.
void TakeImported(const World& world, crds::BackupStatus& status);

// Who made a Backup's snapshots: an imported one may come from another cluster or namespace, or
// have had another name.
struct Origin {
  std::string cluster;
  std::string ns;
  std::string backup;
};
Origin OriginOf(const crds::Backup& backup, const Settings& settings);

}  // namespace holdfast::controllers::backup
