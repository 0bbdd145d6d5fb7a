#include "controllers/policy/observe.h"

#include <algorithm>

#include "controllers/backup/volumes.h"
#include "controllers/labels.h"
#include "controllers/mover_run.h"
#include "controllers/policy/continuous.h"
#include "controllers/restore/prospect.h"
#include "controllers/target.h"
#include "controllers/workload.h"
#include "controllers/write_status.h"

namespace holdfast::controllers::policy {
namespace {

void LookAtBackups(const Context& context, const kube::ObjectKey& key, World& world) {
  for (const auto& [name, backup] :
       context.caches.backups.Find(index::kPolicy, kube::ToString(key)))
    world.backups.push_back(*backup);
  std::ranges::sort(world.backups, {}, [](const crds::Backup& b) { return b.metadata.name; });
}

// The Backup that we made a moment ago may not be in the cache yet; without it we would make
// another. `shown` is whether the cache had it, were it there, when the Backups were looked at.
Result<void> LookAtRunning(const Context& context, bool shown, World& world, std::stop_token stop) {
  const std::string& running = world.policy.status.running;
  const bool known = std::ranges::any_of(
      world.backups, [&](const crds::Backup& b) { return b.metadata.name == running; });
  if (running.empty() || known || shown) return {};
  TRY(auto backup,
      ReadLive<crds::Backup>(context, {world.policy.metadata.namespace_, running}, stop));
  if (backup) world.backups.push_back(*std::move(backup));
  return {};
}

void LookAtCopies(const Context& context, Observed& observed) {
  World& world = observed.world;
  for (const crds::Backup& backup : world.backups)
    for (const crds::BackupCopy& copy : backup.status.copies) {
      if (world.copies.contains(copy.repository)) continue;
      auto found =
          context.caches.repositories.Get({world.policy.metadata.namespace_, copy.repository});
      if (found == nullptr) continue;
      world.copies[copy.repository] = found.get();
      observed.copies.push_back(std::move(found));
    }
}

void LookAtJobs(const Context& context, World& world, std::stop_token stop) {
  for (const auto& job : JobsOf(context.caches, world.policy.metadata)) {
    const auto verb = job->labels.find(kVerbLabel);
    const bool watches = verb != job->labels.end() && verb->second == kWatchVerb;
    (watches ? world.watchers : world.forgets).push_back({*job, LookAtMover(context, *job, stop)});
  }
}

// As whom and where pods use the volumes that are to be watched. A pod that is about to go is about
// to be elsewhere, and so are its volumes. As new as can be: nothing would bring us back here.
Result<void> LookAtMounts(const Context& context, World& world, std::stop_token stop) {
  if (!IsContinuous(world.policy) || world.stateful_sets.empty()) return {};
  std::map<std::string, Mount> mounts;
  for (const crds::VolumeBackup& volume :
       backup::ResolveVolumes(world.policy, world.stateful_sets, {}))
    mounts[volume.claim].claim = volume.claim;
  if (mounts.empty()) return {};
  kube::ListOptions options;
  options.ns = world.policy.metadata.namespace_;
  TRY_VOID(context.api.List(
      kube::kPods, options,
      [&](const Json& object) -> Result<void> {
        const auto pod = DecodePod(object);
        if (!pod || pod->Finished() || pod->deleting || pod->node.empty() ||
            pod->labels.contains(kVerbLabel))
          return {};
        const Json& spec = *Find(object, {"spec"});
        for (const std::string& claim : pod->claims)
          if (const auto mount = mounts.find(claim); mount != mounts.end()) {
            mount->second.node = pod->node;
            const std::string volume = VolumeOfClaim(spec, claim);
            mount->second.security = SecurityOf(spec, volume);
            mount->second.device = IsDevice(spec, volume);
          }
        return {};
      },
      stop));
  for (auto& [claim, mount] : mounts)
    if (!mount.node.empty()) world.mounts.push_back(std::move(mount));
  return {};
}

bool IsWatched(const World& world, const std::string& claim) {
  return std::ranges::any_of(world.watchers,
                             [&](const MoverRun& run) { return Watches(run, claim); });
}

// Whether the volumes that get their first watcher may be mounted beside their pods.
Result<void> LookAtClaims(const Context& context, World& world, std::stop_token stop) {
  const auto is_new = [&](const Mount& mount) { return !IsWatched(world, mount.claim); };
  if (std::ranges::none_of(world.mounts, is_new)) return {};
  kube::ListOptions options;
  options.ns = world.policy.metadata.namespace_;
  options.not_older_than = std::string(kube::kAnyVersion);  // GCC 12 misreads the plain one
  TRY(const auto claims,
      ListAll<ClaimView>(context.api, kube::kPersistentVolumeClaims, options, DecodeClaim, stop));
  for (const ClaimView& claim : claims)
    for (Mount& mount : world.mounts)
      if (mount.claim == claim.key.name) mount.one_pod = claim.one_pod;
  return {};
}

}  // namespace

Result<Observed> Observe(const Context& context, crds::BackupPolicy policy, std::stop_token stop) {
  Observed observed;
  World& world = observed.world;
  world.now = context.clock.Now();
  world.allowed = {context.settings.hooks_enabled, context.settings.dumps_enabled,
                   context.settings.secrets_enabled};
  world.policy = std::move(policy);
  const kube::ObjectKey key = KeyOf(world.policy.metadata);
  const crds::BackupPolicySpec& spec = world.policy.spec;
  observed.repository = context.caches.repositories.Get({key.ns, spec.repository});
  observed.stateful_sets = TargetsOf(context.caches, world.policy);
  world.repository = observed.repository.get();
  world.restores = restore::RestoresFrom(context.caches, {key.ns, spec.repository});
  for (const auto& set : observed.stateful_sets) world.stateful_sets.push_back(set.get());
  const bool shown =
      context.caches.backups.freshness().Shows({key.ns, world.policy.status.running});
  LookAtBackups(context, key, world);
  TRY_VOID(LookAtRunning(context, shown, world, stop));
  LookAtCopies(context, observed);
  LookAtJobs(context, world, stop);
  TRY_VOID(LookAtMounts(context, world, stop));
  TRY_VOID(LookAtClaims(context, world, stop));
  return observed;
}

}  // namespace holdfast::controllers::policy
