// What stands between the hooks and a volume's mover where the volume is not read itself: with
// Snapshot a VolumeSnapshot and a claim made from it, with Clone a claim made from the volume's.
// Pure.
//
//   VolumeSnapshot made -> cut (hooks may thaw) -> ready -> Job, staged claim -> read -> all gone
//
// A VolumeSnapshot belongs to the Backup, the staged claim to the mover's Job and goes with it;
// both have the Job's name. status.volumes[].volumeSnapshot is the debt: it is stored before the
// VolumeSnapshot is made, and cleared once that is known to be gone, so that whoever leads then
// knows what is left to be removed. Its repository identity is the original claim's. Where several
// volumes are cut at once, volumeGroupSnapshot is it in the same way (volume_groups.h), and
// volumeSnapshot the member that is read.
#pragma once

#include <optional>
#include <string>

#include "controllers/backup/decide.h"

namespace holdfast::controllers::backup {

// Its mover reads a claim of its own: Snapshot or Clone.
bool IsStaged(const crds::VolumeBackup& volume);

// Its VolumeSnapshot is asked for and cannot be read from yet. Such a volume has no use for a slot.
bool AwaitsSnapshot(const crds::BackupStatus& status, const crds::VolumeBackup& volume);

// A VolumeSnapshot or VolumeGroupSnapshot may be left.
bool HasStaged(const crds::BackupStatus& status);

// Hooks have nothing to hold any more for a volume that is cut.
inline bool IsCut(const crds::VolumeBackup& volume) { return volume.cut_time.has_value(); }

// Once the Backup's turn has come: chooses the method of each volume that has none. A Finding keeps
// the Backup from running.
std::optional<Finding> ChooseCopyMethods(const World& world, Plan& plan);

// What is staged is to be stored in the status before it is made.
bool IsStored(const World& world, const Plan& plan);

// Volume `i` waits for its VolumeSnapshot, and not for a slot.
bool IsBeingStaged(const World& world, const Plan& plan, std::size_t i);

// In this look a VolumeSnapshot was found ready.
bool BecameReady(const World& world, const Plan& plan);

// The VolumeSnapshots to make, what became of those that were made, and those that took too long.
// Returns what the first one waits for; empty when none does.
std::string StageVolumes(const World& world, Plan& plan);

// Clones that were taken, staged claims that are missing, and those that took too long.
void FollowStagedClaims(const World& world, Plan& plan);

// Of volumes whose result is stored: the mover's Job, and then the VolumeSnapshot. When to look
// again at what is still there; nullopt when nothing is.
std::optional<TimePoint> RemoveStaged(const World& world, Plan& plan);

// How soon to look at VolumeSnapshots that are awaited: no watch tells of them.
inline constexpr std::chrono::seconds kStagingPeriod{1};

}  // namespace holdfast::controllers::backup
