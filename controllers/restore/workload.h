// Whose volume a Restore writes, so that files get owners who may use them.
#pragma once

#include <stop_token>
#include <string>

#include "controllers/context.h"
#include "controllers/restore/world.h"

namespace holdfast::controllers::restore {

// As whom the workload of the volume runs: the target StatefulSet; for a claim, the StatefulSet
// whose claim it is by name, or whose claim was backed up. Empty when there is none: spec.mover
// says it then.
Result<crds::MoverSecurityContext> InheritedUser(const Context& context, const World& world,
                                                 const crds::VolumeRestore& volume,
                                                 std::stop_token stop);

}  // namespace holdfast::controllers::restore
