#include "controllers/restore/child.h"

#include <algorithm>
#include <utility>

#include "controllers/labels.h"

namespace holdfast::controllers::restore {

crds::Restore ChildRestore(const kube::ObjectReference& owner, const std::string& name,
                           const std::string& verb, crds::RestoreSpec spec) {
  crds::Restore child;
  child.metadata.name = name;
  child.metadata.namespace_ = owner.key.ns;
  child.metadata.labels = {{kManagedBy, kManagedByHoldfast}, {kVerbLabel, verb}};
  child.metadata.owner_references = {{.api_version = owner.resource.ApiVersion(),
                                      .kind = owner.resource.kind,
                                      .name = owner.key.name,
                                      .uid = owner.uid,
                                      .controller = true}};
  child.spec = std::move(spec);
  return child;
}

bool IsOfFollower(const crds::Restore& restore) {
  return std::ranges::any_of(restore.metadata.owner_references, [](const auto& owner) {
    return owner.controller && owner.kind == crds::InfoOf<crds::Restore>().kind;
  });
}

}  // namespace holdfast::controllers::restore
