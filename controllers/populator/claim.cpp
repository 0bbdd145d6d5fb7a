#include "controllers/populator/claim.h"

#include "crds/types/kinds.h"

namespace holdfast::controllers::populator {
namespace {

std::string Annotation(const Json& object, std::string_view name) {
  return FindString(object, {"metadata", "annotations", name});
}

}  // namespace

bool AsksUs(const Json& claim) {
  return FindString(claim, {"spec", "dataSourceRef", "apiGroup"}) == crds::kGroup;
}

bool IsUnbound(const Json& claim) { return FindString(claim, {"status", "phase"}) != "Bound"; }

Result<WaitingClaim> DecodeWaitingClaim(const Json& claim) {
  return WaitingClaim{
      {FindString(claim, {"metadata", "namespace"}), FindString(claim, {"metadata", "name"})}};
}

Claim DecodeClaimToFill(const Json& object) {
  Claim claim;
  claim.key = {FindString(object, {"metadata", "namespace"}),
               FindString(object, {"metadata", "name"})};
  claim.uid = FindString(object, {"metadata", "uid"});
  claim.resource_version = FindString(object, {"metadata", "resourceVersion"});
  claim.deleting = Find(object, {"metadata", "deletionTimestamp"}) != nullptr;
  claim.owner = DecodeOwner(object);
  claim.phase = FindString(object, {"status", "phase"});
  claim.volume = FindString(object, {"spec", "volumeName"});
  claim.node = Annotation(object, "volume.kubernetes.io/selected-node");
  claim.provisioner = Annotation(object, "volume.kubernetes.io/storage-provisioner");
  claim.source = {FindString(object, {"spec", "dataSourceRef", "kind"}),
                  FindString(object, {"spec", "dataSourceRef", "name"}),
                  FindString(object, {"spec", "dataSourceRef", "namespace"})};
  if (const Json* spec = Find(object, {"spec"})) claim.spec = *spec;
  return claim;
}

}  // namespace holdfast::controllers::populator
