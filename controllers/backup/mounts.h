// Which pods mount the volumes of a run: where they run, and as whom they use them.
//
// They are taken as the API server has them in memory (kAnyVersion), and what they are asked for
// bears that: a pod that moved a moment ago would have moved a moment later.
#pragma once

#include <map>
#include <stop_token>
#include <string>

#include "controllers/backup/world.h"
#include "controllers/context.h"

namespace holdfast::controllers::backup {

// Of the volumes that await a mover: the pod that mounts each, its node, and whether it is a
// device. Returns by claim as whom the workload uses it: by that pod, or where none runs by the
// template of the StatefulSet's.
Result<std::map<std::string, crds::MoverSecurityContext>> LookAtMounts(const Context& context,
                                                                       World& world,
                                                                       std::stop_token stop);

// The nodes on which pods mount each of the volumes now.
Result<void> LookWherePodsAre(const Context& context, World& world, std::stop_token stop);

}  // namespace holdfast::controllers::backup
