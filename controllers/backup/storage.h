// What the cluster's storage can do for a run, and what is staged there for it (staging.h). Read
// live and without a watch: the APIs of VolumeSnapshots and VolumeGroupSnapshots may come and go.
#pragma once

#include <stop_token>

#include "controllers/backup/world.h"
#include "controllers/context.h"

namespace holdfast::controllers::backup {

// What copy methods are chosen by while they are open, and what staged claims are made like:
// classes, drivers, and the claims of the run's volumes.
Result<void> LookAtStorage(const Context& context, World& world, std::stop_token stop);

// The VolumeSnapshots, VolumeGroupSnapshots and staged claims of a run that has any, and the claims
// that staged ones which are missing are to be made from. Nothing while movers read what is staged.
Result<void> LookAtStaged(const Context& context, World& world, std::stop_token stop);

}  // namespace holdfast::controllers::backup
