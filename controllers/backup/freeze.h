// Hooks and the volumes of a run: what they hold still is copied and let go. Pure.
//
// All pods are frozen before the first volume is read, so that the volumes of a StatefulSet are of
// one moment; each pod is thawed as soon as its own volumes are copied, or cut (staging.h). A hook
// that fails, or a pod that restarts meanwhile, costs the volumes of its pod, unless onError says
// otherwise. Beyond hooks.deadline everything is thawed, come what may.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "controllers/backup/decide.h"

namespace holdfast::controllers::backup {

// Whether something of this Backup may still have to be thawed: it keeps the finalizer so long.
bool OwesThaw(const crds::BackupStatus& status);

// Before the run begins: takes the policy's hooks into the status. True when that changed it; then
// it is to be stored before anything is started.
bool TakeHooks(const World& world, Plan& plan);

// A sentence when the policy's hooks make more runs than a status holds; else empty.
std::string TooManyRuns(const World& world, const crds::BackupStatus& status);

// While nothing has begun: why pods must not be frozen yet; empty when they may. Frozen pods are
// not to wait for slots of the repository.
std::string WaitsForSlots(const World& world, const crds::BackupStatus& status);

// In this order in each look at a run. Enters what ended, and gives up the volumes that it costs:
void TakeHookNews(const World& world, Plan& plan);
// gives up what the deadline costs;
void KeepDeadline(const World& world, Plan& plan);
// starts what is due.
void StartHooks(const World& world, Plan& plan);

// No pre hook is left to run.
bool MayCopy(const crds::BackupStatus& status);

// The Backup is being deleted: true when nothing has to be thawed any more. `plan` says otherwise
// what to start.
bool Abandon(const crds::Backup& backup, const hooks::News& news, TimePoint now, HookPlan& plan,
             crds::BackupStatus& status);

}  // namespace holdfast::controllers::backup
