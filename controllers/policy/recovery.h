// How long it would take to have it all back: a Restore of the policy's last good Backup. Pure.
#pragma once

#include "controllers/policy/decide.h"

namespace holdfast::controllers::policy {

// Sets status.recoveryTime and recoverySeconds, by what was measured in this namespace
// (restore/estimate.h). What they say stays while the Backup or its repository are not there.
void NoteRecovery(const World& world, crds::BackupPolicyStatus& status);

}  // namespace holdfast::controllers::policy
