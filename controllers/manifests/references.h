// What a workload is made of beside its StatefulSet, and how an object of the API becomes a
// manifest that can be applied elsewhere. Pure.
#pragma once

#include <map>
#include <set>
#include <string>

#include "base/json.h"

namespace holdfast::controllers::manifests {

using Labels = std::map<std::string, std::string>;

// By name, in the pod's own namespace.
struct References {
  std::set<std::string> config_maps;
  std::set<std::string> secrets;
  std::set<std::string> claims;  // named by the pods, not made from templates
  std::string service_account;   // empty: that which every namespace has

  friend bool operator==(const References&, const References&) = default;
};

// Volumes (projected ones, and credentials of drivers), variables and image pulls. Without the
// ConfigMap that Kubernetes itself puts into every namespace.
References ReferencesOf(const Json& pod_spec);

// The map of a Service's selector; an empty one selects nothing. Labels that pods of a StatefulSet
// have one by one, and their template has not (the pod's name and index), count as matching when
// they can be those of a pod of `stateful_set`.
bool ServiceSelects(const Json* selector, const Labels& labels, const std::string& stateful_set);

// Without what the cluster wrote: status, uid, versions, owners, finalizers, addresses, node ports,
// the volume that a claim is bound to and what it was made from; and without its namespace, so that
// it can be applied to any. `object` has apiVersion and kind.
Json Cleaned(const Json& object);

}  // namespace holdfast::controllers::manifests
