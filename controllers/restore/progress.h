// A Restore's volumes and their sums, from its movers. Pure.
#pragma once

#include "controllers/restore/world.h"

namespace holdfast::controllers::restore {

// Brings status.volumes up to what the movers say. A volume that ended stays as it was recorded.
void RecordVolumes(const World& world, crds::RestoreStatus& status);

// progress, eta, throughput, files, bytes and size of the whole.
void RecordSums(const World& world, crds::RestoreStatus& status);

inline bool Ended(const crds::VolumeRestore& volume) {
  return volume.state == crds::RunState::kSucceeded || volume.state == crds::RunState::kFailed;
}

}  // namespace holdfast::controllers::restore
