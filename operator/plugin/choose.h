// Which policy protects a workload, and which of its Backups is meant. Pure; what is restored is
// decided by the operator's own rules (controllers/restore/resolve.h).
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "base/clock.h"
#include "base/error.h"
#include "controllers/restore/resolve.h"
#include "controllers/views.h"
#include "crds/types/backup.h"
#include "crds/types/backup_policy.h"

namespace holdfast::plugin {

// Whether it protects a StatefulSet of that name and labels; without labels (it does not exist)
// only by name.
bool Protects(const crds::BackupPolicy& policy, const std::string& stateful_set,
              const controllers::StatefulSetView* set);

// The one of `policies` (all of the namespace) that is meant: `wanted`, or the only one that
// protects it. NotFound and Invalid say what there is.
Result<crds::BackupPolicy> PolicyFor(const std::vector<crds::BackupPolicy>& policies,
                                     const std::string& stateful_set,
                                     const controllers::StatefulSetView* set,
                                     const std::string& wanted);

using controllers::restore::IsGood;
using controllers::restore::StartOf;

// The last good Backup of the policy that started at or before `as_of`. NotFound names the nearest.
Result<crds::Backup> BackupAt(const std::vector<crds::Backup>& backups, const std::string& policy,
                              std::optional<TimePoint> as_of);

// The volume of `claim`; with an empty claim the only one. Invalid and NotFound name what there is.
Result<crds::VolumeBackup> VolumeIn(const crds::Backup& backup, const std::string& claim);

}  // namespace holdfast::plugin
