// Which run of a policy is due. Pure.
#pragma once

#include <optional>
#include <string>

#include "controllers/policy/decide.h"

namespace holdfast::controllers::policy {

// The unfinished Backup that others have to wait for; nullptr when there is none.
const crds::Backup* UnfinishedBackup(const World& world);

// Moves the schedules and the trigger on to world.now: fills status.schedules, nextRun, running and
// lastTrigger, and creates at most one Backup, none while another is unfinished.
//
// Of the due times that were missed only the last one counts: one catch-up, within
// startingDeadline. Changes that watchers told of (status.continuous) are due after the trigger and
// the schedules, whose Backups have them too. A suspended policy runs its trigger alone.
//
// Returns what came due and has to wait, in words; empty for nothing.
std::string ScheduleRuns(const World& world, Plan& plan);

}  // namespace holdfast::controllers::policy
