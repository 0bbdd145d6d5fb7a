#include "controllers/trim.h"

#include <map>
#include <utility>

#include "controllers/backup/world.h"
#include "controllers/labels.h"

namespace holdfast::controllers {
namespace {

// Labels and annotations are the user's; nothing decides by them but by which schedule it was that
// made a Backup.
void TrimMeta(crds::ObjectMeta& metadata) {
  std::erase_if(metadata.labels, [](const auto& label) { return label.first != kScheduleLabel; });
  metadata.annotations.clear();
}

crds::VolumeBackup RecordOf(const crds::VolumeBackup& volume) {
  crds::VolumeBackup record;
  record.claim = volume.claim;
  record.pod = volume.pod;
  record.state = volume.state;
  record.snapshot = volume.snapshot;
  record.copy_method = volume.copy_method;
  record.volume_snapshot = volume.volume_snapshot;
  record.volume_group_snapshot = volume.volume_group_snapshot;
  record.bytes = volume.bytes;
  return record;
}

crds::BackupStatus RecordOf(crds::BackupStatus status) {
  crds::BackupStatus record;
  record.phase = status.phase;
  record.repository = std::move(status.repository);
  record.start_time = status.start_time;
  record.completion_time = status.completion_time;
  record.bytes = status.bytes;
  record.bytes_read = status.bytes_read;
  record.bytes_added = status.bytes_added;
  record.unreadable = status.unreadable;
  if (const crds::Condition* ready = crds::FindCondition(status.conditions, crds::kReady)) {
    crds::Condition& kept = record.conditions.emplace_back();
    kept.type = ready->type;
    kept.status = ready->status;
    kept.message = ready->message;
  }
  record.copies = std::move(status.copies);
  for (const crds::VolumeBackup& volume : status.volumes)
    record.volumes.push_back(RecordOf(volume));
  for (crds::ManifestsBackup& kept : status.manifests) {
    crds::ManifestsBackup& manifests = record.manifests.emplace_back();
    manifests.stateful_set = std::move(kept.stateful_set);
    manifests.state = kept.state;
    manifests.secrets = kept.secrets;
    manifests.snapshot = std::move(kept.snapshot);
  }
  return record;
}

}  // namespace

crds::Backup Trimmed(crds::Backup backup) {
  TrimMeta(backup.metadata);
  if (!backup::IsOver(backup.status)) return backup;
  backup.metadata.resource_version.clear();
  backup.metadata.generation = 0;
  backup.metadata.owner_references.clear();
  if (backup.spec.imported) backup.spec.imported->volumes.clear();  // the status has them
  backup.status = RecordOf(std::move(backup.status));
  return backup;
}

crds::BackupPolicy Trimmed(crds::BackupPolicy policy) {
  TrimMeta(policy.metadata);
  return policy;
}

crds::BackupRepository Trimmed(crds::BackupRepository repository) {
  TrimMeta(repository.metadata);
  return repository;
}

crds::Restore Trimmed(crds::Restore restore) {
  TrimMeta(restore.metadata);
  restore.status.hooks = {};  // what hooks said is for people
  return restore;
}

}  // namespace holdfast::controllers
