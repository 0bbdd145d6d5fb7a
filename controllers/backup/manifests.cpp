#include "controllers/backup/manifests.h"

#include <algorithm>
#include <set>

#include "controllers/backup/freeze.h"
#include "controllers/backup/mover_jobs.h"
#include "controllers/backup/volumes.h"
#include "controllers/policy/check.h"

namespace holdfast::controllers::backup {
namespace {

using crds::ManifestsBackup;
using crds::RunState;
using crds::VolumeBackup;

// Names of objects in one status: what stands in etcd is bounded. kMostNamed is maxItems in the
// CRD.
constexpr std::size_t kMostNamed = 64;
constexpr std::size_t kFewestNamed = 4;
constexpr std::size_t kMostNamedInAll = 1024;

std::size_t MostNamed(const crds::BackupStatus& status) {
  return std::clamp(kMostNamedInAll / status.manifests.size(), kFewestNamed, kMostNamed);
}

bool IsKnown(const ManifestsBackup& manifests) {
  return manifests.state == RunState::kSucceeded || manifests.state == RunState::kFailed;
}

void Fail(ManifestsBackup& manifests, std::string message) {
  manifests.state = RunState::kFailed;
  manifests.message = std::move(message);
}

void AddMissing(ManifestsBackup& manifests, const std::vector<std::string>& names) {
  for (const std::string& name : names) {
    std::erase(manifests.objects, name);
    manifests.missing.push_back(name + ": it does not exist, or is empty");
  }
  if (manifests.missing.size() > kMostNamed) manifests.missing.resize(kMostNamed);
}

void Take(const protocol::MoverResult& result, ManifestsBackup& manifests) {
  manifests.state = RunState::kSucceeded;
  manifests.message.clear();
  manifests.snapshot = result.manifests;
  manifests.files = static_cast<std::int64_t>(result.manifests_files);
  manifests.bytes = static_cast<std::int64_t>(result.manifests_bytes);
  manifests.secrets = result.manifests_secrets;
  AddMissing(manifests, result.manifests_missing);
}

bool MayHaveMover(const VolumeBackup& volume) { return !IsOver(volume) || !volume.job.empty(); }

// By its pod, or, of one that a StatefulSet without replicas has left, by its name.
bool IsOf(const VolumeBackup& volume, const std::string& stateful_set) {
  const std::string& name = volume.pod.empty() ? volume.claim : volume.pod;
  const std::string without_ordinal = name.substr(0, name.rfind('-'));
  return volume.pod.empty() ? without_ordinal.ends_with("-" + stateful_set)
                            : without_ordinal == stateful_set;
}

// Those that the mover of `claim` was to keep: as written down, or, when its start was not, as it
// followed from what was.
ManifestsBackup* KeptBy(const World& world, const std::string& claim, crds::BackupStatus& status) {
  for (ManifestsBackup& manifests : status.manifests)
    if (!IsKnown(manifests) && manifests.claim == claim) return &manifests;
  const auto carriers = CarriersOf(world.backup.status);
  for (std::size_t i = 0; i < carriers.size(); ++i) {
    ManifestsBackup& manifests = status.manifests[i];
    if (carriers[i] != nullptr && carriers[i]->claim == claim && !IsKnown(manifests) &&
        manifests.claim.empty())
      return &manifests;
  }
  return nullptr;
}

std::vector<std::string> ClaimsOf(const World& world, const std::string& stateful_set) {
  std::vector<std::string> claims;
  for (const VolumeBackup& volume : world.backup.status.volumes)
    if (SetNameOf(world, volume) == stateful_set) claims.push_back(volume.claim);
  return claims;
}

}  // namespace

void WantManifests(const crds::BackupPolicy& policy, const StatefulSets& stateful_sets,
                   crds::BackupStatus& status) {
  status.manifests.clear();
  if (!policy.spec.manifests.include || status.volumes.empty()) return;
  for (const StatefulSetView* set : stateful_sets)
    status.manifests.emplace_back().stateful_set = set->key.name;
  if (status.manifests.size() > kMostVolumes) status.manifests.resize(kMostVolumes);
}

std::vector<const VolumeBackup*> CarriersOf(const crds::BackupStatus& status) {
  std::vector<const VolumeBackup*> carriers(status.manifests.size(), nullptr);
  std::set<std::string> taken;
  for (const ManifestsBackup& manifests : status.manifests) taken.insert(manifests.claim);
  const auto assign = [&](bool (*fits)(const VolumeBackup&, const ManifestsBackup&)) {
    for (std::size_t i = 0; i < carriers.size(); ++i) {
      const ManifestsBackup& manifests = status.manifests[i];
      if (carriers[i] != nullptr || IsKnown(manifests)) continue;
      const auto volume = std::ranges::find_if(status.volumes, [&](const VolumeBackup& v) {
        const bool free = v.claim == manifests.claim || !taken.contains(v.claim);
        return MayHaveMover(v) && free && fits(v, manifests);
      });
      if (volume == status.volumes.end()) continue;
      carriers[i] = &*volume;
      taken.insert(volume->claim);
    }
  };
  assign([](const auto& volume, const auto& manifests) { return volume.claim == manifests.claim; });
  assign([](const auto& volume, const auto& manifests) {
    return manifests.claim.empty() && IsOf(volume, manifests.stateful_set);
  });
  assign([](const auto&, const auto& manifests) { return manifests.claim.empty(); });
  return carriers;
}

std::vector<manifests::Wanted> ManifestsToRead(const World& world) {
  const crds::BackupStatus& status = world.backup.status;
  std::vector<manifests::Wanted> wanted;
  if (world.policy == nullptr || !MayCopy(status)) return wanted;
  const auto carriers = CarriersOf(status);
  for (std::size_t i = 0; i < carriers.size(); ++i) {
    const std::string& set = status.manifests[i].stateful_set;
    const bool waits =
        carriers[i] != nullptr && std::ranges::any_of(world.volumes, [&](const auto& seen) {
          return seen.claim == carriers[i]->claim && AwaitsMover(world, seen);
        });
    if (waits) wanted.push_back({set, carriers[i]->claim, ClaimsOf(world, set)});
  }
  return wanted;
}

const manifests::Bundle* BundleFor(const World& world, const std::string& claim) {
  const auto found = std::ranges::find(world.manifests, claim, &manifests::Bundle::claim);
  return found == world.manifests.end() ? nullptr : &*found;
}

void StartManifests(const World& world, const VolumeBackup& volume, crds::BackupStatus& status) {
  const manifests::Bundle* bundle = BundleFor(world, volume.claim);
  if (bundle == nullptr) return;
  const auto found =
      std::ranges::find(status.manifests, bundle->stateful_set, &ManifestsBackup::stateful_set);
  if (found == status.manifests.end()) return;
  if (!bundle->problem.empty()) return Fail(*found, bundle->problem);
  found->claim = volume.claim;
  found->state = RunState::kRunning;
  found->objects = bundle->names;
  found->missing = bundle->missing;
  for (std::vector<std::string>* list : {&found->objects, &found->missing})
    if (list->size() > MostNamed(status)) list->resize(MostNamed(status));
}

void NoteManifests(const World& world, std::size_t i, crds::BackupStatus& status) {
  const VolumeBackup& volume = status.volumes[i];
  if (!IsOver(volume)) return;
  ManifestsBackup* manifests = KeptBy(world, volume.claim, status);
  if (manifests == nullptr) return;
  const auto& result = world.volumes[i].mover.result;
  if (result && !result->manifests.empty())
    Take(*result, *manifests);
  else if (result && !result->manifests_error.empty())
    Fail(*manifests, result->manifests_error);
  else if (manifests->claim == volume.claim)
    Fail(*manifests, "the mover of claim " + volume.claim + " was to keep them, and failed");
}

void EndManifests(crds::BackupStatus& status) {
  for (ManifestsBackup& manifests : status.manifests)
    if (!IsKnown(manifests))
      Fail(manifests,
           "no volume had a mover that could keep them; each keeps those of one "
           "StatefulSet");
}

std::string MissingManifests(const crds::BackupStatus& status) {
  for (const ManifestsBackup& manifests : status.manifests)
    if (manifests.state != RunState::kSucceeded)
      return "the manifests of StatefulSet " + manifests.stateful_set +
             " were not kept: " + manifests.message;
  return "";
}

std::vector<StoredSnapshot> SnapshotsOf(const crds::BackupStatus& status) {
  std::vector<StoredSnapshot> snapshots;
  for (const VolumeBackup& volume : status.volumes)
    if (!volume.snapshot.empty()) snapshots.push_back({volume.claim, volume.snapshot});
  for (std::size_t i = 0; i < status.manifests.size() && !status.volumes.empty(); ++i)
    if (const std::string& id = status.manifests[i].snapshot; !id.empty())
      snapshots.push_back({status.volumes[i % status.volumes.size()].claim, id});
  return snapshots;
}

bool Accepts(const crds::BackupRepository& repository, const crds::BackupStatus& status) {
  return repository.spec.accepts_secrets ||
         std::ranges::none_of(status.manifests, &ManifestsBackup::secrets);
}

}  // namespace holdfast::controllers::backup
