// What the cache keeps of the four kinds: all that a decision may read, and no more. The root
// object of a reconcile is read from the API server before anything is written, so only what others
// ask of it has to stay.
#pragma once

#include "crds/types/backup.h"
#include "crds/types/backup_policy.h"
#include "crds/types/backup_repository.h"
#include "crds/types/restore.h"

namespace holdfast::controllers {

// A Backup that is over is a record: who it was of, how and when it ended, its snapshots.
crds::Backup Trimmed(crds::Backup backup);

crds::BackupPolicy Trimmed(crds::BackupPolicy policy);
crds::BackupRepository Trimmed(crds::BackupRepository repository);
crds::Restore Trimmed(crds::Restore restore);

}  // namespace holdfast::controllers
