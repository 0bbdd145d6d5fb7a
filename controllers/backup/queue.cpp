#include "controllers/backup/queue.h"

#include <algorithm>
#include <functional>
#include <tuple>

#include "controllers/backup/copies.h"
#include "controllers/backup/staging.h"
#include "controllers/backup/volumes.h"
#include "controllers/kinds.h"
#include "controllers/labels.h"
#include "controllers/reasons.h"

namespace holdfast::controllers::backup {
namespace {

using Backups = std::vector<kube::Cache<crds::Backup>::Entry>;

// The first `count`, in their order.
std::vector<kube::ObjectKey> Oldest(Backups backups, std::size_t count) {
  const auto end = backups.begin() + static_cast<std::ptrdiff_t>(std::min(count, backups.size()));
  std::ranges::partial_sort(backups, end,
                            [](const auto& a, const auto& b) { return OlderThan(*a, *b); });
  std::vector<kube::ObjectKey> keys;
  for (auto it = backups.begin(); it != end; ++it) keys.push_back(KeyOf((*it)->metadata));
  return keys;
}

// In a repository's queue: no mover was made for it yet, and one could be.
bool IsQueued(const crds::BackupStatus& status, const crds::VolumeBackup& volume) {
  return volume.state == crds::RunState::kPending && volume.job.empty() &&
         !AwaitsSnapshot(status, volume);
}

std::int64_t CountQueued(const crds::BackupStatus& status) {
  return std::ranges::count_if(status.volumes,
                               [&](const auto& volume) { return IsQueued(status, volume); });
}

bool SaysItWaits(const crds::Backup& backup) {
  const crds::Condition* ready = crds::FindCondition(backup.status.conditions, crds::kReady);
  return ready != nullptr && ready->reason == reason::kWaitingForSlot;
}

// What Backups that are older than one want of a repository.
struct Ahead {
  std::int64_t volumes = 0;  // that wait for a slot
  // One of them has nothing to wait for but that: it goes first, also where there are slots for
  // both, so that they start in the order in which they were made. When it does, and when it turns
  // out to wait for something else, that is news that brings the others back.
  bool next = false;
};

Ahead AheadOf(const crds::Backup& backup, const Caches& caches, const kube::ObjectKey& repository) {
  Ahead ahead;
  for (const auto& [key, other] : caches.backups.Find(index::kQueue, kube::ToString(repository))) {
    if (other->metadata.deletion_timestamp || !OlderThan(*other, backup)) continue;
    const std::int64_t queued = CountQueued(other->status);
    ahead.volumes += queued;
    ahead.next = ahead.next || (queued > 0 && SaysItWaits(*other));
  }
  return ahead;
}

// The verb of a Job that has not ended; empty for one that has.
std::string UnfinishedVerb(const JobView& job) {
  const auto verb = job.labels.find(kVerbLabel);
  return job.Finished() || verb == job.labels.end() ? "" : verb->second;
}

bool TakesSlot(const std::string& verb) {
  return verb == "backup" || verb == "restore" || verb == kCopyVerb;
}

using Visit = std::function<void(const JobView&)>;

// The movers of a repository, by the cache or, until it shows all, by the API server.
Result<void> EachMover(const Context& context, const kube::ObjectKey& repository, const Visit& each,
                       std::stop_token stop) {
  kube::Freshness& freshness = context.caches.jobs.freshness();
  const std::string name = LabelValue(repository.name);
  if (freshness.ShowsAll(repository.ns)) {
    for (const auto& [key, job] :
         context.caches.jobs.Find(index::kRepository, repository.ns + "/" + name))
      each(*job);
    return {};
  }
  kube::ListOptions movers;
  movers.ns = repository.ns;
  movers.label_selector = std::string(kManagedSelector) + "," + kRepositoryLabel + "=" + name;
  movers.not_older_than = freshness.Needed(repository.ns);
  TRY(const std::string version, context.api.List(
                                     kube::kJobs, movers,
                                     [&](const Json& object) -> Result<void> {
                                       TRY(const JobView job, DecodeJob(object));
                                       each(job);
                                       return {};
                                     },
                                     std::move(stop)));
  if (movers.not_older_than.empty()) freshness.Listed(repository.ns, version);
  return {};
}

// A Job of ours that the cache does not show yet.
void Adopt(const JobView& job, World& world) {
  for (VolumeWorld& volume : world.volumes) {
    if (volume.job || job.key.name != JobNameFor(world.backup, volume.claim)) continue;
    volume.job = job;
    volume.mover = StateOfMover(job, {});
  }
}

// Backups that came earlier and wait for a slot go first.
std::int64_t SlotsLeftByOlder(const Caches& caches, const World& world) {
  const Ahead ahead = AheadOf(world.backup, caches, KeyOf(world.repository->metadata));
  return ahead.next ? 0 : world.repository->spec.limits.concurrent_movers - ahead.volumes;
}

}  // namespace

bool OlderThan(const crds::Backup& a, const crds::Backup& b) {
  return std::tie(a.metadata.creation_timestamp, a.metadata.name) <
         std::tie(b.metadata.creation_timestamp, b.metadata.name);
}

bool IsFarBack(const Caches& caches, const crds::Backup& backup) {
  if (!SaysItWaits(backup)) return false;
  const auto started = [&](const auto& volume) { return !IsQueued(backup.status, volume); };
  if (std::ranges::any_of(backup.status.volumes, started)) return false;
  const kube::ObjectKey key = {backup.metadata.namespace_, backup.status.repository};
  const auto repository = caches.repositories.Get(key);
  if (repository == nullptr) return false;
  const Ahead ahead = AheadOf(backup, caches, key);
  return ahead.next || ahead.volumes >= repository->spec.limits.concurrent_movers;
}

std::vector<kube::ObjectKey> HeadOfQueue(const Caches& caches, const kube::ObjectKey& repository) {
  const auto found = caches.repositories.Get(repository);
  if (found == nullptr) return {};
  std::vector<kube::Cache<crds::Backup>::Entry> queue;
  for (const auto& [key, backup] : caches.backups.Find(index::kQueue, kube::ToString(repository)))
    if (!backup->metadata.deletion_timestamp && CountQueued(backup->status) > 0)
      queue.push_back(backup);
  return Oldest(std::move(queue),
                static_cast<std::size_t>(found->spec.limits.concurrent_movers + 1));
}

std::vector<kube::ObjectKey> HeadOfCopies(const Caches& caches, const kube::ObjectKey& repository,
                                          TimePoint now) {
  const auto found = caches.repositories.Get(repository);
  if (found == nullptr) return {};
  const auto is_due = [&](const crds::BackupCopy& copy) {
    return copy.repository == repository.name && copy.state != crds::RunState::kRunning &&
           IsDue(copy, found.get(), now);
  };
  std::vector<kube::Cache<crds::Backup>::Entry> owing;
  for (const auto& [key, backup] : caches.backups.Find(index::kCopies, kube::ToString(repository)))
    if (std::ranges::any_of(backup->status.copies, is_due)) owing.push_back(backup);
  return Oldest(std::move(owing), static_cast<std::size_t>(found->spec.limits.concurrent_movers));
}

Result<void> LookAtSlots(const Context& context, World& world, std::stop_token stop) {
  std::int64_t free = SlotsLeftByOlder(context.caches, world);
  if (free <= 0) return {};
  TRY_VOID(EachMover(
      context, KeyOf(world.repository->metadata),
      [&](const JobView& job) {
        const std::string verb = UnfinishedVerb(job);
        if (TakesSlot(verb)) --free;
        if (verb == "prune") world.pruning = job.key.name;
        if (job.owner.uid == world.backup.metadata.uid) Adopt(job, world);
      },
      std::move(stop)));
  world.free_slots = static_cast<int>(std::max<std::int64_t>(0, free));
  return {};
}

Result<int> CountMovers(const Context& context, const kube::ObjectKey& repository,
                        std::stop_token stop) {
  int count = 0;
  TRY_VOID(EachMover(
      context, repository,
      [&](const JobView& job) {
        if (TakesSlot(UnfinishedVerb(job))) ++count;
      },
      std::move(stop)));
  return count;
}

}  // namespace holdfast::controllers::backup
