#include "controllers/populator/observe.h"

#include <algorithm>

#include "controllers/labels.h"
#include "controllers/mover_run.h"
#include "controllers/workload.h"
#include "controllers/write_status.h"

namespace holdfast::controllers::populator {
namespace {

class Observer {
 public:
  Observer(const Context& context, std::stop_token stop)
      : context_(context), stop_(std::move(stop)) {
    world_.now = context.clock.Now();
  }

  Result<std::optional<World>> Look(const kube::ObjectKey& key) {
    TRY(const auto object, Get(kube::kPersistentVolumeClaims, key));
    if (!object || !AsksUs(*object)) return std::nullopt;
    world_.claim = DecodeClaimToFill(*object);
    const kube::ObjectKey child = {key.ns, ChildName(world_.claim)};
    // In this order: a prime that was missing before its Restore was seen not to have begun was
    // never written to.
    TRY(const auto prime, Get(kube::kPersistentVolumeClaims, child));
    if (prime) world_.prime = DecodeClaimToFill(*prime);
    TRY(world_.child, ReadLive<crds::Restore>(context_, child, stop_));
    if (world_.child) TRY_VOID(LookAtChild(*world_.child));
    TRY_VOID(LookAtVolume());
    if (!world_.child && world_.claim.volume.empty() && !world_.claim.deleting)
      TRY_VOID(LookAhead());
    return std::move(world_);
  }

 private:
  // Absence as a value.
  Result<std::optional<Json>> Get(const kube::Resource& resource, const kube::ObjectKey& key) {
    auto got = context_.api.Get(resource, key, stop_);
    if (got) return std::move(*got);
    if (IsAbsent(got.error())) return std::nullopt;
    return tl::make_unexpected(std::move(got).error());
  }

  Result<void> LookAtChild(const crds::Restore& child) {
    const crds::ObjectMeta& meta = child.metadata;
    world_.child_started = child.status.phase != crds::RestorePhase::kPending ||
                           !JobsOf(context_.caches, meta).empty();
    if (child.status.phase != crds::RestorePhase::kSucceeded) return {};
    const std::string own = std::string(kRestoreLabel) + "=" + LabelValue(meta.name);
    TRY(const auto pods, ListAll<PodView>(context_.api, kube::kPods,
                                          {.ns = meta.namespace_,
                                           .label_selector = own,
                                           .field_selector = "",
                                           .page_size = 500,
                                           .not_older_than = ""},
                                          DecodePod, stop_));
    world_.child_pods = static_cast<int>(
        std::ranges::count_if(pods, [&](const PodView& pod) { return Mounts(pod, meta.name); }));
    return {};
  }

  static bool Mounts(const PodView& pod, const std::string& claim) {
    return std::ranges::find(pod.claims, claim) != pod.claims.end();
  }

  Result<void> LookAtVolume() {
    std::string name = world_.claim.volume;
    if (name.empty() && world_.prime) name = world_.prime->volume;
    if (name.empty()) return {};
    TRY(const auto object, Get(kube::kPersistentVolumes, {"", name}));
    if (object) world_.volume = DecodeVolume(*object);
    return {};
  }

  Result<void> LookAhead() {
    Prospect prospect{.source = FindSource(context_, world_.claim),
                      .sets = {},
                      .storage = std::nullopt,
                      .csi = false,
                      .inherited = {}};
    if (prospect.source) {
      TRY_VOID(LookAtStorage(prospect));
      TRY(prospect.sets, ListAll<StatefulSetView>(context_.api, kube::kStatefulSets, InNamespace(),
                                                  DecodeStatefulSet, stop_));
      TRY(prospect.inherited, InheritedUser(prospect.sets));
    }
    world_.prospect = std::move(prospect);
    return {};
  }

  kube::ListOptions InNamespace() const {
    return {.ns = world_.claim.key.ns,
            .label_selector = "",
            .field_selector = "",
            .page_size = 500,
            .not_older_than = ""};
  }

  Result<void> LookAtStorage(Prospect& prospect) {
    const std::string name = FindString(world_.claim.spec, {"storageClassName"});
    if (name.empty()) return {};
    TRY(const auto object, Get(kube::kStorageClasses, {"", name}));
    if (!object) return {};
    StorageClass found;
    found.name = name;
    found.provisioner = FindString(*object, {"provisioner"});
    // A driver that was once a part of Kubernetes goes by another name in its classes.
    if (!world_.claim.provisioner.empty()) found.provisioner = world_.claim.provisioner;
    found.waits_for_consumer = FindString(*object, {"volumeBindingMode"}) == "WaitForFirstConsumer";
    TRY(const auto driver, Get(kube::kCsiDrivers, {"", found.provisioner}));
    prospect.csi = driver.has_value();
    prospect.storage = std::move(found);
    return {};
  }

  // As whom the pods run that will use the claim: its StatefulSet's, or one that waits for it.
  Result<crds::MoverSecurityContext> InheritedUser(const std::vector<StatefulSetView>& sets) {
    const std::string& claim = world_.claim.key.name;
    for (const StatefulSetView& set : sets)
      if (const auto name = restore::ParseClaimName(claim, set))
        if (const auto user = set.security.find(name->claim_template); user != set.security.end())
          return user->second;
    crds::MoverSecurityContext user;
    const auto look = [&](const Json& pod) -> Result<void> {
      const Json* spec = Find(pod, {"spec"});
      const std::string volume = spec == nullptr ? "" : VolumeOfClaim(*spec, claim);
      if (!volume.empty()) user = SecurityOf(*spec, volume);
      return {};
    };
    TRY_VOID(context_.api.List(kube::kPods, InNamespace(), look, stop_));
    return user;
  }

  const Context& context_;
  std::stop_token stop_;
  World world_;
};

}  // namespace

Volume DecodeVolume(const Json& object) {
  Volume volume;
  volume.name = FindString(object, {"metadata", "name"});
  volume.resource_version = FindString(object, {"metadata", "resourceVersion"});
  volume.claim_uid = FindString(object, {"spec", "claimRef", "uid"});
  volume.filled_for = FindString(object, {"metadata", "annotations", kFilledForAnnotation});
  volume.reclaim_policy = FindString(object, {"spec", "persistentVolumeReclaimPolicy"});
  volume.policy_to_be = FindString(object, {"metadata", "annotations", kReclaimPolicyAnnotation});
  return volume;
}

Result<std::optional<World>> Observe(const Context& context, const kube::ObjectKey& key,
                                     std::stop_token stop) {
  return Observer(context, std::move(stop)).Look(key);
}

}  // namespace holdfast::controllers::populator
