#include "controllers/backup/claims.h"

#include <algorithm>
#include <map>
#include <vector>

#include "controllers/backup/mover_jobs.h"
#include "controllers/backup/volumes.h"
#include "jobs/protocol/dump_name.h"

namespace holdfast::controllers::backup {
namespace {

// kube::ListOptions::not_older_than: what only etcd knows for certain.
constexpr const char* kTheLatest = "";

using Claims = std::map<std::string, ClaimView>;  // by name

Result<Claims> ListClaims(const Context& context, const std::string& ns, const char* not_older_than,
                          std::stop_token stop) {
  kube::ListOptions options;
  options.ns = ns;
  options.not_older_than = not_older_than;
  TRY(auto listed, ListAll<ClaimView>(context.api, kube::kPersistentVolumeClaims, options,
                                      DecodeClaim, std::move(stop)));
  Claims claims;
  for (ClaimView& claim : listed) claims.emplace(claim.key.name, std::move(claim));
  return claims;
}

std::set<std::string> NamesOf(const Claims& claims) {
  std::set<std::string> names;
  for (const auto& [name, claim] : claims) names.insert(name);
  return names;
}

// What world.claims may lack of those that StatefulSets without replicas have left. They were made
// in the order of their numbers: where some are missing, so is the next one, or one between.
std::vector<std::string> MissingOfLeft(const World& world) {
  std::vector<std::string> missing;
  for (const StatefulSetView* set : world.stateful_sets)
    if (set->replicas == 0)
      for (std::string& claim : MissingClaims(*world.policy, *set, world.claims))
        missing.push_back(std::move(claim));
  return missing;
}

// Whether a list that lacks `missing` may be old: one of them exists, or they are too many to ask.
Result<bool> IsBehind(const Context& context, const std::string& ns,
                      const std::vector<std::string>& missing, std::stop_token stop) {
  if (missing.size() > kFewClaims) return true;
  for (const std::string& name : missing) {
    const auto claim = context.api.Get(kube::kPersistentVolumeClaims, {ns, name}, stop);
    if (claim) return true;
    if (!IsAbsent(claim.error())) return tl::make_unexpected(claim.error());
  }
  return false;
}

}  // namespace

Result<void> LookAtClaims(const Context& context, World& world, std::stop_token stop) {
  // A dump has no claim.
  for (VolumeWorld& volume : world.volumes)
    volume.claim_exists =
        !AwaitsMover(world, volume) || !volume.node.empty() || protocol::IsDump(volume.claim);
  for (const char* not_older_than : {kube::kAnyVersion, kTheLatest}) {
    if (std::ranges::all_of(world.volumes, &VolumeWorld::claim_exists)) break;
    TRY(const Claims claims,
        ListClaims(context, world.backup.metadata.namespace_, not_older_than, stop));
    for (VolumeWorld& volume : world.volumes) {
      const auto claim = claims.find(volume.claim);
      if (claim == claims.end()) continue;
      volume.claim_exists = true;
      volume.source.block = claim->second.block;
    }
  }
  return {};
}

Result<void> LookAtLeftClaims(const Context& context, World& world, std::stop_token stop) {
  const bool needed =
      world.backup.status.volumes.empty() &&
      std::ranges::any_of(world.stateful_sets, [](const auto* set) { return set->replicas == 0; });
  if (!needed) return {};
  const std::string& ns = world.backup.metadata.namespace_;
  TRY(const Claims remembered, ListClaims(context, ns, kube::kAnyVersion, stop));
  world.claims = NamesOf(remembered);
  const std::vector<std::string> missing = MissingOfLeft(world);
  TRY(const bool behind, IsBehind(context, ns, missing, stop));
  if (!behind) return {};
  TRY(const Claims latest, ListClaims(context, ns, kTheLatest, stop));
  world.claims = NamesOf(latest);
  return {};
}

}  // namespace holdfast::controllers::backup
