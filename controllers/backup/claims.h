// Which claims there are, as far as a run has to know. What the API server has in memory
// (kAnyVersion) may lack the last ones, so that absence, which costs a volume, is asked for again.
#pragma once

#include <stop_token>

#include "controllers/backup/world.h"
#include "controllers/context.h"

namespace holdfast::controllers::backup {

// Whether the claims exist whose volumes await a mover, and whether they are devices. Call once
// what mounts them is known (mounts.h): a claim that a pod on a node mounts exists.
Result<void> LookAtClaims(const Context& context, World& world, std::stop_token stop);

// world.claims, as long as no volumes are resolved: all that the namespace has, where a StatefulSet
// without replicas is told by the claims that it has left. None of those is missing.
Result<void> LookAtLeftClaims(const Context& context, World& world, std::stop_token stop);

}  // namespace holdfast::controllers::backup
