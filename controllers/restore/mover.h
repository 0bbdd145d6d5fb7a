// The Job that restores one volume. Pure.
#pragma once

#include "base/error.h"
#include "base/json.h"
#include "controllers/restore/world.h"
#include "controllers/settings.h"
#include "crds/types/parts.h"
#include "jobs/protocol/args.h"

namespace holdfast::controllers::restore {

// The arguments for one of status.volumes. A source that is an identity is pinned to the moment the
// Restore was created: every attempt finds the same snapshot, whatever is backed up meanwhile.
protocol::RestoreArgs ArgsFor(const World& world, const crds::VolumeRestore& volume,
                              const Settings& settings);

// world.repository is set. `inherited` is whom the workload runs as; `device` is for a claim with
// volumeMode Block.
Result<Json> BuildMover(const World& world, const crds::VolumeRestore& volume,
                        const crds::MoverSecurityContext& inherited, bool device,
                        const Settings& settings);

}  // namespace holdfast::controllers::restore
