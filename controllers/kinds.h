// The four kinds as resources of the Kubernetes client, and references to their objects.
#pragma once

#include "crds/types/kinds.h"
#include "crds/types/meta.h"
#include "operator/kube/events.h"
#include "operator/kube/object_key.h"

namespace holdfast::controllers {

template <typename Kind>
const kube::Resource& ResourceOf() {
  static const kube::Resource kResource = [] {
    const crds::KindInfo& info = crds::InfoOf<Kind>();
    return kube::Resource{std::string(info.group), std::string(info.version),
                          std::string(info.plural), std::string(info.kind)};
  }();
  return kResource;
}

inline kube::ObjectKey KeyOf(const crds::ObjectMeta& metadata) {
  return {metadata.namespace_, metadata.name};
}

// For events about `object`, and for what belongs to it (owner.h).
template <typename Kind>
kube::ObjectReference ReferenceTo(const Kind& object) {
  return {ResourceOf<Kind>(), KeyOf(object.metadata), object.metadata.uid};
}

}  // namespace holdfast::controllers
