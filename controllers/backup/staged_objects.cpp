#include "controllers/backup/staged_objects.h"

#include "base/quantity.h"
#include "controllers/backup/volume_groups.h"
#include "controllers/backup/volumes.h"
#include "controllers/kinds.h"
#include "controllers/labels.h"
#include "controllers/owner.h"

namespace holdfast::controllers::backup {
namespace {

Json Metadata(const World& world, const std::string& name, const kube::ObjectReference& owner,
              OwnerDeletion deletion) {
  const crds::ObjectMeta& backup = world.backup.metadata;
  return {{"name", name},
          {"namespace", backup.namespace_},
          {"labels",
           {{kManagedBy, kManagedByHoldfast},
            {"app.kubernetes.io/name", "holdfast"},
            {kBackupLabel, LabelValue(backup.name)},
            {kPolicyLabel, LabelValue(world.backup.spec.policy)}}},
          {"ownerReferences", OwnerReferences(owner, deletion)}};
}

Json MetadataOfBackup(const World& world, const std::string& name) {
  return Metadata(world, name, ReferenceTo(world.backup), OwnerDeletion::kWaits);
}

// Of what stands for one claim: it has the name of the mover's Job.
Json OfClaim(Json metadata, const std::string& claim) {
  metadata["labels"][kClaimLabel] = LabelValue(claim);
  return metadata;
}

Json SourceOf(const crds::VolumeBackup& volume) {
  if (volume.copy_method == crds::CopyMethod::kClone)
    return {{"kind", kube::kPersistentVolumeClaims.kind}, {"name", volume.claim}};
  return {{"apiGroup", kube::kVolumeSnapshots.group},
          {"kind", kube::kVolumeSnapshots.kind},
          {"name", volume.volume_snapshot}};
}

// Storage that serves many nodes at once can often hand out a snapshot read-only without copying
// it.
const char* AccessModeFor(const crds::VolumeBackup& volume, const ClaimView& source) {
  return volume.copy_method == crds::CopyMethod::kSnapshot && source.many_nodes ? "ReadOnlyMany"
                                                                                : "ReadWriteOnce";
}

// A claim may not be smaller than what it is made from.
std::string SizeFor(const VolumeWorld& seen) {
  const std::string& whole = seen.source.capacity;
  const std::string restored = seen.snapshot ? seen.snapshot->restore_size : "";
  return ParseQuantity(restored).value_or(0) > ParseQuantity(whole).value_or(0) ? restored : whole;
}

}  // namespace

Json BuildVolumeSnapshot(const World& world, const crds::VolumeBackup& volume) {
  Json spec = {{"source", {{"persistentVolumeClaimName", volume.claim}}}};
  if (!volume.volume_snapshot_class.empty())
    spec["volumeSnapshotClassName"] = volume.volume_snapshot_class;
  return {{"apiVersion", kube::kVolumeSnapshots.ApiVersion()},
          {"kind", kube::kVolumeSnapshots.kind},
          {"metadata",
           OfClaim(MetadataOfBackup(world, JobNameFor(world.backup, volume.claim)), volume.claim)},
          {"spec", std::move(spec)}};
}

Json BuildVolumeGroupSnapshot(const World& world, const std::string& group) {
  Json spec = {{"source", {{"selector", {{"matchLabels", SelectorOf(world, group)}}}}}};
  for (const crds::VolumeBackup& volume : world.backup.status.volumes)
    if (volume.volume_group_snapshot == group && !volume.volume_snapshot_class.empty())
      spec["volumeGroupSnapshotClassName"] = volume.volume_snapshot_class;
  const kube::Resource resource = kube::VolumeGroupSnapshots(world.groups_version);
  return {{"apiVersion", resource.ApiVersion()},
          {"kind", resource.kind},
          {"metadata", MetadataOfBackup(world, group)},
          {"spec", std::move(spec)}};
}

Json BuildStagedClaim(const World& world, const crds::VolumeBackup& volume, const VolumeWorld& seen,
                      const std::string& job_uid) {
  Json spec = {{"accessModes", {AccessModeFor(volume, seen.source)}},
               {"storageClassName", StagingClassOf(world.policy->spec, seen.source)},
               {"resources", {{"requests", {{"storage", SizeFor(seen)}}}}},
               {"dataSourceRef", SourceOf(volume)}};
  if (seen.source.block) spec["volumeMode"] = "Block";
  const std::string name = JobNameFor(world.backup, volume.claim);
  const kube::ObjectReference job = {
      kube::kJobs, {world.backup.metadata.namespace_, name}, job_uid};
  return {
      {"apiVersion", kube::kPersistentVolumeClaims.ApiVersion()},
      {"kind", kube::kPersistentVolumeClaims.kind},
      {"metadata", OfClaim(Metadata(world, name, job, OwnerDeletion::kDoesNotWait), volume.claim)},
      {"spec", std::move(spec)}};
}

}  // namespace holdfast::controllers::backup
