#include "controllers/backup/volume_groups.h"

#include <algorithm>
#include <set>

#include <spdlog/fmt/fmt.h>

#include "controllers/backup/volumes.h"

namespace holdfast::controllers::backup {
namespace {

using crds::VolumeBackup;
using Labels = std::map<std::string, std::string>;
using Claims = std::vector<const ClaimView*>;

Labels InCommon(const Claims& claims) {
  if (claims.empty()) return {};
  Labels labels = claims.front()->labels;
  for (const ClaimView* claim : claims)
    std::erase_if(labels, [&](const auto& label) {
      const auto found = claim->labels.find(label.first);
      return found == claim->labels.end() || found->second != label.second;
    });
  return labels;
}

bool HasAll(const ClaimView& claim, const Labels& labels) {
  return std::ranges::includes(claim.labels, labels);
}

std::string Written(const Labels& labels) {
  std::string text;
  for (const auto& [key, value] : labels) text += (text.empty() ? "" : ",") + key + "=" + value;
  return text;
}

// Why these claims, and they alone, cannot be told to a VolumeGroupSnapshot; empty when they can.
std::string WhyNotTold(const Claims& claims, const StorageView& storage) {
  std::set<std::string> drivers;
  std::set<std::string> names;
  for (const ClaimView* claim : claims) {
    drivers.insert(DriverOf(*claim, storage));
    names.insert(claim->key.name);
    if (!claim->bound)
      return fmt::format("PersistentVolumeClaim {} is not bound to a volume", claim->key.name);
  }
  if (drivers.size() > 1)
    return fmt::format("the volumes are of several drivers ({} and {})", *drivers.begin(),
                       *drivers.rbegin());
  const Labels labels = InCommon(claims);
  if (labels.empty()) return "the claims have no label in common";
  for (const ClaimView& other : storage.claims)
    if (HasAll(other, labels) && !names.contains(other.key.name))
      return fmt::format(
          "what their claims have in common ({}) selects PersistentVolumeClaim {} "
          "too",
          Written(labels), other.key.name);
  return "";
}

void Say(const std::string& text, VolumeBackup& volume) {
  volume.copy_reason += (volume.copy_reason.empty() ? "" : "; ") + text;
}

// Indexes of the volumes that are to be cut, by StatefulSet.
std::map<std::string, std::vector<std::size_t>> ToBeCut(const World& world, const Plan& plan) {
  std::map<std::string, std::vector<std::size_t>> sets;
  for (std::size_t i = 0; i < world.volumes.size(); ++i) {
    const VolumeBackup& volume = plan.status.volumes[i];
    if (volume.copy_method == crds::CopyMethod::kSnapshot &&
        !world.backup.status.volumes[i].copy_method)
      sets[SetNameOf(world, volume)].push_back(i);
  }
  return sets;
}

std::optional<Finding> ChooseGroup(const World& world, const std::string& set,
                                   const std::vector<std::size_t>& volumes, Plan& plan) {
  Claims claims;
  for (const std::size_t i : volumes) claims.push_back(&world.volumes[i].source);
  const auto chosen = ChooseGroupClass(world.policy->spec, *claims.front(), world.storage);
  if (!chosen && chosen.error().told) return chosen.error().told;
  const std::string why_not = chosen ? WhyNotTold(claims, world.storage) : chosen.error().fact;
  for (const std::size_t i : volumes) {
    VolumeBackup& volume = plan.status.volumes[i];
    if (!why_not.empty()) {
      Say("cut by itself, because " + why_not, volume);
      continue;
    }
    Say(fmt::format("cut at once with {} more by VolumeGroupSnapshotClass {}", volumes.size() - 1,
                    *chosen),
        volume);
    volume.volume_snapshot_class = *chosen;
    volume.volume_snapshot.clear();
    volume.volume_group_snapshot = JobNameFor(world.backup, set);
  }
  return std::nullopt;
}

}  // namespace

Result<TakenSnapshot> DecodeTakenSnapshot(const Json& object) {
  TakenSnapshot taken;
  TRY(taken.snapshot, DecodeVolumeSnapshot(object));
  taken.claim = FindString(object, {"spec", "source", "persistentVolumeClaimName"});
  const Json* owners = Find(object, {"metadata", "ownerReferences"});
  if (owners != nullptr && owners->is_array())
    for (const Json& owner : *owners)
      if (FindString(owner, {"kind"}) == "VolumeGroupSnapshot")
        taken.group = {"VolumeGroupSnapshot", FindString(owner, {"name"}),
                       FindString(owner, {"uid"})};
  return taken;
}

bool HasGroups(const crds::BackupStatus& status) {
  return std::ranges::any_of(
      status.volumes, [](const auto& volume) { return !volume.volume_group_snapshot.empty(); });
}

// One volume alone has nobody to be of one moment with.
std::optional<Finding> ChooseGroups(const World& world, Plan& plan) {
  for (const auto& [set, volumes] : ToBeCut(world, plan)) {
    if (volumes.size() < 2) continue;
    if (auto finding = ChooseGroup(world, set, volumes, plan)) return finding;
  }
  return std::nullopt;
}

Labels SelectorOf(const World& world, const std::string& group) {
  Claims claims;
  for (const VolumeBackup& volume : world.backup.status.volumes) {
    if (volume.volume_group_snapshot != group) continue;
    for (const ClaimView& claim : world.storage.claims)
      if (claim.key.name == volume.claim) claims.push_back(&claim);
  }
  return InCommon(claims);
}

const VolumeSnapshotView* FindGroup(const World& world, const std::string& name) {
  const auto found = std::ranges::find(
      world.groups, name, [](const VolumeSnapshotView& group) { return group.key.name; });
  return found == world.groups.end() ? nullptr : &*found;
}

bool IsMemberFor(const World& world, const TakenSnapshot& taken, const VolumeBackup& volume) {
  const std::string& name = volume.volume_group_snapshot;
  if (name.empty() || taken.group.name != name || taken.claim != volume.claim) return false;
  const VolumeSnapshotView* group = FindGroup(world, name);
  return group == nullptr ||
         (group->uid == taken.group.uid && group->owner.uid == world.backup.metadata.uid);
}

bool IsReadWhole(const World& world, const std::string& group) {
  for (std::size_t i = 0; i < world.volumes.size(); ++i) {
    const VolumeBackup& volume = world.backup.status.volumes[i];
    const VolumeWorld& seen = world.volumes[i];
    if (volume.volume_group_snapshot == group &&
        (!IsOver(volume) || seen.job || seen.job_is_coming || seen.staged))
      return false;
  }
  return true;
}

}  // namespace holdfast::controllers::backup
