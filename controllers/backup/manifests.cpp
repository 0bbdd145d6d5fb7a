#include "controllers/backup/manifests.h"

#include <algorithm>

namespace holdfast::controllers::backup {
namespace {

using crds::ManifestsBackup;
using crds::RunState;
using crds::VolumeBackup;

constexpr std::size_t kMostNamed = 64;  // maxItems in the CRD

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

}  // namespace

void WantManifests(const crds::BackupPolicy& policy, crds::BackupStatus& status) {
  if (!policy.spec.manifests.include || status.volumes.empty()) return;
  status.manifests.emplace().stateful_set = policy.spec.target.stateful_set;
}

const VolumeBackup* CarrierOf(const crds::BackupStatus& status) {
  if (!status.manifests || IsKnown(*status.manifests)) return nullptr;
  const auto volume = std::ranges::find_if(
      status.volumes, [](const VolumeBackup& v) { return !IsOver(v) || !v.job.empty(); });
  return volume == status.volumes.end() ? nullptr : &*volume;
}

void StartManifests(const World& world, const VolumeBackup& volume, crds::BackupStatus& status) {
  if (!status.manifests || !world.manifests || world.manifests->claim != volume.claim) return;
  ManifestsBackup& manifests = *status.manifests;
  if (!world.manifests->problem.empty()) return Fail(manifests, world.manifests->problem);
  manifests.claim = volume.claim;
  manifests.state = RunState::kRunning;
  manifests.objects = world.manifests->names;
  manifests.missing = world.manifests->missing;
  for (std::vector<std::string>* list : {&manifests.objects, &manifests.missing})
    if (list->size() > kMostNamed) list->resize(kMostNamed);
}

void NoteManifests(const World& world, std::size_t i, crds::BackupStatus& status) {
  if (!status.manifests || IsKnown(*status.manifests) || !IsOver(status.volumes[i])) return;
  ManifestsBackup& manifests = *status.manifests;
  const VolumeBackup& volume = status.volumes[i];
  const auto& result = world.volumes[i].mover.result;
  if (result && !result->manifests.empty())
    Take(*result, manifests);
  else if (result && !result->manifests_error.empty())
    Fail(manifests, result->manifests_error);
  else if (manifests.claim == volume.claim)
    Fail(manifests, "the mover of claim " + volume.claim + " was to keep them, and failed");
}

void EndManifests(crds::BackupStatus& status) {
  if (status.manifests && !IsKnown(*status.manifests))
    Fail(*status.manifests, "no volume had a mover that could keep them");
}

std::vector<StoredSnapshot> SnapshotsOf(const crds::BackupStatus& status) {
  std::vector<StoredSnapshot> snapshots;
  for (const VolumeBackup& volume : status.volumes)
    if (!volume.snapshot.empty()) snapshots.push_back({volume.claim, volume.snapshot});
  if (status.manifests && !status.manifests->snapshot.empty() && !status.volumes.empty())
    snapshots.push_back({status.volumes.front().claim, status.manifests->snapshot});
  return snapshots;
}

bool Accepts(const crds::BackupRepository& repository, const crds::BackupStatus& status) {
  return repository.spec.accepts_secrets || !status.manifests || !status.manifests->secrets;
}

}  // namespace holdfast::controllers::backup
