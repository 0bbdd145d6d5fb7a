// What to do about a BackupPolicy, as a pure function of what was observed.
#pragma once

#include <map>
#include <optional>
#include <string>
#include <vector>

#include "base/clock.h"
#include "controllers/mover_state.h"
#include "controllers/policy/check.h"
#include "controllers/policy/retention.h"
#include "controllers/reconciler.h"
#include "controllers/restore/estimate.h"
#include "controllers/views.h"
#include "crds/types/backup.h"
#include "crds/types/backup_policy.h"
#include "crds/types/backup_repository.h"
#include "operator/kube/events.h"

namespace holdfast::controllers::policy {

// A volume that a running pod of the workload uses, where, and as whom.
struct Mount {
  std::string claim;
  std::string node;
  bool one_pod = false;  // no other pod may mount it
  bool device = false;   // volumeMode Block
  crds::MoverSecurityContext security = {};
};

struct World {
  TimePoint now{};
  crds::BackupPolicy policy;
  StatefulSets stateful_sets;
  const crds::BackupRepository* repository = nullptr;
  // Where the Backups have copies, those that exist.
  std::map<std::string, const crds::BackupRepository*> copies;
  std::vector<crds::Backup> backups;  // of this policy, finished or not
  std::vector<MoverRun> forgets;      // of this policy
  std::vector<MoverRun> watchers;     // of this policy
  std::vector<Mount> mounts;          // looked for only when volumes are to be watched
  restore::Restores restores;         // from that repository, in this namespace
  Allowed allowed;                    // by who installed the operator
};

struct Event {
  kube::EventType type = kube::EventType::kNormal;
  std::string reason;
  std::string message;
};

struct ForgetStart {
  std::string job;
  std::string round;
  std::string claim;
  std::vector<std::string> snapshots;
  std::string copies_in = {};  // the repository of copies of these; empty: these themselves

  friend bool operator==(const ForgetStart&, const ForgetStart&) = default;
};

// A watcher to be started (continuous.h).
struct WatchStart {
  std::string job;
  std::string claim;
  std::string node;
  std::optional<TimePoint> since;  // changes after it count; all when nothing is known

  friend bool operator==(const WatchStart&, const WatchStart&) = default;
};

struct Plan {
  crds::BackupPolicyStatus status;
  std::optional<crds::Backup> create;
  std::vector<ForgetStart> forget;
  std::vector<ForgetStart> forget_shared;  // by the gateway, before the objects go
  // Once the status, which remembers what their predecessors told, is written.
  std::vector<WatchStart> watch;
  std::vector<JobView> unwatch;              // watchers that run and are not wanted, or not there
  std::vector<JobView> remove_jobs;          // finished ones that have served
  std::vector<crds::Backup> remove_backups;  // objects only
  std::vector<Event> events;                 // to be told once the status is written
  Requeue requeue;
};

Plan Decide(const World& world);

// "<policy>-<schedule>-<UTC yyyymmdd-hhmm>": the same for the same due time, whoever computes it,
// so that an operator that died between creating the Backup and noting it creates nothing twice.
std::string BackupName(const std::string& policy, const std::string& schedule, TimePoint due);

}  // namespace holdfast::controllers::policy
