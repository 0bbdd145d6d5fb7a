// Whether a policy's backups keep up with its schedules. Pure.
#pragma once

#include <optional>

#include "base/clock.h"
#include "crds/types/backup_policy.h"

namespace holdfast::controllers::policy {

// The first time, jitter included, at which a schedule asked for a backup that no success has
// answered; in the future when all is well. nullopt for a policy that is suspended or has no
// schedule that can be read.
std::optional<TimePoint> UnansweredSince(const crds::BackupPolicy& policy, TimePoint now);

}  // namespace holdfast::controllers::policy
