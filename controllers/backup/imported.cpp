#include "controllers/backup/imported.h"

#include "controllers/backup/totals.h"
#include "controllers/reasons.h"

namespace holdfast::controllers::backup {
namespace {

crds::VolumeBackup VolumeOf(const crds::ImportedVolume& imported) {
  crds::VolumeBackup volume;
  volume.claim = imported.claim;
  volume.pod = imported.pod;
  volume.snapshot = imported.snapshot;
  volume.files = imported.files;
  volume.bytes = imported.bytes;
  volume.state = crds::RunState::kSucceeded;
  volume.progress = "100%";
  return volume;
}

crds::ManifestsBackup ManifestsOf(const crds::ImportedManifests& imported) {
  crds::ManifestsBackup manifests;
  manifests.stateful_set = imported.stateful_set;
  manifests.snapshot = imported.snapshot;
  manifests.files = imported.files;
  manifests.bytes = imported.bytes;
  manifests.state = crds::RunState::kSucceeded;
  return manifests;
}

}  // namespace

void TakeImported(const World& world, crds::BackupStatus& status) {
  const crds::ObjectMeta& metadata = world.backup.metadata;
  const crds::BackupImport& imported = *world.backup.spec.imported;
  status.repository = imported.repository;
  status.volumes.clear();
  for (const crds::ImportedVolume& volume : imported.volumes)
    status.volumes.push_back(VolumeOf(volume));
  status.manifests.clear();
  for (const crds::ImportedManifests& manifests : imported.manifests)
    status.manifests.push_back(ManifestsOf(manifests));
  status.phase = crds::BackupPhase::kSucceeded;
  status.start_time = imported.start_time ? imported.start_time : metadata.creation_timestamp;
  status.completion_time = imported.completion_time ? imported.completion_time : status.start_time;
  SetSums(status);
  crds::SetReady(status.conditions,
                 {metadata.generation, reason::kImported,
                  "found in BackupRepository \"" + imported.repository + "\"; " + status.size},
                 world.now);
}

const std::string& NameInRepository(const crds::Backup& backup) {
  const bool renamed = backup.spec.imported && !backup.spec.imported->backup.empty();
  return renamed ? backup.spec.imported->backup : backup.metadata.name;
}

}  // namespace holdfast::controllers::backup
