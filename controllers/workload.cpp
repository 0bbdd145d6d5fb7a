#include "controllers/workload.h"

#include <algorithm>

namespace holdfast::controllers {
namespace {

const Json& Array(const Json& object, const char* name) {
  static const Json kEmpty = Json::array();
  const Json* found = Find(object, {name});
  return found != nullptr && found->is_array() ? *found : kEmpty;
}

bool Has(const Json& container, const char* list, const std::string& volume) {
  return std::ranges::any_of(Array(container, list), [&](const Json& used) {
    return FindString(used, {"name"}) == volume;
  });
}

// Containers first: an init container often runs as root only to prepare the volume for them.
const Json* ContainerWith(const Json& pod_spec, const std::string& volume) {
  for (const char* list : {"containers", "initContainers"})
    for (const Json& container : Array(pod_spec, list))
      if (Has(container, "volumeMounts", volume) || Has(container, "volumeDevices", volume))
        return &container;
  return nullptr;
}

}  // namespace

std::string VolumeOfClaim(const Json& pod_spec, const std::string& claim) {
  for (const Json& volume : Array(pod_spec, "volumes"))
    if (FindString(volume, {"persistentVolumeClaim", "claimName"}) == claim)
      return FindString(volume, {"name"});
  return {};
}

bool IsDevice(const Json& pod_spec, const std::string& volume) {
  const Json* container = ContainerWith(pod_spec, volume);
  return container != nullptr && Has(*container, "volumeDevices", volume);
}

crds::MoverSecurityContext SecurityOf(const Json& pod_spec, const std::string& volume) {
  crds::MoverSecurityContext security;
  security.run_as_user = FindInt(pod_spec, {"securityContext", "runAsUser"});
  security.run_as_group = FindInt(pod_spec, {"securityContext", "runAsGroup"});
  security.fs_group = FindInt(pod_spec, {"securityContext", "fsGroup"});
  if (const Json* groups = Find(pod_spec, {"securityContext", "supplementalGroups"}))
    for (const Json& group : *groups)
      if (group.is_number_integer()) security.supplemental_groups.push_back(group);
  if (const Json* container = ContainerWith(pod_spec, volume)) {
    if (const auto user = FindInt(*container, {"securityContext", "runAsUser"}))
      security.run_as_user = user;
    if (const auto group = FindInt(*container, {"securityContext", "runAsGroup"}))
      security.run_as_group = group;
  }
  return security;
}

}  // namespace holdfast::controllers
