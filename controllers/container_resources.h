// What a container of a mover's pod may use.
#pragma once

#include "base/json.h"
#include "crds/types/parts.h"

namespace holdfast::controllers {

// The member "resources" of a container. Defaults fill in only what the user left open and what
// agrees with the rest: a request above its limit is refused by the API server.
Json ContainerResources(const crds::ResourceRequirements& wish);

}  // namespace holdfast::controllers
