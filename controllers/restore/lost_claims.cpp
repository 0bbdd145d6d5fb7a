#include "controllers/restore/lost_claims.h"

#include <algorithm>

#include "controllers/reasons.h"
#include "controllers/restore/claims.h"
#include "controllers/restore/progress.h"
#include "controllers/restore/resolve.h"

namespace holdfast::controllers::restore {
namespace {

using crds::VolumeRestore;

Result<Json> ClaimFor(const Draft& d, const std::string& claim) {
  if (InPlace(d.restore)) {
    const auto name = ParseClaimName(claim, *d.world.set);
    if (!name)
      return Fail(Code::kNotFound, "Claim " + claim + " does not exist, and StatefulSet " +
                                       d.SetName() +
                                       " has no template for it any more. Create it.");
    return ClaimOfSet(d.world.set_object, claim, name->claim_template);
  }
  const auto& wishes = d.restore.spec.target.claims;
  const auto wish = std::find_if(wishes.begin(), wishes.end(),
                                 [&](const auto& candidate) { return candidate.to == claim; });
  return ClaimAsAsked(wish == wishes.end() ? crds::RestoreClaim{"", claim, "", {}, {}} : *wish,
                      d.restore.metadata.namespace_);
}

bool MakeClaim(Draft& d, const std::string& claim) {
  const Result<Json> made = ClaimFor(d, claim);
  if (!made) {
    d.Wait(reason::kClaimNotFound, made.error().message);
    d.plan.requeue = d.LookAgain();
    return false;
  }
  d.BeginStep(kClaimsStep, "");
  d.plan.create_claims.push_back(*made);
  d.Announce(kube::EventType::kNormal, reason::kClaimCreated,
             "Claim " + claim + " did not exist and was created.");
  return true;
}

}  // namespace

bool ClaimsExist(Draft& d) {
  for (const VolumeRestore& volume : d.plan.status.volumes) {
    if (Ended(volume) || d.world.movers.contains(volume.claim)) continue;
    const auto found = d.world.claims.find(volume.claim);
    const ClaimState state = found == d.world.claims.end() ? ClaimState{} : found->second;
    if (state.deleting) {
      d.Progressing(reason::kScalingDown, "Waiting until claim " + volume.claim +
                                              ", which was deleted, is gone, to make it again.");
      d.plan.requeue = d.LookAgain();
      return false;
    }
    if (!state.exists && !MakeClaim(d, volume.claim)) return false;
  }
  if (!d.plan.create_claims.empty()) d.EndStep(kClaimsStep);
  return true;
}

}  // namespace holdfast::controllers::restore
