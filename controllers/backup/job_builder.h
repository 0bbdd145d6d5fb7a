// The mover Job of one volume of a Backup. Pure.
#pragma once

#include "controllers/backup/observe.h"
#include "controllers/settings.h"

namespace holdfast::controllers::backup {

// `volume` is as the plan has it: with the pod and node that mount its claim now.
Result<Json> BuildJob(const Observed& observed, const crds::VolumeBackup& volume,
                      const Settings& settings);

}  // namespace holdfast::controllers::backup
