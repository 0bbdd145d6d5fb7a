// What a Backup is decided by.
#pragma once

#include <optional>
#include <set>
#include <string>
#include <vector>

#include "base/clock.h"
#include "controllers/backup/copy_method.h"
#include "controllers/backup/shrink_guard.h"
#include "controllers/hooks/runs.h"
#include "controllers/manifests/bundle.h"
#include "controllers/mover_state.h"
#include "controllers/policy/check.h"
#include "controllers/views.h"
#include "crds/types/backup.h"
#include "crds/types/backup_policy.h"
#include "crds/types/backup_repository.h"
#include "jobs/protocol/progress.h"

namespace holdfast::controllers::backup {

// One volume's mover as it is now.
struct VolumeWorld {
  std::string claim;
  bool claim_exists = true;  // asked only for volumes that have no Job
  std::string pod;           // that mounts the claim now, and where; empty for none
  std::string node;
  std::set<std::string>
      nodes;  // where pods mount the claim; asked only for a mover that waits long
  // The claim; asked only for volumes that have no Job or lack their staged claim.
  ClaimView source;
  std::optional<VolumeSnapshotView> snapshot;  // what is staged for it (staging.h)
  std::optional<ClaimView> staged;
  std::optional<JobView> job;
  bool job_is_coming = false;  // it was made, and is not in the cache yet
  MoverState mover;            // of the Job, when there is one
  std::optional<protocol::Progress> progress;
  std::optional<GoodSize> last_good;  // of the same policy; asked only once the mover is done
};

// One copy in a further repository, as it is now.
struct CopyWorld {
  std::string repository;
  const crds::BackupRepository* destination = nullptr;  // nullptr: there is none
  std::optional<MoverRun> run;                          // the Job of the last attempt
  int free_slots = 0;                                   // asked only for one that is due
};

struct World {
  TimePoint now{};
  crds::Backup backup;
  const crds::BackupPolicy* policy = nullptr;          // nullptr: there is none
  const crds::BackupRepository* repository = nullptr;  // the policy's
  StatefulSets stateful_sets;                          // the policy's
  std::string older;  // an unfinished Backup of the same policy that goes first; empty for none
  // A Restore that is writing the volumes, or that failed and left the StatefulSet down on volumes
  // that may be half written; empty for none.
  std::string restoring;
  std::set<std::string> claims;      // that exist in the namespace; while volumes are unresolved
  std::vector<VolumeWorld> volumes;  // one for each of status.volumes
  std::vector<JobView> jobs;         // all of this Backup's
  int free_slots = 0;                // movers that the repository can still take
  StorageView storage;               // asked only while copy methods are open
  // Asked only while a volume is cut by one (volume_groups.h): the VolumeGroupSnapshots of the
  // namespace, and the API's version; empty where the cluster serves none.
  std::vector<VolumeSnapshotView> groups;
  std::string groups_version;
  std::string pruning;  // the Job that prunes the repository now; empty for none
  Allowed allowed;      // by who installed the operator
  // Read only for volumes whose movers are to keep them, before these are started.
  std::vector<manifests::Bundle> manifests;
  hooks::News hook_news;  // of this Backup

  // Once the run is over: one for each of status.copies, and where its snapshots are.
  std::vector<CopyWorld> copies;
  const crds::BackupRepository* copy_source = nullptr;
};

inline bool IsOver(const crds::BackupStatus& status) {
  return status.phase == crds::BackupPhase::kSucceeded ||
         status.phase == crds::BackupPhase::kPartiallyFailed ||
         status.phase == crds::BackupPhase::kFailed;
}

inline bool IsOver(const crds::VolumeBackup& volume) {
  return volume.state != crds::RunState::kPending && volume.state != crds::RunState::kRunning;
}

}  // namespace holdfast::controllers::backup
