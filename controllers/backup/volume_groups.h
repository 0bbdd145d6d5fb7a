// VolumeGroupSnapshots: the volumes of a StatefulSet that are read from VolumeSnapshots are cut by
// one, at the same moment, where their driver can and their claims can be told by labels. Pure.
//
// A VolumeGroupSnapshot selects claims by the values of labels, which a StatefulSet puts on those
// that it makes. It is used where the labels that the claims to be cut have in common fit no other
// claim of the namespace; else each volume has a VolumeSnapshot of its own, and copyReason says
// why.
//
// It belongs to the Backup, and its name stands with each of its volumes as long as it may be there
// (the debt of staging.h). The VolumeSnapshots of its members are made by its controller, belong to
// it, and go with it: when all of its volumes are read, and not before.
#pragma once

#include <map>
#include <optional>
#include <string>
#include <vector>

#include "controllers/backup/decide.h"

namespace holdfast::controllers::backup {

// A VolumeSnapshot, of which claim it is, and the VolumeGroupSnapshot that it is a member of.
struct TakenSnapshot {
  VolumeSnapshotView snapshot;
  std::string claim;
  OwnerView group;  // empty for one that was made by itself
};
Result<TakenSnapshot> DecodeTakenSnapshot(const Json& object);

// Some volume is, or was to be, cut by a VolumeGroupSnapshot that may be left.
bool HasGroups(const crds::BackupStatus& status);

// Of the volumes whose copy method was chosen in this look to be Snapshot: which are cut by one. A
// Finding keeps the Backup from running.
std::optional<Finding> ChooseGroups(const World& world, Plan& plan);

// The labels that all claims of `group`'s volumes have; empty when they have none in common.
std::map<std::string, std::string> SelectorOf(const World& world, const std::string& group);

// nullptr when it does not exist.
const VolumeSnapshotView* FindGroup(const World& world, const std::string& name);

// `taken` is the member for `volume` of the VolumeGroupSnapshot that cuts that. Those that outlive
// it are told by its name.
bool IsMemberFor(const World& world, const TakenSnapshot& taken, const crds::VolumeBackup& volume);

// Nothing reads from `group` any more, by what is stored.
bool IsReadWhole(const World& world, const std::string& group);

}  // namespace holdfast::controllers::backup
