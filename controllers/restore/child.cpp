#include "controllers/restore/child.h"

#include <algorithm>
#include <utility>

#include "controllers/labels.h"

namespace holdfast::controllers::restore {

crds::Restore ChildRestore(const std::string& ns, const std::string& name, const ChildOwner& owner,
                           const std::string& verb, crds::RestoreSpec spec) {
  crds::Restore child;
  child.metadata.name = name;
  child.metadata.namespace_ = ns;
  child.metadata.labels = {{kManagedBy, kManagedByHoldfast}, {kVerbLabel, verb}};
  child.metadata.owner_references = {{.api_version = owner.api_version,
                                      .kind = owner.kind,
                                      .name = owner.name,
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
