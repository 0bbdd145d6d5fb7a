#include "controllers/policy/observe.h"

#include <algorithm>

#include "controllers/mover_run.h"
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

void LookAtForgetJobs(const Context& context, World& world, std::stop_token stop) {
  const crds::ObjectMeta& meta = world.policy.metadata;
  for (const auto& [name, job] :
       context.caches.jobs.Find(index::kOwner, index::OwnedBy(meta.namespace_, meta.uid)))
    world.forgets.push_back({*job, LookAtMover(context, *job, stop)});
}

}  // namespace

Result<Observed> Observe(const Context& context, crds::BackupPolicy policy, std::stop_token stop) {
  Observed observed;
  World& world = observed.world;
  world.now = context.clock.Now();
  world.allowed = {context.settings.hooks_enabled, context.settings.dumps_enabled};
  world.policy = std::move(policy);
  const kube::ObjectKey key = KeyOf(world.policy.metadata);
  const crds::BackupPolicySpec& spec = world.policy.spec;
  observed.repository = context.caches.repositories.Get({key.ns, spec.repository});
  observed.stateful_set = context.caches.stateful_sets.Get({key.ns, spec.target.stateful_set});
  world.repository = observed.repository.get();
  world.stateful_set = observed.stateful_set.get();
  const bool shown =
      context.caches.backups.freshness().Shows({key.ns, world.policy.status.running});
  LookAtBackups(context, key, world);
  TRY_VOID(LookAtRunning(context, shown, world, stop));
  LookAtCopies(context, observed);
  LookAtForgetJobs(context, world, stop);
  return observed;
}

}  // namespace holdfast::controllers::policy
