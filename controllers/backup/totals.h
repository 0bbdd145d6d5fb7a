// The whole run's numbers from its volumes'. Pure.
#pragma once

#include <vector>

#include "controllers/backup/decide.h"

namespace holdfast::controllers::backup {

// progress, eta and throughput of a run that goes on: bytes weigh, so that a large volume counts
// for more than a small one. A volume whose size is not known yet is taken to be like the others;
// while none is known there is no percentage.
void SetProgress(const std::vector<VolumeWorld>& volumes, crds::BackupStatus& status);

// The sums over the volumes that ended, and what is said of a run that is over.
void SetSums(crds::BackupStatus& status);

}  // namespace holdfast::controllers::backup
