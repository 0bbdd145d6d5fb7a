#include "controllers/backup/storage.h"

#include <algorithm>

#include "controllers/backup/staging.h"
#include "controllers/backup/volume_groups.h"
#include "controllers/backup/volumes.h"
#include "controllers/labels.h"
#include "jobs/protocol/dump_name.h"

namespace holdfast::controllers::backup {
namespace {

kube::ListOptions In(const World& world, std::string label_selector = "") {
  kube::ListOptions options;
  options.ns = world.backup.metadata.namespace_;
  options.label_selector = std::move(label_selector);
  return options;
}

// In which the cluster serves VolumeGroupSnapshots; empty where it does not. Those of alpha were
// others.
Result<std::string> GroupsVersion(const Context& context, std::stop_token stop) {
  auto version = context.api.PreferredVersion(kube::kGroupSnapshotsGroup, std::move(stop));
  if (version) return version->find("alpha") == version->npos ? *version : "";
  if (IsAbsent(version.error()) || version.error().code == Code::kDenied) return "";
  return version;
}

bool NeedsChoice(const World& world) {
  return world.policy != nullptr && world.policy->spec.copy_method != crds::CopyMethod::kDirect &&
         std::ranges::any_of(world.backup.status.volumes, [](const auto& volume) {
           return !volume.copy_method && !protocol::IsDump(volume.claim);
         });
}

bool AsksForClones(const World& world) {
  return world.policy->spec.copy_method == crds::CopyMethod::kClone;
}

// All of a kind that belongs to the cluster; nullopt when it may not be read.
template <typename View>
Result<std::optional<std::vector<View>>> ListReadable(const Context& context,
                                                      const kube::Resource& resource,
                                                      Result<View> (*decode)(const Json&),
                                                      std::stop_token stop) {
  kube::ListOptions options;
  options.not_older_than = kube::kAnyVersion;
  auto views = ListAll<View>(context.api, resource, options, decode, std::move(stop));
  if (views) return std::optional(*std::move(views));
  if (views.error().code == Code::kDenied) return std::nullopt;
  return tl::make_unexpected(views.error());
}

// Only where several volumes can be cut.
Result<void> ReadGroups(const Context& context, const World& world, StorageView& storage,
                        std::stop_token stop) {
  const auto volumes = std::ranges::count_if(
      world.volumes, [](const auto& seen) { return !protocol::IsDump(seen.claim); });
  if (volumes < 2 || (storage.snapshot_classes && storage.snapshot_classes->empty())) return {};
  TRY(const std::string version, GroupsVersion(context, stop));
  if (version.empty()) return {};
  auto classes = ListReadable<VolumeSnapshotClassView>(
      context, kube::VolumeGroupSnapshotClasses(version), DecodeVolumeSnapshotClass, stop);
  if (!classes && IsAbsent(classes.error())) return {};
  if (!classes) return tl::make_unexpected(classes.error());
  storage.groups_served = true;
  storage.group_classes = *std::move(classes);
  return {};
}

Result<StorageView> ReadStorage(const Context& context, const World& world, std::stop_token stop) {
  StorageView storage;
  if (AsksForClones(world)) {
    TRY(storage.csi_drivers,
        ListReadable<std::string>(context, kube::kCsiDrivers, DecodeName, stop));
  } else {
    auto classes = ListReadable<VolumeSnapshotClassView>(context, kube::kVolumeSnapshotClasses,
                                                         DecodeVolumeSnapshotClass, stop);
    if (!classes && !IsAbsent(classes.error())) return tl::make_unexpected(classes.error());
    if (!classes) return storage;  // the others are of no use without
    storage.snapshots_served = true;
    storage.snapshot_classes = *std::move(classes);
    TRY_VOID(ReadGroups(context, world, storage, stop));
  }
  TRY(storage.storage_classes,
      ListReadable<StorageClassView>(context, kube::kStorageClasses, DecodeStorageClass, stop));
  return storage;
}

// While movers read what is staged, nothing has to be known of it.
bool ConcernsStaged(const World& world) {
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

std::optional<VolumeSnapshotView> SnapshotOf(const World& world, const crds::VolumeBackup& volume,
                                             const std::vector<TakenSnapshot>& snapshots) {
  const std::string name = JobNameFor(world.backup, volume.claim);
  const bool alone = volume.volume_group_snapshot.empty();
  for (const TakenSnapshot& taken : snapshots)
    if (alone ? taken.snapshot.key.name == name : IsMemberFor(world, taken, volume))
      return taken.snapshot;
  return std::nullopt;
}

Result<void> LookAtGroups(const Context& context, World& world, std::stop_token stop) {
  TRY(world.groups_version, GroupsVersion(context, stop));
  if (world.groups_version.empty()) return {};
  auto groups =
      ListAll<VolumeSnapshotView>(context.api, kube::VolumeGroupSnapshots(world.groups_version),
                                  In(world), DecodeVolumeSnapshot, stop);
  if (!groups && !IsAbsent(groups.error())) return tl::make_unexpected(groups.error());
  if (groups)
    world.groups = *std::move(groups);
  else
    world.groups_version.clear();
  return {};
}

// What a staged claim that is missing is to be made from.
Result<void> LookAtSource(const Context& context, const std::string& ns, VolumeWorld& seen,
                          std::stop_token stop) {
  const auto claim =
      context.api.Get(kube::kPersistentVolumeClaims, {ns, seen.claim}, std::move(stop));
  if (!claim && !IsAbsent(claim.error())) return tl::make_unexpected(claim.error());
  seen.claim_exists = claim.has_value();
  if (!claim) return {};
  TRY(seen.source, DecodeClaim(*claim));
  return {};
}

}  // namespace

Result<void> LookAtStorage(const Context& context, World& world, std::stop_token stop) {
  if (NeedsChoice(world)) {
    TRY(world.storage, ReadStorage(context, world, stop));
  }
  const bool stages = std::ranges::any_of(world.backup.status.volumes, [](const auto& volume) {
    return IsStaged(volume) && !IsOver(volume);
  });
  const bool may_stage =
      world.storage.snapshots_served || (NeedsChoice(world) && AsksForClones(world));
  if (!may_stage && !stages) return {};
  TRY(world.storage.claims,
      ListAll<ClaimView>(context.api, kube::kPersistentVolumeClaims, In(world), DecodeClaim, stop));
  for (const ClaimView& claim : world.storage.claims)
    for (VolumeWorld& seen : world.volumes)
      if (seen.claim == claim.key.name) seen.source = claim;
  return {};
}

// The members of groups have no labels of ours, and what groups select by are the labels of all
// claims.
Result<void> LookAtStaged(const Context& context, World& world, std::stop_token stop) {
  if (!ConcernsStaged(world)) return {};
  const bool has_groups = HasGroups(world.backup.status);
  const std::string ours = std::string(kManagedSelector) + "," + kBackupLabel + "=" +
                           LabelValue(world.backup.metadata.name);
  const kube::ListOptions which = In(world, has_groups ? "" : ours);
  auto snapshots =
      ListAll<TakenSnapshot>(context.api, kube::kVolumeSnapshots, which, DecodeTakenSnapshot, stop);
  if (!snapshots && !IsAbsent(snapshots.error())) return tl::make_unexpected(snapshots.error());
  TRY(const auto claims,
      ListAll<ClaimView>(context.api, kube::kPersistentVolumeClaims, which, DecodeClaim, stop));
  if (has_groups) TRY_VOID(LookAtGroups(context, world, stop));
  if (has_groups) world.storage.claims = claims;
  for (std::size_t i = 0; i < world.volumes.size(); ++i) {
    const crds::VolumeBackup& volume = world.backup.status.volumes[i];
    VolumeWorld& seen = world.volumes[i];
    if (snapshots) seen.snapshot = SnapshotOf(world, volume, *snapshots);
    const std::string name = JobNameFor(world.backup, seen.claim);
    for (const ClaimView& claim : claims)
      if (claim.key.name == name && (!seen.job || claim.owner.uid == seen.job->uid))
        seen.staged = claim;
    const bool lacks_claim =
        seen.job && !seen.job->Finished() && (!seen.staged || seen.job->suspended);
    if (lacks_claim && IsStaged(volume))
      TRY_VOID(LookAtSource(context, world.backup.metadata.namespace_, seen, stop));
  }
  return {};
}

}  // namespace holdfast::controllers::backup
