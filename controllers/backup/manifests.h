// The manifests of a Backup whose policy asks for them (docs/design/0011). Pure.
//
// That they are wanted is written down with the volumes, before anything starts, for each
// StatefulSet. One mover keeps those of one StatefulSet beside its own volume: that of the first of
// its volumes that can have one, or of a volume of others that keeps none. A Backup without the
// manifests that were asked for is not a good one.
#pragma once

#include <string>
#include <vector>

#include "controllers/backup/world.h"
#include "controllers/manifests/collect.h"

namespace holdfast::controllers::backup {

// A run that has resolved its volumes keeps the manifests of the policy's StatefulSets, if asked
// to.
void WantManifests(const crds::BackupPolicy& policy, const StatefulSets& stateful_sets,
                   crds::BackupStatus& status);

// For each of status.manifests, the volume whose mover keeps them; nullptr when they are known
// already, or no volume is left that can have such a mover.
std::vector<const crds::VolumeBackup*> CarriersOf(const crds::BackupStatus& status);

// What is to be read for the movers that are to keep them, before these are started: of each
// StatefulSet whose carrier awaits its mover and may be read.
std::vector<manifests::Wanted> ManifestsToRead(const World& world);

// Those that were read for `claim`'s mover; nullptr for none.
const manifests::Bundle* BundleFor(const World& world, const std::string& claim);

// The mover of `volume` is being started: with them, if they were read for it.
void StartManifests(const World& world, const crds::VolumeBackup& volume,
                    crds::BackupStatus& status);

// What volume i's mover, which has ended, says of them.
void NoteManifests(const World& world, std::size_t i, crds::BackupStatus& status);

// No mover is left that could keep them.
void EndManifests(crds::BackupStatus& status);

// Why a run whose movers have all ended lacks manifests; empty when it lacks none.
std::string MissingManifests(const crds::BackupStatus& status);

struct StoredSnapshot {
  std::string claim;
  std::string id;

  friend bool operator==(const StoredSnapshot&, const StoredSnapshot&) = default;
};

// All that a Backup has in its repository, of failed volumes too. Those of manifests stand with
// claims, one with each in turn: the Job that forgets the one forgets both.
std::vector<StoredSnapshot> SnapshotsOf(const crds::BackupStatus& status);

// Whether all of it may be stored in `repository`: Secrets only where they are accepted.
bool Accepts(const crds::BackupRepository& repository, const crds::BackupStatus& status);

}  // namespace holdfast::controllers::backup
