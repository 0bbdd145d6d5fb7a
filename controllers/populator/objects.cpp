#include "controllers/populator/objects.h"

#include "base/hash.h"
#include "controllers/kinds.h"
#include "controllers/labels.h"
#include "controllers/mover_job.h"
#include "controllers/owner.h"
#include "controllers/restore/child.h"

namespace holdfast::controllers::populator {
namespace {

constexpr const char* kPopulateVerb = "populate";
constexpr const char* kSelectedNode = "volume.kubernetes.io/selected-node";
constexpr std::size_t kNameDigits = 8;

template <typename T>
void Inherit(std::optional<T>& own, const std::optional<T>& inherited) {
  if (!own) own = inherited;
}

void Inherit(crds::MoverSecurityContext& own, const crds::MoverSecurityContext& inherited) {
  Inherit(own.run_as_user, inherited.run_as_user);
  Inherit(own.run_as_group, inherited.run_as_group);
  Inherit(own.fs_group, inherited.fs_group);
  if (own.supplemental_groups.empty()) own.supplemental_groups = inherited.supplemental_groups;
}

}  // namespace

std::string ChildName(const Claim& claim) {
  return JobName(claim.key.name, kPopulateVerb + ("-" + ShortHash(claim.uid, kNameDigits)));
}

crds::Restore BuildChild(const World& world, const std::string& from) {
  const Claim& claim = world.claim;
  crds::RestoreSpec spec = world.prospect->source->spec;
  crds::RestoreClaim& target = spec.target.claims.emplace_back();
  target.from = from;
  target.to = ChildName(claim);
  Inherit(spec.mover.security_context, world.prospect->inherited);
  return restore::ChildRestore({kube::kPersistentVolumeClaims, claim.key, claim.uid},
                               ChildName(claim), kPopulateVerb, std::move(spec));
}

Json BuildPrime(const Claim& claim, const crds::Restore& child) {
  Json metadata = {
      {"name", child.metadata.name},
      {"namespace", claim.key.ns},
      {"labels",
       {{kManagedBy, kManagedByHoldfast},
        {kVerbLabel, kPopulateVerb},
        {kClaimLabel, LabelValue(claim.key.name)}}},
      {"ownerReferences", OwnerReferences(ReferenceTo(child), OwnerDeletion::kDoesNotWait)}};
  if (!claim.node.empty()) metadata["annotations"] = {{kSelectedNode, claim.node}};
  Json spec = Json::object();
  for (const char* field :
       {"accessModes", "resources", "storageClassName", "volumeMode", "volumeAttributesClassName"})
    if (const Json* value = Find(claim.spec, {field})) spec[field] = *value;
  return {{"apiVersion", kube::kPersistentVolumeClaims.ApiVersion()},
          {"kind", kube::kPersistentVolumeClaims.kind},
          {"metadata", std::move(metadata)},
          {"spec", std::move(spec)}};
}

Json GoesWithPrime(const Volume& volume) {
  return {{"metadata",
           {{"resourceVersion", volume.resource_version},
            {"annotations", {{kReclaimPolicyAnnotation, volume.reclaim_policy}}}}},
          {"spec", {{"persistentVolumeReclaimPolicy", "Delete"}}}};
}

Json GivenTo(const Claim& claim, const Volume& volume) {
  Json spec = {{"claimRef",
                {{"apiVersion", kube::kPersistentVolumeClaims.ApiVersion()},
                 {"kind", kube::kPersistentVolumeClaims.kind},
                 {"namespace", claim.key.ns},
                 {"name", claim.key.name},
                 {"uid", claim.uid},
                 {"resourceVersion", claim.resource_version}}}};
  if (!volume.policy_to_be.empty()) spec["persistentVolumeReclaimPolicy"] = volume.policy_to_be;
  return {
      {"metadata",
       {{"resourceVersion", volume.resource_version},
        {"annotations", {{kFilledForAnnotation, claim.uid}, {kReclaimPolicyAnnotation, nullptr}}}}},
      {"spec", std::move(spec)}};
}

}  // namespace holdfast::controllers::populator
