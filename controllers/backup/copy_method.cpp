#include "controllers/backup/copy_method.h"

#include <algorithm>

#include <spdlog/fmt/fmt.h>

#include "controllers/reasons.h"

namespace holdfast::controllers::backup {
namespace {

using crds::CopyMethod;
using Spec = crds::BackupPolicySpec;

// Why a method cannot be had, and what to do about it.
struct Obstacle {
  const char* reason;
  std::string fact;
  std::string remedy;
};

Finding Told(const Obstacle& obstacle) {
  return {obstacle.reason, obstacle.fact + "; " + obstacle.remedy + ", and this goes on by itself"};
}

const StorageClassView* FindStorageClass(const StorageView& storage, const std::string& name) {
  if (!storage.storage_classes) return nullptr;
  const auto found = std::ranges::find(*storage.storage_classes, name, &StorageClassView::name);
  return found == storage.storage_classes->end() ? nullptr : &*found;
}

bool IsOfDriver(const StorageClassView& candidate, const ClaimView& claim,
                const StorageView& storage) {
  const StorageClassView* of_claim = FindStorageClass(storage, claim.storage_class);
  return candidate.provisioner == DriverOf(claim, storage) ||
         (of_claim != nullptr && candidate.provisioner == of_claim->provisioner);
}

// The volume of a staged claim must go with it.
std::optional<Obstacle> CheckStagingClass(const Spec& spec, const ClaimView& claim,
                                          const StorageView& storage) {
  const std::string& name = StagingClassOf(spec, claim);
  const char* to_name = "name one of its driver in spec.staging.storageClass of the policy";
  if (name.empty())
    return Obstacle{
        reason::kNoStagingClass,
        fmt::format("PersistentVolumeClaim {} has no StorageClass to make a staged claim of",
                    claim.key.name),
        to_name};
  if (!storage.storage_classes) return std::nullopt;
  const StorageClassView* found = FindStorageClass(storage, name);
  if (found == nullptr)
    return Obstacle{reason::kNoStagingClass, fmt::format("there is no StorageClass {}", name),
                    "create it, or " + std::string(to_name)};
  if (!IsOfDriver(*found, claim, storage))
    return Obstacle{reason::kNoStagingClass,
                    fmt::format("StorageClass {} is of driver {}, and PersistentVolumeClaim {} of "
                                "{}",
                                name, found->provisioner, claim.key.name, DriverOf(claim, storage)),
                    to_name};
  if (found->retains)
    return Obstacle{reason::kNoStagingClass,
                    fmt::format("StorageClass {} has reclaimPolicy Retain, so that the volume of "
                                "every staged claim would be left behind",
                                name),
                    "name one with reclaimPolicy Delete in spec.staging.storageClass of the "
                    "policy"};
  return std::nullopt;
}

Obstacle NoClass(std::string fact, std::string remedy) {
  return {reason::kNoSnapshotClass, std::move(fact), std::move(remedy)};
}

std::string Joined(const std::vector<const VolumeSnapshotClassView*>& classes) {
  std::string text;
  for (const VolumeSnapshotClassView* one : classes) text += (text.empty() ? "" : ", ") + one->name;
  return text;
}

// Classes of one kind, and the field of the policy that names one.
struct Classes {
  const char* kind;
  const char* plural;
  const char* field;
  const std::string& named;
  const std::vector<VolumeSnapshotClassView>& all;
  const char* without;  // what to write where the driver can do without
};

using Class = tl::expected<std::string, Obstacle>;

Class Usable(const Classes& classes, const VolumeSnapshotClassView& found) {
  if (!found.retains) return found.name;
  return tl::make_unexpected(NoClass(
      fmt::format("{} {} has deletionPolicy Retain, so that every backup would leave a "
                  "snapshot in the storage",
                  classes.kind, found.name),
      fmt::format("name one with deletionPolicy Delete in {} of the policy", classes.field)));
}

Class NamedClass(const Classes& classes, const ClaimView& claim, const StorageView& storage) {
  const auto found = std::ranges::find(classes.all, classes.named, &VolumeSnapshotClassView::name);
  if (found == classes.all.end())
    return tl::make_unexpected(
        NoClass(fmt::format("there is no {} {}", classes.kind, classes.named),
                fmt::format("create it, or correct {} of the policy", classes.field)));
  const std::string driver = DriverOf(claim, storage);
  if (!driver.empty() && found->driver != driver)
    return tl::make_unexpected(
        NoClass(fmt::format("{} {} is of driver {}, and PersistentVolumeClaim {} of {}",
                            classes.kind, classes.named, found->driver, claim.key.name, driver),
                fmt::format("name one of that driver in {} of the policy", classes.field)));
  return Usable(classes, *found);
}

// The default one of the driver, or its only one.
Class ClassOfDriver(const Classes& classes, const ClaimView& claim, const StorageView& storage) {
  const std::string driver = DriverOf(claim, storage);
  std::vector<const VolumeSnapshotClassView*> all;
  std::vector<const VolumeSnapshotClassView*> defaults;
  for (const VolumeSnapshotClassView& one : classes.all) {
    if (one.driver != driver) continue;
    all.push_back(&one);
    if (one.is_default) defaults.push_back(&one);
  }
  if (all.empty())
    return tl::make_unexpected(NoClass(
        driver.empty()
            ? fmt::format("the driver of PersistentVolumeClaim {} is not known", claim.key.name)
            : fmt::format("driver {} of PersistentVolumeClaim {} has no {}", driver, claim.key.name,
                          classes.kind),
        driver.empty() ? fmt::format("name a class in {} of the policy", classes.field)
                       : classes.without));
  if (defaults.size() == 1) return Usable(classes, *defaults.front());
  if (all.size() == 1) return Usable(classes, *all.front());
  return tl::make_unexpected(
      NoClass(fmt::format("driver {} has several {} ({}), and not one of them is the default",
                          driver, classes.plural, Joined(all)),
              fmt::format("name one in {} of the policy", classes.field)));
}

Class ClassFor(const Classes& classes, const ClaimView& claim, const StorageView& storage) {
  return classes.named.empty() ? ClassOfDriver(classes, claim, storage)
                               : NamedClass(classes, claim, storage);
}

// The class of the VolumeSnapshot to take; empty leaves it to the cluster.
Class SnapshotClassFor(const Spec& spec, const ClaimView& claim, const StorageView& storage) {
  if (!storage.snapshots_served)
    return tl::make_unexpected(Obstacle{
        reason::kSnapshotsNotServed,
        "the cluster serves no VolumeSnapshots (snapshot.storage.k8s.io/v1)",
        "install the snapshot CRDs and the snapshot controller, or write copyMethod Direct"});
  if (auto obstacle = CheckStagingClass(spec, claim, storage))
    return tl::make_unexpected(*std::move(obstacle));
  const std::string& named = spec.volume_snapshot_class;
  if (!storage.snapshot_classes) return named;
  return ClassFor({"VolumeSnapshotClass", "VolumeSnapshotClasses", "spec.volumeSnapshotClass",
                   named, *storage.snapshot_classes,
                   "create one if it can take snapshots, or write copyMethod Direct"},
                  claim, storage);
}

Class GroupClassFor(const Spec& spec, const ClaimView& claim, const StorageView& storage) {
  const char* field = "spec.volumeGroupSnapshotClass";
  if (!storage.groups_served)
    return tl::make_unexpected(
        Obstacle{reason::kSnapshotsNotServed,
                 "the cluster serves no VolumeGroupSnapshots (groupsnapshot.storage.k8s.io)",
                 fmt::format("install their CRDs and a snapshot controller that knows them, or "
                             "leave {} of the policy out",
                             field)});
  const std::string& named = spec.volume_group_snapshot_class;
  if (!storage.group_classes && named.empty())
    return tl::make_unexpected(NoClass("VolumeGroupSnapshotClasses cannot be read",
                                       fmt::format("name one in {} of the policy", field)));
  if (!storage.group_classes) return named;
  return ClassFor({"VolumeGroupSnapshotClass", "VolumeGroupSnapshotClasses", field, named,
                   *storage.group_classes, "create one if it can take group snapshots"},
                  claim, storage);
}

std::optional<Obstacle> CheckClone(const Spec& spec, const ClaimView& claim,
                                   const StorageView& storage) {
  if (auto obstacle = CheckStagingClass(spec, claim, storage)) return obstacle;
  const std::string driver = DriverOf(claim, storage);
  // Provisioners that are not CSI drivers hand out an empty volume instead of a clone.
  if (!storage.csi_drivers)
    return Obstacle{reason::kCannotClone,
                    "whether driver " + driver + " is a CSI driver cannot be read",
                    "have the chart's readStorage set, or write another copyMethod"};
  if (std::ranges::find(*storage.csi_drivers, driver) == storage.csi_drivers->end())
    return Obstacle{reason::kCannotClone,
                    fmt::format("{} of PersistentVolumeClaim {} is no CSI driver (there is no "
                                "CSIDriver of that name), and only these can clone",
                                driver.empty() ? "the provisioner" : driver, claim.key.name),
                    "write another copyMethod"};
  return std::nullopt;
}

bool NamesAClassThatIsMissing(const Spec& spec, const StorageView& storage) {
  return !spec.volume_snapshot_class.empty() && storage.snapshots_served &&
         storage.snapshot_classes &&
         std::ranges::find(*storage.snapshot_classes, spec.volume_snapshot_class,
                           &VolumeSnapshotClassView::name) == storage.snapshot_classes->end();
}

// What is named has to be there; for the rest the best that can be had is taken.
tl::expected<Choice, Finding> ChooseForAuto(const Spec& spec, const ClaimView& claim,
                                            const StorageView& storage) {
  const bool readable = storage.snapshot_classes.has_value();
  if (storage.snapshots_served && !readable && spec.volume_snapshot_class.empty())
    return Choice{CopyMethod::kDirect, "",
                  "Direct, because VolumeSnapshotClasses cannot be read; name one in "
                  "spec.volumeSnapshotClass, or have the chart's readStorage set"};
  const Class found = SnapshotClassFor(spec, claim, storage);
  if (!found && NamesAClassThatIsMissing(spec, storage))
    return tl::make_unexpected(Told(found.error()));
  if (!found) return Choice{CopyMethod::kDirect, "", "Direct, because " + found.error().fact};
  const std::string driver = DriverOf(claim, storage);
  return Choice{CopyMethod::kSnapshot, *found,
                readable ? fmt::format("Snapshot, because driver {} has VolumeSnapshotClass {}",
                                       driver, *found)
                         : "Snapshot, because spec.volumeSnapshotClass names a class"};
}

}  // namespace

// A driver that took an in-tree plugin's volumes over is noted on the claim by its own name, while
// the StorageClass still has the plugin's.
std::string DriverOf(const ClaimView& claim, const StorageView& storage) {
  if (!claim.provisioner.empty()) return claim.provisioner;
  const StorageClassView* of_claim = FindStorageClass(storage, claim.storage_class);
  return of_claim == nullptr ? "" : of_claim->provisioner;
}

tl::expected<std::string, NoGroupClass> ChooseGroupClass(const Spec& spec, const ClaimView& claim,
                                                         const StorageView& storage) {
  Class found = GroupClassFor(spec, claim, storage);
  if (found) return *std::move(found);
  NoGroupClass none{found.error().fact, std::nullopt};
  if (!spec.volume_group_snapshot_class.empty()) none.told = Told(found.error());
  return tl::make_unexpected(std::move(none));
}

tl::expected<Choice, Finding> ChooseCopyMethod(const Spec& spec, const ClaimView& claim,
                                               const StorageView& storage) {
  switch (spec.copy_method) {
    case CopyMethod::kDirect:
      return Choice{};
    case CopyMethod::kAuto:
      return ChooseForAuto(spec, claim, storage);
    case CopyMethod::kClone:
      if (const auto obstacle = CheckClone(spec, claim, storage))
        return tl::make_unexpected(Told(*obstacle));
      return Choice{CopyMethod::kClone, "", ""};
    case CopyMethod::kSnapshot:
      break;
  }
  const Class found = SnapshotClassFor(spec, claim, storage);
  if (!found) return tl::make_unexpected(Told(found.error()));
  return Choice{CopyMethod::kSnapshot, *found, ""};
}

const std::string& StagingClassOf(const Spec& spec, const ClaimView& claim) {
  return spec.staging.storage_class.empty() ? claim.storage_class : spec.staging.storage_class;
}

}  // namespace holdfast::controllers::backup
