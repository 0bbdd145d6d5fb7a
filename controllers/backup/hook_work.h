// What a plan says of hooks, done: tasks for the Runner, events, audit records.
#pragma once

#include "controllers/backup/decide.h"
#include "controllers/context.h"

namespace holdfast::controllers::backup {

// Once `status` is stored in `backup`: tells what ended, lets go of it, and starts what is due.
void CarryOutHooks(const Context& context, const crds::Backup& backup,
                   const crds::BackupStatus& status, const HookPlan& plan);

}  // namespace holdfast::controllers::backup
