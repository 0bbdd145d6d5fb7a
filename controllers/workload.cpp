#include "controllers/workload.h"

namespace holdfast::controllers {
namespace {

const Json& Array(const Json& object, const char* name) {
  static const Json kEmpty = Json::array();
  const Json* found = Find(object, {name});
  return found != nullptr && found->is_array() ? *found : kEmpty;
}

bool Mounts(const Json& container, const std::string& volume) {
  for (const Json& mount : Array(container, "volumeMounts"))
    if (FindString(mount, {"name"}) == volume) return true;
  return false;
}

// Containers first: an init container often runs as root only to prepare the volume for them.
const Json* ContainerMounting(const Json& pod_spec, const std::string& volume) {
  for (const char* list : {"containers", "initContainers"})
    for (const Json& container : Array(pod_spec, list))
      if (Mounts(container, volume)) return &container;
  return nullptr;
}

}  // namespace

std::string VolumeOfClaim(const Json& pod_spec, const std::string& claim) {
  for (const Json& volume : Array(pod_spec, "volumes"))
    if (FindString(volume, {"persistentVolumeClaim", "claimName"}) == claim)
      return FindString(volume, {"name"});
  return {};
}

crds::MoverSecurityContext SecurityOf(const Json& pod_spec, const std::string& volume) {
  crds::MoverSecurityContext security;
  security.run_as_user = FindInt(pod_spec, {"securityContext", "runAsUser"});
  security.run_as_group = FindInt(pod_spec, {"securityContext", "runAsGroup"});
  security.fs_group = FindInt(pod_spec, {"securityContext", "fsGroup"});
  if (const Json* groups = Find(pod_spec, {"securityContext", "supplementalGroups"}))
    for (const Json& group : *groups)
      if (group.is_number_integer()) security.supplemental_groups.push_back(group);
  if (const Json* container = ContainerMounting(pod_spec, volume)) {
    if (const auto user = FindInt(*container, {"securityContext", "runAsUser"}))
      security.run_as_user = user;
    if (const auto group = FindInt(*container, {"securityContext", "runAsGroup"}))
      security.run_as_group = group;
  }
  return security;
}

}  // namespace holdfast::controllers
