// What becomes of a Backup with deletionPolicy Delete that is being deleted: its movers are
// stopped, a forget Job for each volume removes its snapshots, and then the object goes. Pure.
//
// The wait is bounded: after kDeletionLimit, or at once when there is no repository any more or the
// namespace itself is going, the object goes and an event names what is left in the repository.
#pragma once

#include <chrono>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "base/clock.h"
#include "base/json.h"
#include "controllers/mover_state.h"
#include "controllers/reconciler.h"
#include "controllers/settings.h"
#include "controllers/shared.h"
#include "crds/types/backup.h"
#include "crds/types/backup_repository.h"

namespace holdfast::controllers::backup {

inline constexpr std::chrono::hours kDeletionLimit{1};

struct DeletionWorld {
  TimePoint now{};
  crds::Backup backup;                                 // being deleted
  const crds::BackupRepository* repository = nullptr;  // where its snapshots are
  std::map<std::string, const crds::BackupRepository*>
      copies;                     // where copies are, those that exist
  std::vector<MoverRun> movers;   // that back up, of this Backup
  std::vector<MoverRun> forgets;  // named by ForgetJobName
};

// The snapshots of one claim in one repository.
struct Whereabouts {
  std::string claim;
  std::string copies_in = {};  // a repository of copies; empty for the Backup's own

  friend auto operator<=>(const Whereabouts&, const Whereabouts&) = default;
};

struct DeletionPlan {
  std::vector<JobView> stop;  // movers that still run
  // To forget; where they are copies, those of which they are.
  std::map<Whereabouts, std::vector<std::string>> start;
  std::vector<JobView> retry;  // failed Jobs, to be removed and made again
  bool release = false;        // the object may go
  std::string left;            // what stays in the repository, and why; empty for nothing
  Requeue requeue;
};

// Whether one of a Backup's finalizers is to be set or taken away, now or when what it is for is
// done.
bool NeedsFinalizer(const crds::Backup& backup);

DeletionPlan DecideDeletion(const DeletionWorld& world);

// Of snapshots that are to be forgotten there.
Remover RemoverAt(const DeletionWorld& world, const Whereabouts& where);

// The Job that removes one claim's snapshots. It belongs to the repository: what belongs to the
// Backup may be removed before it has done its work.
std::string ForgetJobName(const crds::Backup& backup, const Whereabouts& where);
Result<Json> BuildForgetJob(const DeletionWorld& world, const Whereabouts& where,
                            const std::vector<std::string>& snapshots, const Settings& settings);

}  // namespace holdfast::controllers::backup
