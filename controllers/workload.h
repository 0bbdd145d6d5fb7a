// What a mover has to know of the workload whose volume it reads or writes.
#pragma once

#include <string>

#include "base/json.h"
#include "crds/types/parts.h"

namespace holdfast::controllers {

// The name of the volume of a pod's spec that mounts `claim`; empty when none does.
std::string VolumeOfClaim(const Json& pod_spec, const std::string& claim);

// Whether a container of the pod has `volume` as a device (volumeMode Block), not as files.
bool IsDevice(const Json& pod_spec, const std::string& volume);

// As whom the first container that has `volume` runs: its own securityContext over the pod's. Of
// a pod's spec or a template's; members that neither says are absent.
crds::MoverSecurityContext SecurityOf(const Json& pod_spec, const std::string& volume);

}  // namespace holdfast::controllers
