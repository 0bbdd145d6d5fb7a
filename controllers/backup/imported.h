// Backups that stand for snapshots which were found in a repository (spec.import). Pure.
#pragma once

#include "controllers/backup/world.h"

namespace holdfast::controllers::backup {

// The status of world.backup, whose spec says all of it: nothing is run.
void TakeImported(const World& world, crds::BackupStatus& status);

// Imported from another cluster or namespace: what made those snapshots, and keeps them, is not
// here. They can be restored, and neither retention nor a deletion removes them: who may write
// Backups in one namespace must not be able to remove what belongs to another.
inline bool IsForeign(const crds::Backup& backup) {
  const auto& imported = backup.spec.imported;
  return imported && (!imported->cluster.empty() || !imported->namespace_.empty());
}

// The name under which its snapshots were made.
const std::string& NameInRepository(const crds::Backup& backup);

}  // namespace holdfast::controllers::backup
