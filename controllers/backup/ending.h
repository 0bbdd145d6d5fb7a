// How a run ends, and what is left to do for a Backup that is over. Pure.
#pragma once

#include "controllers/backup/decide.h"

namespace holdfast::controllers::backup {

// All volumes are over and nothing is held any more: how it went, and what is owed from now on.
void Finish(const World& world, crds::BackupStatus& status);

// It is over: its Jobs go once their outcome is recorded, copies are made, what was staged goes.
Plan CleanUp(const World& world, Plan plan);

}  // namespace holdfast::controllers::backup
