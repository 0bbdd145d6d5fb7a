// The whole run's numbers from its volumes'. Pure.
#pragma once

#include <string>
#include <vector>

#include "controllers/backup/world.h"

namespace holdfast::controllers::backup {

// Volumes that are over, well or not.
int CountOver(const crds::BackupStatus& status);
bool AllOver(const crds::BackupStatus& status);

// "2 volumes and 1 dump"
std::string VolumesAndDumps(const crds::BackupStatus& status);

// progress, eta and throughput of a run that goes on: bytes weigh, so that a large volume counts
// for more than a small one. A volume whose size is not known yet is taken to be like the others;
// while none is known there is no percentage.
void SetProgress(const std::vector<VolumeWorld>& volumes, crds::BackupStatus& status);

// The sums over the volumes that ended, and what is said of a run that is over.
void SetSums(crds::BackupStatus& status);

}  // namespace holdfast::controllers::backup
