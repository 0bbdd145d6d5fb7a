// What to do about a Backup, as a pure function of what was observed.
//
//   resolve    policy -> status.volumes, once it may run at all (blockers.h)
//   prepare    copy methods, hooks and slots; what is owed is stored before it is made
//   run        hooks, VolumeSnapshots and movers side by side, each as far as it is
//   over       copies in further repositories; what was staged and the Jobs go
#pragma once

#include <string>
#include <vector>

#include "controllers/backup/world.h"
#include "controllers/reconciler.h"
#include "controllers/settings.h"

namespace holdfast::controllers::backup {

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

// Says in the plan that `claim`'s mover could not be started.
void AddStartFailure(Plan& plan, const World& world, const std::string& claim, const Error& error);

}  // namespace holdfast::controllers::backup
