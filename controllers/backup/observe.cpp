#include "controllers/backup/observe.h"

#include <algorithm>
#include <functional>
#include <set>
#include <tuple>

#include "controllers/backup/copies.h"
#include "controllers/backup/freeze.h"
#include "controllers/backup/manifests.h"
#include "controllers/backup/staging.h"
#include "controllers/backup/volume_groups.h"
#include "controllers/finalizer.h"
#include "controllers/kinds.h"
#include "controllers/labels.h"
#include "controllers/manifests/collect.h"
#include "controllers/mover_job.h"
#include "controllers/mover_run.h"
#include "controllers/reasons.h"
#include "controllers/target.h"
#include "controllers/workload.h"
#include "controllers/write_status.h"
#include "jobs/protocol/dump_name.h"

namespace holdfast::controllers::backup {
namespace {

// A log that could not be read: its node may be gone, and each try takes until the timeout.
constexpr std::chrono::minutes kUnreadablePause{1};
// kube::ListOptions::not_older_than: what only etcd knows for certain.
constexpr const char* kTheLatest = "";

// A mover that has not started by then may be held up where it is.
constexpr std::chrono::seconds kLongWait{10};

kube::ListOptions In(const std::string& ns, std::string label_selector = "") {
  kube::ListOptions options;
  options.ns = ns;
  options.label_selector = std::move(label_selector);
  return options;
}

// The verb of a Job that has not ended; empty for one that has.
std::string UnfinishedVerb(const JobView& job) {
  const auto verb = job.labels.find(kVerbLabel);
  return job.Finished() || verb == job.labels.end() ? "" : verb->second;
}

bool TakesSlot(const std::string& verb) {
  return verb == "backup" || verb == "restore" || verb == kCopyVerb;
}

bool OlderThan(const crds::Backup& a, const crds::Backup& b) {
  return std::tie(a.metadata.creation_timestamp, a.metadata.name) <
         std::tie(b.metadata.creation_timestamp, b.metadata.name);
}

// The oldest of `backups`, at most `count`, in their order.
std::vector<kube::ObjectKey> Oldest(std::vector<kube::Cache<crds::Backup>::Entry> backups,
                                    std::size_t count) {
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

bool NeedsChoice(const World& world) {
  return world.policy != nullptr && world.policy->spec.copy_method != crds::CopyMethod::kDirect &&
         std::ranges::any_of(world.backup.status.volumes, [](const auto& volume) {
           return !volume.copy_method && !protocol::IsDump(volume.claim);
         });
}

class Observer {
 public:
  Observer(const Context& context, ProgressBook& book, std::stop_token stop)
      : context_(context), book_(book), stop_(std::move(stop)) {}

  Result<Observed> Look(crds::Backup backup) {
    World& world = observed_.world;
    world.backup = std::move(backup);
    world.now = context_.clock.Now();
    world.allowed = {context_.settings.hooks_enabled, context_.settings.dumps_enabled,
                     context_.settings.secrets_enabled};
    world.hook_news = context_.hooks.Look(world.backup.metadata.uid);
    LookUpReferences();
    LookAtJobs();
    NameVolumes();
    if (!IsOver(world.backup.status)) TRY_VOID(LookAtMovers());
    if (ConcernsStaged()) TRY_VOID(LookAtStaged());
    if (IsOver(world.backup.status)) {
      TRY_VOID(LookAtCopies());
      return std::move(observed_);
    }
    LookForOlder();
    LookForRestore();
    const bool some_wait =
        std::ranges::any_of(world.volumes, [this](const auto& volume) { return Waits(volume); });
    if (some_wait && world.repository != nullptr) TRY_VOID(LookAtStart());
    if (NeedsLeftClaims()) {
      TRY(world.claims, ListLeftClaims());
    }
    return std::move(observed_);
  }

 private:
  const std::string& Namespace() const { return observed_.world.backup.metadata.namespace_; }

  // For a mover. One that has failed without ever having one does not.
  bool Waits(const VolumeWorld& seen) const {
    const auto& volumes = observed_.world.backup.status.volumes;
    const auto volume = std::ranges::find(volumes, seen.claim, &crds::VolumeBackup::claim);
    return !seen.job && !seen.job_is_coming && volume != volumes.end() && !IsOver(*volume) &&
           !AwaitsSnapshot(observed_.world.backup.status, *volume);
  }

  // A StatefulSet without replicas is told by its claims.
  bool NeedsLeftClaims() const {
    const World& world = observed_.world;
    return world.backup.status.volumes.empty() &&
           std::ranges::any_of(world.stateful_sets,
                               [](const auto* set) { return set->replicas == 0; });
  }

  void LookUpReferences() {
    World& world = observed_.world;
    observed_.policy = context_.caches.policies.Get({Namespace(), world.backup.spec.policy});
    world.policy = observed_.policy.get();
    if (world.policy == nullptr) return;
    const crds::BackupPolicySpec& spec = world.policy->spec;
    observed_.repository = context_.caches.repositories.Get({Namespace(), spec.repository});
    observed_.stateful_sets = TargetsOf(context_.caches, *world.policy);
    world.repository = observed_.repository.get();
    for (const auto& set : observed_.stateful_sets) world.stateful_sets.push_back(set.get());
  }

  void LookAtJobs() {
    const crds::ObjectMeta& meta = observed_.world.backup.metadata;
    for (const auto& [key, job] :
         context_.caches.jobs.Find(index::kOwner, index::OwnedBy(meta.namespace_, meta.uid)))
      observed_.world.jobs.push_back(*job);
  }

  const crds::BackupRepository* Keep(kube::Cache<crds::BackupRepository>::Entry entry) {
    return observed_.copy_repositories.emplace_back(std::move(entry)).get();
  }

  Result<void> LookAtCopies() {
    World& world = observed_.world;
    const crds::BackupStatus& status = world.backup.status;
    if (!OwesCopies(status)) return {};
    world.copy_source = Keep(context_.caches.repositories.Get({Namespace(), status.repository}));
    for (const crds::BackupCopy& copy : status.copies) {
      CopyWorld& seen = world.copies.emplace_back();
      seen.repository = copy.repository;
      seen.destination = Keep(context_.caches.repositories.Get({Namespace(), copy.repository}));
      const std::string name = CopyJobName(world.backup, copy);
      for (const JobView& job : world.jobs)
        if (job.key.name == name)
          seen.run = MoverRun{job, controllers::LookAtMover(context_, job, stop_)};
      const bool may_start = seen.destination != nullptr &&
                             IsDue(copy, seen.destination, world.now) &&
                             (!seen.run || seen.run->job.Finished());
      if (may_start) {
        TRY(const int used, CountMovers(copy.repository));
        seen.free_slots =
            std::max(0, static_cast<int>(seen.destination->spec.limits.concurrent_movers) - used);
      }
    }
    return {};
  }

  Result<int> CountMovers(const std::string& repository) {
    int used = 0;
    TRY_VOID(EachMover(repository, [&](const JobView& job) {
      if (TakesSlot(UnfinishedVerb(job))) ++used;
    }));
    return used;
  }

  // Those that cannot run themselves are not waited for.
  void LookForOlder() {
    World& world = observed_.world;
    const std::string policy = Namespace() + "/" + world.backup.spec.policy;
    for (const auto& [key, other] : context_.caches.backups.Find(index::kPolicy, policy))
      if (!IsOver(other->status) && !crds::IsTrue(other->status.conditions, crds::kStalled) &&
          !other->metadata.deletion_timestamp && OlderThan(*other, world.backup))
        world.older = other->metadata.name;
  }

  void LookForRestore() {
    for (const StatefulSetView* set : observed_.world.stateful_sets) LookForRestoreOf(*set);
  }

  void LookForRestoreOf(const StatefulSetView& set) {
    for (const auto& [key, restore] :
         context_.caches.restores.Find(index::kStatefulSet, kube::ToString(set.key))) {
      const bool left_down = restore->status.phase == crds::RestorePhase::kFailed &&
                             restore->status.start_time && set.replicas == 0;
      // Pending ones have touched nothing yet, and may wait for a backup that is under way.
      const bool writing = restore->status.phase != crds::RestorePhase::kPending &&
                           restore->status.phase != crds::RestorePhase::kFollowing &&
                           restore->status.phase != crds::RestorePhase::kSucceeded &&
                           restore->status.phase != crds::RestorePhase::kFailed;
      if (writing || left_down) observed_.world.restoring = key.name;
    }
  }

  void NameVolumes() {
    for (const crds::VolumeBackup& volume : observed_.world.backup.status.volumes) {
      VolumeWorld& seen = observed_.world.volumes.emplace_back();
      seen.claim = volume.claim;
      const std::string name = JobNameFor(observed_.world.backup, volume.claim);
      for (const JobView& job : observed_.world.jobs)
        if (job.key.name == name) seen.job = job;
      seen.job_is_coming =
          !seen.job && context_.caches.jobs.freshness().Awaits({Namespace(), name});
    }
  }

  // While movers read what is staged, nothing has to be known of it.
  bool ConcernsStaged() const {
    const World& world = observed_.world;
    for (std::size_t i = 0; i < world.volumes.size(); ++i) {
      const crds::VolumeBackup& volume = world.backup.status.volumes[i];
      const VolumeWorld& seen = world.volumes[i];
      const bool is_read = seen.job && seen.mover.phase == MoverPhase::kRunning;
      const bool is_gone = IsOver(volume) && volume.volume_snapshot.empty() &&
                           volume.volume_group_snapshot.empty() && !seen.job;
      if (IsStaged(volume) && !is_read && !is_gone) return true;
    }
    return false;
  }

  // Without a watch: the API that has VolumeSnapshots may come and go. The members of groups have
  // no labels of ours, and what groups select by are the labels of all claims.
  Result<void> LookAtStaged() {
    World& world = observed_.world;
    const bool has_groups = HasGroups(world.backup.status);
    const std::string ours = std::string(kManagedSelector) + "," + kBackupLabel + "=" +
                             LabelValue(world.backup.metadata.name);
    const kube::ListOptions which = In(Namespace(), has_groups ? "" : ours);
    auto snapshots = ListAll<TakenSnapshot>(context_.api, kube::kVolumeSnapshots, which,
                                            DecodeTakenSnapshot, stop_);
    if (!snapshots && !IsAbsent(snapshots.error())) return tl::make_unexpected(snapshots.error());
    TRY(const auto claims,
        ListAll<ClaimView>(context_.api, kube::kPersistentVolumeClaims, which, DecodeClaim, stop_));
    if (has_groups) TRY_VOID(LookAtGroups());
    if (has_groups) world.storage.claims = claims;
    for (std::size_t i = 0; i < world.volumes.size(); ++i) {
      VolumeWorld& seen = world.volumes[i];
      if (snapshots) seen.snapshot = SnapshotOf(world.backup.status.volumes[i], *snapshots);
      const std::string name = JobNameFor(world.backup, seen.claim);
      for (const ClaimView& claim : claims)
        if (claim.key.name == name && (!seen.job || claim.owner.uid == seen.job->uid))
          seen.staged = claim;
      const bool lacks_claim =
          seen.job && !seen.job->Finished() && (!seen.staged || seen.job->suspended);
      if (lacks_claim && IsStaged(world.backup.status.volumes[i])) TRY_VOID(LookAtSource(seen));
    }
    return {};
  }

  std::optional<VolumeSnapshotView> SnapshotOf(const crds::VolumeBackup& volume,
                                               const std::vector<TakenSnapshot>& snapshots) const {
    const World& world = observed_.world;
    const std::string name = JobNameFor(world.backup, volume.claim);
    const bool alone = volume.volume_group_snapshot.empty();
    for (const TakenSnapshot& taken : snapshots)
      if (alone ? taken.snapshot.key.name == name : IsMemberFor(world, taken, volume))
        return taken.snapshot;
    return std::nullopt;
  }

  Result<void> LookAtGroups() {
    World& world = observed_.world;
    TRY(world.groups_version, GroupsVersion());
    if (world.groups_version.empty()) return {};
    auto groups =
        ListAll<VolumeSnapshotView>(context_.api, kube::VolumeGroupSnapshots(world.groups_version),
                                    In(Namespace()), DecodeVolumeSnapshot, stop_);
    if (!groups && !IsAbsent(groups.error())) return tl::make_unexpected(groups.error());
    if (groups)
      world.groups = *std::move(groups);
    else
      world.groups_version.clear();
    return {};
  }

  // In which the cluster serves VolumeGroupSnapshots; empty where it does not. Those of alpha were
  // others.
  Result<std::string> GroupsVersion() const {
    auto version = context_.api.PreferredVersion(kube::kGroupSnapshotsGroup, stop_);
    if (version) return version->find("alpha") == version->npos ? *version : "";
    if (IsAbsent(version.error()) || version.error().code == Code::kDenied) return "";
    return version;
  }

  Result<void> LookAtSource(VolumeWorld& seen) {
    const auto claim =
        context_.api.Get(kube::kPersistentVolumeClaims, {Namespace(), seen.claim}, stop_);
    if (!claim && !IsAbsent(claim.error())) return tl::make_unexpected(claim.error());
    seen.claim_exists = claim.has_value();
    if (!claim) return {};
    TRY(seen.source, DecodeClaim(*claim));
    return {};
  }

  Result<void> LookAtMovers() {
    bool waits = false;
    for (VolumeWorld& seen : observed_.world.volumes) {
      if (!seen.job) continue;
      TRY_VOID(LookAtMover(seen));
      waits = waits || WaitsLong(seen);
    }
    return waits ? LookWherePodsAre() : Result<void>();
  }

  bool WaitsLong(const VolumeWorld& seen) const {
    return seen.mover.phase == MoverPhase::kWaiting && !seen.job->deleting &&
           observed_.world.now - seen.job->created >= kLongWait;
  }

  // A pod that is about to go is about to be elsewhere.
  Result<void> LookWherePodsAre() {
    return ListPods([this](const PodView& pod, const Json&) {
      if (pod.node.empty() || pod.deleting) return;
      for (VolumeWorld& seen : observed_.world.volumes)
        if (std::ranges::find(pod.claims, seen.claim) != pod.claims.end())
          seen.nodes.insert(pod.node);
    });
  }

  Result<void> LookAtMover(VolumeWorld& seen) {
    seen.mover = controllers::LookAtMover(context_, *seen.job, stop_);
    if (seen.mover.phase == MoverPhase::kSucceeded) seen.last_good = LastGoodSize(seen.claim);
    if (seen.mover.phase != MoverPhase::kRunning) {
      book_.Forget(seen.job->uid);
      return {};
    }
    seen.progress = ReadProgress(*seen.job, seen.mover.pod);
    return {};
  }

  std::optional<GoodSize> LastGoodSize(const std::string& claim) const {
    const std::string policy = Namespace() + "/" + observed_.world.backup.spec.policy;
    std::optional<GoodSize> good;
    std::optional<TimePoint> when;
    for (const auto& [key, other] : context_.caches.backups.Find(index::kPolicy, policy)) {
      const crds::BackupStatus& status = other->status;
      if (status.phase != crds::BackupPhase::kSucceeded || status.completion_time < when) continue;
      for (const crds::VolumeBackup& volume : status.volumes) {
        if (volume.claim != claim) continue;
        good = GoodSize{key.name, volume.bytes};
        when = status.completion_time;
      }
    }
    return good;
  }

  // A log that cannot be read costs only the percentage.
  std::optional<protocol::Progress> ReadProgress(const JobView& job, const std::string& pod) {
    const TimePoint now = observed_.world.now;
    // In its first moments a mover has nothing to tell that is worth a request.
    const bool is_new = now < job.created + context_.settings.progress_period;
    if (is_new || !book_.MayRead(job.uid, now)) return book_.Last(job.uid);
    const auto begun = std::chrono::steady_clock::now();
    Result<std::string> log =
        context_.api.PodLog({Namespace(), pod}, {.container = kMoverContainer}, stop_);
    const auto took = std::chrono::steady_clock::now() - begun;
    book_.Note(job.uid, now, took, log ? std::optional(*std::move(log)) : std::nullopt,
               context_.settings.progress_period);
    return book_.Last(job.uid);
  }

  // What starting movers needs to know: whether slots are free, and where each volume is mounted
  // and by whom. Pods and claims are taken as the API server has them in memory (kAnyVersion). What
  // they are asked for bears that: a pod that moved a moment ago would have moved a moment later,
  // and so would a claim have gone. That a claim does not exist fails its volume for good, so that
  // is asked again.
  Result<void> LookAtStart() {
    World& world = observed_.world;
    const int slots = SlotsLeftByOlder();
    if (slots <= 0) return {};
    TRY_VOID(CountSlots(slots));
    if (world.free_slots <= 0) return {};
    InheritFromTemplate();
    TRY_VOID(ListPods([this](const PodView& pod, const Json& spec) { NoteMounts(pod, spec); }));
    // A claim that a pod on a node mounts exists, and a dump has none.
    for (VolumeWorld& volume : world.volumes)
      volume.claim_exists =
          !Waits(volume) || !volume.node.empty() || protocol::IsDump(volume.claim);
    for (const char* not_older_than : {kube::kAnyVersion, kTheLatest}) {
      if (std::ranges::all_of(world.volumes, &VolumeWorld::claim_exists)) break;
      TRY(const auto claims, ListClaims(not_older_than));
      for (VolumeWorld& volume : world.volumes) {
        const auto claim = claims.find(volume.claim);
        if (claim == claims.end()) continue;
        volume.claim_exists = true;
        volume.source.block = claim->second.block;
      }
    }
    TRY_VOID(LookAtManifests());
    return LookAtStorage();
  }

  // What the volumes whose movers keep them take along, once they may be started.
  Result<void> LookAtManifests() {
    World& world = observed_.world;
    const crds::BackupStatus& status = world.backup.status;
    if (world.policy == nullptr || !MayCopy(status)) return {};
    std::vector<manifests::Wanted> wanted;
    const auto carriers = CarriersOf(status);
    for (std::size_t i = 0; i < carriers.size(); ++i) {
      const std::string& set = status.manifests[i].stateful_set;
      const bool waits =
          carriers[i] != nullptr && std::ranges::any_of(world.volumes, [&](const auto& seen) {
            return seen.claim == carriers[i]->claim && Waits(seen);
          });
      if (waits) wanted.push_back({set, carriers[i]->claim, ClaimsOf(set)});
    }
    if (wanted.empty()) return {};
    const bool secrets = world.policy->spec.manifests.secrets && world.allowed.secrets &&
                         world.repository->spec.accepts_secrets;
    TRY(world.manifests, manifests::Collect(context_.api, Namespace(), wanted, secrets, stop_));
    return {};
  }

  std::vector<std::string> ClaimsOf(const std::string& stateful_set) const {
    const World& world = observed_.world;
    std::vector<std::string> claims;
    for (const crds::VolumeBackup& volume : world.backup.status.volumes)
      if (SetNameOf(world, volume) == stateful_set) claims.push_back(volume.claim);
    return claims;
  }

  // What copy methods are chosen by, and what staged claims are made like.
  Result<void> LookAtStorage() {
    World& world = observed_.world;
    if (NeedsChoice(world)) {
      TRY(world.storage, ReadStorage());
    }
    const bool stages = std::ranges::any_of(world.backup.status.volumes, [](const auto& volume) {
      return IsStaged(volume) && !IsOver(volume);
    });
    const bool may_stage =
        world.storage.snapshots_served || (NeedsChoice(world) && AsksForClones());
    if (!may_stage && !stages) return {};
    TRY(world.storage.claims, ListAll<ClaimView>(context_.api, kube::kPersistentVolumeClaims,
                                                 In(Namespace()), DecodeClaim, stop_));
    for (const ClaimView& claim : world.storage.claims)
      for (VolumeWorld& seen : world.volumes)
        if (seen.claim == claim.key.name) seen.source = claim;
    return {};
  }

  bool AsksForClones() const {
    return observed_.world.policy->spec.copy_method == crds::CopyMethod::kClone;
  }

  // All of a kind that belongs to the cluster; nullopt when it may not be read.
  template <typename View>
  Result<std::optional<std::vector<View>>> ListReadable(const kube::Resource& resource,
                                                        Result<View> (*decode)(const Json&)) const {
    kube::ListOptions options;
    options.not_older_than = kube::kAnyVersion;
    auto views = ListAll<View>(context_.api, resource, options, decode, stop_);
    if (views) return std::optional(*std::move(views));
    if (views.error().code == Code::kDenied) return std::nullopt;
    return tl::make_unexpected(views.error());
  }

  Result<StorageView> ReadStorage() const {
    StorageView storage;
    if (AsksForClones()) {
      TRY(storage.csi_drivers, ListReadable<std::string>(kube::kCsiDrivers, DecodeName));
    } else {
      auto classes = ListReadable<VolumeSnapshotClassView>(kube::kVolumeSnapshotClasses,
                                                           DecodeVolumeSnapshotClass);
      if (!classes && !IsAbsent(classes.error())) return tl::make_unexpected(classes.error());
      if (!classes) return storage;  // the others are of no use without
      storage.snapshots_served = true;
      storage.snapshot_classes = *std::move(classes);
      TRY_VOID(ReadGroups(storage));
    }
    TRY(storage.storage_classes,
        ListReadable<StorageClassView>(kube::kStorageClasses, DecodeStorageClass));
    return storage;
  }

  // Only where several volumes can be cut.
  Result<void> ReadGroups(StorageView& storage) const {
    const auto volumes = std::ranges::count_if(
        observed_.world.volumes, [](const auto& seen) { return !protocol::IsDump(seen.claim); });
    if (volumes < 2 || (storage.snapshot_classes && storage.snapshot_classes->empty())) return {};
    TRY(const std::string version, GroupsVersion());
    if (version.empty()) return {};
    auto classes = ListReadable<VolumeSnapshotClassView>(kube::VolumeGroupSnapshotClasses(version),
                                                         DecodeVolumeSnapshotClass);
    if (!classes && IsAbsent(classes.error())) return {};
    if (!classes) return tl::make_unexpected(classes.error());
    storage.groups_served = true;
    storage.group_classes = *std::move(classes);
    return {};
  }

  using Claims = std::map<std::string, ClaimView>;  // by name

  Result<Claims> ListClaims(const char* not_older_than) const {
    kube::ListOptions options = In(Namespace());
    options.not_older_than = not_older_than;
    TRY(auto listed, ListAll<ClaimView>(context_.api, kube::kPersistentVolumeClaims, options,
                                        DecodeClaim, stop_));
    Claims claims;
    for (ClaimView& claim : listed) claims.emplace(claim.key.name, std::move(claim));
    return claims;
  }

  static std::set<std::string> NamesOf(const Claims& claims) {
    std::set<std::string> names;
    for (const auto& [name, claim] : claims) names.insert(name);
    return names;
  }

  // Those that a StatefulSet without replicas has left. What the API server has in memory may lack
  // the last ones, and a volume that is not found is not backed up. They were made in the order of
  // their numbers: where some are missing, so is the next one, or one between.
  Result<std::set<std::string>> ListLeftClaims() const {
    TRY(const Claims remembered, ListClaims(kube::kAnyVersion));
    const std::set<std::string> claims = NamesOf(remembered);
    std::vector<std::string> missing;
    for (const StatefulSetView* set : observed_.world.stateful_sets)
      if (set->replicas == 0)
        for (std::string& claim : MissingClaims(*observed_.world.policy, *set, claims))
          missing.push_back(std::move(claim));
    if (missing.size() > kFewClaims) return ListClaims(kTheLatest).map(NamesOf);
    for (const std::string& name : missing) {
      const auto claim =
          context_.api.Get(kube::kPersistentVolumeClaims, {Namespace(), name}, stop_);
      if (claim) return ListClaims(kTheLatest).map(NamesOf);
      if (!IsAbsent(claim.error())) return tl::make_unexpected(claim.error());
    }
    return claims;
  }

  // Those that run and have a claim; movers aside.
  Result<void> ListPods(const std::function<void(const PodView&, const Json& spec)>& visit) const {
    kube::ListOptions options = In(Namespace());
    options.not_older_than = kube::kAnyVersion;
    TRY_VOID(context_.api.List(
        kube::kPods, options,
        [&](const Json& object) -> Result<void> {
          const auto pod = DecodePod(object);
          if (pod && !pod->Finished() && !pod->labels.contains(kVerbLabel))
            visit(*pod, *Find(object, {"spec"}));
          return {};
        },
        stop_));
    return {};
  }

  void NoteMounts(const PodView& pod, const Json& spec) {
    for (VolumeWorld& volume : observed_.world.volumes) {
      if (!Waits(volume) || std::ranges::find(pod.claims, volume.claim) == pod.claims.end())
        continue;
      volume.pod = pod.key.name;
      if (!pod.node.empty()) volume.node = pod.node;
      const std::string name = VolumeOfClaim(spec, volume.claim);
      volume.source.block = IsDevice(spec, name);
      observed_.security[volume.claim] = SecurityOf(spec, name);
    }
  }

  // From the pods that the StatefulSet would make, where none runs.
  void InheritFromTemplate() {
    for (const StatefulSetView* set : observed_.world.stateful_sets)
      for (const auto& [name, security] : set->security)
        for (const VolumeWorld& volume : observed_.world.volumes)
          if (volume.claim.starts_with(name + "-" + set->key.name + "-"))
            observed_.security[volume.claim] = security;
  }

  // Backups that came earlier and wait for a slot go first.
  int SlotsLeftByOlder() const {
    const World& world = observed_.world;
    const Ahead ahead = AheadOf(world.backup, context_.caches, KeyOf(world.repository->metadata));
    if (ahead.next) return 0;
    const std::int64_t left = world.repository->spec.limits.concurrent_movers - ahead.volumes;
    return static_cast<int>(std::max<std::int64_t>(0, left));
  }

  // The movers that have the repository's slots are those that this process and its predecessors
  // made, so that the cache is enough once it shows all of them (freshness.h): a Job that another
  // Backup made a moment ago counts. One that has ended unseen counts too; its end is news that
  // brings those who wait back. Until then Jobs are listed, as new as the last that was made, which
  // the API server need not wait for.
  Result<void> CountSlots(int slots) {
    int used = 0;
    TRY_VOID(EachMover(observed_.world.repository->metadata.name,
                       [&](const JobView& job) { Count(job, used); }));
    observed_.world.free_slots = std::max(0, slots - used);
    return {};
  }

  // Those of a repository, by the cache or, until it shows all, by the API server.
  Result<void> EachMover(const std::string& name, const std::function<void(const JobView&)>& each) {
    kube::Freshness& freshness = context_.caches.jobs.freshness();
    const std::string repository = LabelValue(name);
    if (freshness.ShowsAll(Namespace())) {
      for (const auto& [key, job] :
           context_.caches.jobs.Find(index::kRepository, Namespace() + "/" + repository))
        each(*job);
      return {};
    }
    kube::ListOptions movers =
        In(Namespace(), std::string(kManagedSelector) + "," + kRepositoryLabel + "=" + repository);
    movers.not_older_than = freshness.Needed(Namespace());
    TRY(const std::string version, context_.api.List(
                                       kube::kJobs, movers,
                                       [&](const Json& object) -> Result<void> {
                                         TRY(const JobView job, DecodeJob(object));
                                         each(job);
                                         return {};
                                       },
                                       stop_));
    if (movers.not_older_than.empty()) freshness.Listed(Namespace(), version);
    return {};
  }

  void Count(const JobView& job, int& used) {
    World& world = observed_.world;
    const std::string verb = UnfinishedVerb(job);
    if (TakesSlot(verb)) ++used;
    if (verb == "prune") world.pruning = job.key.name;
    if (job.owner.uid == world.backup.metadata.uid) Adopt(job);
  }

  // A Job of ours that the cache does not show yet.
  void Adopt(const JobView& job) {
    for (VolumeWorld& volume : observed_.world.volumes) {
      if (volume.job || job.key.name != JobNameFor(observed_.world.backup, volume.claim)) continue;
      volume.job = job;
      volume.mover = StateOfMover(job, {});
    }
  }

  const Context& context_;
  ProgressBook& book_;
  std::stop_token stop_;
  Observed observed_;
};

}  // namespace

bool ProgressBook::MayRead(const std::string& job_uid, TimePoint now) const {
  const std::lock_guard lock(mutex_);
  const auto found = entries_.find(job_uid);
  return now >= next_ && (found == entries_.end() || now >= found->second.next);
}

void ProgressBook::Note(const std::string& job_uid, TimePoint now, std::chrono::nanoseconds took,
                        std::optional<std::string> log, std::chrono::seconds period) {
  const std::lock_guard lock(mutex_);
  next_ = now + std::chrono::duration_cast<TimePoint::duration>(4 * took);
  Entry& entry = entries_[job_uid];
  // Half a period: the timer that brings us here may be early.
  entry.next = now + (log ? std::chrono::duration_cast<TimePoint::duration>(period) / 2
                          : std::chrono::duration_cast<TimePoint::duration>(kUnreadablePause));
  if (log) entry.progress = protocol::LastProgress(*log);
}

std::optional<protocol::Progress> ProgressBook::Last(const std::string& job_uid) const {
  const std::lock_guard lock(mutex_);
  const auto found = entries_.find(job_uid);
  return found == entries_.end() ? std::nullopt : found->second.progress;
}

void ProgressBook::Forget(const std::string& job_uid) {
  const std::lock_guard lock(mutex_);
  entries_.erase(job_uid);
}

Result<Observed> Observe(const Context& context, ProgressBook& book, crds::Backup backup,
                         std::stop_token stop) {
  return Observer(context, book, std::move(stop)).Look(std::move(backup));
}

DeletionWorld ObserveDeletion(const Context& context, const crds::Backup& backup,
                              std::stop_token stop) {
  DeletionWorld world;
  world.now = context.clock.Now();
  world.backup = backup;
  const auto run_of = [&](const JobView& job) {
    return MoverRun{job, LookAtMover(context, job, stop)};
  };
  for (const auto& [key, job] : context.caches.jobs.Find(
           index::kOwner, index::OwnedBy(backup.metadata.namespace_, backup.metadata.uid)))
    world.movers.push_back(run_of(*job));
  std::vector<std::string> places = {""};
  for (const crds::BackupCopy& copy : backup.status.copies) places.push_back(copy.repository);
  for (const crds::VolumeBackup& volume : backup.status.volumes)
    for (const std::string& place : places)
      if (const auto job = context.caches.jobs.Get(
              {backup.metadata.namespace_, ForgetJobName(backup, {volume.claim, place})}))
        world.forgets.push_back(run_of(*job));
  return world;
}

bool NeedsFinalizer(const crds::Backup& backup) {
  if (backup.metadata.deletion_timestamp) return true;
  const bool forgets = backup.spec.deletion_policy == crds::DeletionPolicy::kDelete;
  return HasFinalizer(backup.metadata, kForgetFinalizer) != forgets ||
         HasFinalizer(backup.metadata, kThawFinalizer) != OwesThaw(backup.status);
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

}  // namespace holdfast::controllers::backup
