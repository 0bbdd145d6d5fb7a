// The manifests of a Backup whose policy asks for them (docs/design/0011). Pure.
//
// That they are wanted is written down with the volumes, before anything starts. One mover keeps
// them beside its own volume: that of the first volume that can have one. A Backup without the
// manifests that were asked for is not a good one.
#pragma once

#include <string>
#include <vector>

#include "controllers/backup/decide.h"

namespace holdfast::controllers::backup {

// A run that has resolved its volumes keeps the manifests of the policy's StatefulSet, if asked to.
void WantManifests(const crds::BackupPolicy& policy, crds::BackupStatus& status);

// The volume whose mover keeps them; nullptr when they are not wanted, or known already, or no
// volume can have a mover any more.
const crds::VolumeBackup* CarrierOf(const crds::BackupStatus& status);

// The mover of `volume` is being started: with them, if they were read for it.
void StartManifests(const World& world, const crds::VolumeBackup& volume,
                    crds::BackupStatus& status);

// What volume i's mover, which has ended, says of them.
void NoteManifests(const World& world, std::size_t i, crds::BackupStatus& status);

// No mover is left that could keep them.
void EndManifests(crds::BackupStatus& status);

struct StoredSnapshot {
  std::string claim;
  std::string id;

  friend bool operator==(const StoredSnapshot&, const StoredSnapshot&) = default;
};

// All that a Backup has in its repository, of failed volumes too. That of the manifests stands with
// the first claim: the Job that forgets the one forgets both.
std::vector<StoredSnapshot> SnapshotsOf(const crds::BackupStatus& status);

// Whether all of it may be stored in `repository`: Secrets only where they are accepted.
bool Accepts(const crds::BackupRepository& repository, const crds::BackupStatus& status);

}  // namespace holdfast::controllers::backup
