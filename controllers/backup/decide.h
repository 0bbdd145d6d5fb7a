// What to do about a Backup, as a pure function of what was observed.
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
#include "controllers/reconciler.h"
#include "controllers/settings.h"
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

// Indexes are those of status.hooks.runs.
struct HookPlan {
  std::vector<std::size_t> start;      // once the status is stored
  std::vector<std::size_t> ended;      // to be told once the status is stored
  std::vector<hooks::Outcome> stored;  // that the status has now
  std::string expired;                 // what to say of hooks.deadline, which is over; empty: no
};

struct Plan {
  crds::BackupStatus status;
  HookPlan hooks;
  std::vector<std::string> start;         // claims whose movers are to be started
  std::vector<std::string> start_copies;  // repositories that a copy is to be started to
  std::vector<JobView> stop;  // movers that are not needed any more, or not where they are
  // What is staged (staging.h): VolumeSnapshots to make and to remove, claims to make for Jobs that
  // wait for them.
  std::vector<std::string> cut;
  std::vector<VolumeSnapshotView> uncut;
  std::vector<std::string> cut_groups;  // VolumeGroupSnapshots, by name
  std::vector<VolumeSnapshotView> uncut_groups;
  std::vector<std::string> claims;
  std::vector<JobView> expire;  // finished Jobs whose outcome is recorded
  Requeue requeue;
};

Plan Decide(const World& world, const Settings& settings);

// What one run is about: of each StatefulSet every template for every replica, in order; of one
// that is scaled to nothing, the claims it left behind; then the policy's dumps.
std::vector<crds::VolumeBackup> ResolveVolumes(const crds::BackupPolicy& policy,
                                               const StatefulSets& stateful_sets,
                                               const std::set<std::string>& claims);

// Whose volume it is, by name; empty for a dump of a policy with a selector.
std::string SetNameOf(const World& world, const crds::VolumeBackup& volume);

// The policy's dump that stands among the volumes as `claim`; nullptr when it has none of that
// name.
const crds::Dump* FindDump(const crds::BackupPolicySpec& policy, std::string_view claim);

// Of the claims that a StatefulSet of the policy made, those that `claims` lacks: the next one of
// each template, and those between. At most one more than kFewClaims.
inline constexpr std::size_t kFewClaims = 8;
std::vector<std::string> MissingClaims(const crds::BackupPolicy& policy,
                                       const StatefulSetView& stateful_set,
                                       const std::set<std::string>& claims);

// "<backup>-<claim>", within a Job name's length: the mover's Job, and what is staged for it.
std::string JobNameFor(const crds::Backup& backup, const std::string& claim);

// Says in the plan that `claim`'s mover could not be started.
void AddStartFailure(Plan& plan, const World& world, const std::string& claim, const Error& error);

inline bool IsOver(const crds::BackupStatus& status) {
  return status.phase == crds::BackupPhase::kSucceeded ||
         status.phase == crds::BackupPhase::kPartiallyFailed ||
         status.phase == crds::BackupPhase::kFailed;
}

inline bool IsOver(const crds::VolumeBackup& volume) {
  return volume.state != crds::RunState::kPending && volume.state != crds::RunState::kRunning;
}

}  // namespace holdfast::controllers::backup
