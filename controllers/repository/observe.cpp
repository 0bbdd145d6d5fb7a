#include "controllers/repository/observe.h"

#include <algorithm>
#include <set>

#include "controllers/kinds.h"
#include "controllers/labels.h"
#include "controllers/mover_run.h"
#include "controllers/reasons.h"
#include "controllers/repository/import.h"
#include "controllers/repository/upkeep.h"
#include "controllers/restore/prospect.h"
#include "controllers/write_status.h"

namespace holdfast::controllers::repository {
namespace {

// By what their verb says; a Job of a verb that is not known here is somebody else's.
void FindRuns(const Context& context, World& world, std::stop_token stop) {
  const std::pair<std::string, std::vector<MoverRun>*> sorts[] = {
      {"probe", &world.probes},
      {VerbOf(Chore::kPrune), &world.prunes},
      {VerbOf(Chore::kCheck), &world.checks},
      {kImportVerb, &world.imports}};
  for (const auto& job : JobsOf(context.caches, world.repository.metadata)) {
    const auto verb = job->labels.find(kVerbLabel);
    for (const auto& [name, runs] : sorts)
      if (verb != job->labels.end() && verb->second == name)
        runs->push_back({*job, LookAtMover(context, *job, stop)});
  }
}

std::vector<PodView> MoversOf(const Caches& caches, const kube::ObjectKey& repository) {
  std::vector<PodView> movers;
  for (const auto& [key, job] : caches.jobs.Find(index::kRepository, kube::ToString(repository)))
    for (PodView& pod : PodsOf(caches, *job)) movers.push_back(std::move(pod));
  return movers;
}

// A Backup that has only just been made is in the queue too, but need not wait.
std::int64_t CountWaiting(const Caches& caches, const kube::ObjectKey& repository) {
  std::int64_t waiting = 0;
  for (const auto& [key, backup] : caches.backups.Find(index::kQueue, kube::ToString(repository))) {
    const auto* ready = crds::FindCondition(backup->status.conditions, crds::kReady);
    if (ready != nullptr && ready->reason == reason::kWaitingForSlot) ++waiting;
  }
  return waiting;
}

enum class Holder { kAlive, kReleased, kDead };

Holder Judge(const PodView& pod) {
  if (!pod.Finished()) return Holder::kAlive;
  return LeftWithoutWord(pod) ? Holder::kDead : Holder::kReleased;
}

bool IsMover(const PodView& pod) {
  const auto label = pod.labels.find(kManagedBy);
  return label != pod.labels.end() && label->second == kManagedByHoldfast;
}

// The cache may lag behind a mover that has just started, so absence is asked of the API server; a
// lock is never taken from a pod of which nothing certain is known. One that is no mover holds
// none, and counts as absent: whoever writes a repository's locks learns nothing of others' pods.
Holder Look(const Context& context, const kube::ObjectKey& pod, std::stop_token stop) {
  if (const auto cached = context.caches.pods.Get(pod)) return Judge(*cached);
  const auto live = context.api.Get(kube::kPods, pod, stop);
  if (!live) return IsAbsent(live.error()) ? Holder::kDead : Holder::kAlive;
  const auto view = DecodePod(*live);
  if (!view) return Holder::kAlive;
  return IsMover(*view) ? Judge(*view) : Holder::kDead;
}

// The holders in the last probe's list. While a probe is under way nothing can be done about them.
std::vector<std::string> ListedHolders(const std::vector<Probe>& probes) {
  const auto newest = std::max_element(
      probes.begin(), probes.end(),
      [](const Probe& a, const Probe& b) { return a.job.created < b.job.created; });
  if (newest == probes.end() || !newest->job.Finished() || !newest->state.result) return {};
  return newest->state.result->lock_holders;
}

void FindDeadHolders(const Context& context, const std::vector<kube::ObjectKey>& lost, World& world,
                     std::stop_token stop) {
  const std::string& cluster = context.settings.cluster_name;
  std::set<std::string> dead;
  for (const kube::ObjectKey& pod : lost)
    if (Look(context, pod, stop) == Holder::kDead) dead.insert(HolderOf(cluster, pod));
  world.locks_left_behind = !dead.empty();
  for (const std::string& holder : ListedHolders(world.probes)) {
    const auto pod = PodOfHolder(holder, cluster);
    const Holder state = pod ? Look(context, *pod, stop) : Holder::kAlive;
    if (state != Holder::kAlive) dead.insert(holder);
    if (state == Holder::kDead) world.locks_left_behind = true;
  }
  world.dead_holders.assign(dead.begin(), dead.end());
}

// Absent only when the API server says so: a cache that lags must not end a drill.
std::optional<crds::Restore> DrillOf(const Context& context,
                                     const crds::BackupRepository& repository,
                                     std::stop_token stop) {
  const auto& last = repository.status.last_drill;
  if (!last || last->state != crds::RunState::kRunning) return std::nullopt;
  const kube::ObjectKey key = {repository.metadata.namespace_, last->restore};
  if (const auto cached = context.caches.restores.Get(key)) return *cached;
  const auto live = ReadLive<crds::Restore>(context, key, stop);
  if (live) return *live;
  crds::Restore unknown;  // still at work, for all that is known
  unknown.metadata.name = last->restore;
  return unknown;
}

bool IsFollowed(const Caches& caches, const std::string& ns) {
  bool followed = false;
  caches.restores.ForEach([&](const kube::ObjectKey& key, const auto& restore) {
    if (key.ns == ns && restore->spec.mode == crds::RestoreMode::kFollow &&
        !restore->metadata.deletion_timestamp && !restore->status.completion_time)
      followed = true;
  });
  return followed;
}

bool GoesInto(const crds::BackupPolicy& policy, const std::string& repository) {
  return policy.spec.repository == repository ||
         std::ranges::find(policy.spec.copy_to, repository) != policy.spec.copy_to.end();
}

}  // namespace

std::vector<Sample> SamplesIn(const Caches& caches, const crds::BackupRepository& repository) {
  const crds::ObjectMeta& meta = repository.metadata;
  std::vector<std::pair<std::string, kube::ObjectKey>> newest;
  caches.policies.ForEach([&](const kube::ObjectKey& key, const auto& policy) {
    if (key.ns == meta.namespace_ && policy->status.last_success && GoesInto(*policy, meta.name))
      newest.emplace_back(key.name, kube::ObjectKey{key.ns, policy->status.last_success->backup});
  });
  std::vector<Sample> samples;
  for (const auto& [policy, key] : newest) {
    const auto backup = caches.backups.Get(key);
    if (backup == nullptr) continue;
    for (const crds::VolumeBackup& volume : backup->status.volumes)
      if (!volume.snapshot.empty())
        samples.push_back({policy, volume.claim, static_cast<std::uint64_t>(volume.bytes)});
  }
  return samples;
}

World Observe(const Context& context, MoverWatch& movers, crds::BackupRepository repository,
              std::stop_token stop) {
  World world;
  world.repository = std::move(repository);
  world.now = std::chrono::floor<std::chrono::seconds>(context.clock.Now());
  FindRuns(context, world, stop);
  if (const std::string& name = world.repository.spec.chunker_from; !name.empty())
    if (const auto found =
            context.caches.repositories.Get({world.repository.metadata.namespace_, name}))
      world.chunker_from = *found;
  if (const auto& shared = world.repository.spec.shared)
    if (const auto found = context.caches.repositories.Get({shared->namespace_, shared->name}))
      world.definition = *found;
  const kube::ObjectKey key = KeyOf(world.repository.metadata);
  if (world.repository.spec.imports) {
    world.followed = IsFollowed(context.caches, key.ns);
    world.promotions = Promotions(context.caches, key.ns);
  }
  world.drill = DrillOf(context, world.repository, stop);
  world.restore_rate = restore::MeasuredRate(restore::RestoresFrom(context.caches, key));
  world.waiting = CountWaiting(context.caches, key);
  FindDeadHolders(context, movers.Update(key, MoversOf(context.caches, key)), world, stop);
  return world;
}

}  // namespace holdfast::controllers::repository
