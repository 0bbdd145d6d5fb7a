// The objects that staging makes (staging.h). Pure.
#pragma once

#include <string>

#include "base/json.h"
#include "controllers/backup/world.h"

namespace holdfast::controllers::backup {

// Of the volume's claim, named and classed as the status says; it belongs to the Backup.
Json BuildVolumeSnapshot(const World& world, const crds::VolumeBackup& volume);

// Of the claims of all volumes that `group` cuts, in the version that the world has.
Json BuildVolumeGroupSnapshot(const World& world, const std::string& group);

// The claim that the mover reads, made from the VolumeSnapshot or from the claim itself. It belongs
// to the mover's Job, which has its name.
Json BuildStagedClaim(const World& world, const crds::VolumeBackup& volume, const VolumeWorld& seen,
                      const std::string& job_uid);

}  // namespace holdfast::controllers::backup
