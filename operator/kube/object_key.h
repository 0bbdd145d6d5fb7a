// Names of objects and resources in the Kubernetes API.
#pragma once

#include <compare>
#include <functional>
#include <string>

namespace holdfast::kube {

struct ObjectKey {
  std::string ns;  // empty for cluster-scoped objects
  std::string name;

  friend auto operator<=>(const ObjectKey&, const ObjectKey&) = default;
};

// "namespace/name", the form of logs and messages.
inline std::string ToString(const ObjectKey& key) {
  return key.ns.empty() ? key.name : key.ns + "/" + key.name;
}

// A REST resource (API concepts, "Resource URIs"): {"apps", "v1", "statefulsets"}; the core group
// is the empty string.
struct Resource {
  std::string group;
  std::string version;
  std::string plural;
  std::string kind;

  std::string ApiVersion() const { return group.empty() ? version : group + "/" + version; }
  friend bool operator==(const Resource&, const Resource&) = default;
};

}  // namespace holdfast::kube

template <>
struct std::hash<holdfast::kube::ObjectKey> {
  std::size_t operator()(const holdfast::kube::ObjectKey& key) const noexcept {
    return std::hash<std::string>()(key.name) * 31 + std::hash<std::string>()(key.ns);
  }
};
