#include "controllers/restore/workload.h"

#include "controllers/restore/resolve.h"
#include "controllers/workload.h"

namespace holdfast::controllers::restore {
namespace {

crds::MoverSecurityContext UserOf(const Json& set, const std::string& volume) {
  const Json* pod = Find(set, {"spec", "template", "spec"});
  return pod == nullptr ? crds::MoverSecurityContext{} : SecurityOf(*pod, volume);
}

struct Owner {
  kube::ObjectKey set;
  std::string claim_template;
};

std::optional<Owner> SetOfClaim(const Caches& caches, const std::string& ns,
                                const std::string& claim) {
  std::optional<Owner> owner;
  caches.stateful_sets.ForEach([&](const kube::ObjectKey& key, const auto& set) {
    if (key.ns != ns || owner) return;
    if (const auto name = ParseClaimName(claim, *set)) owner = Owner{key, name->claim_template};
  });
  return owner;
}

}  // namespace

Result<crds::MoverSecurityContext> InheritedUser(const Context& context, const World& world,
                                                 const crds::VolumeRestore& volume,
                                                 std::stop_token stop) {
  if (world.set) {
    const auto name = ParseClaimName(volume.claim, *world.set);
    return UserOf(world.set_object, name ? name->claim_template : "");
  }
  for (const std::string& claim : {volume.claim, volume.from}) {
    const auto owner = SetOfClaim(context.caches, world.restore.metadata.namespace_, claim);
    if (!owner) continue;
    const auto set = context.api.Get(kube::kStatefulSets, owner->set, stop);
    if (set) return UserOf(*set, owner->claim_template);
    if (!IsAbsent(set.error())) return tl::make_unexpected(set.error());
  }
  return crds::MoverSecurityContext{};
}

}  // namespace holdfast::controllers::restore
