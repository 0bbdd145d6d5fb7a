// What a Restore is decided by. Everything a wrong answer could cost data for is read live: the
// Restore itself, the StatefulSet, claims, Jobs and pods. Backups, policies, repositories and other
// Restores come from the caches.
#pragma once

#include <map>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "base/clock.h"
#include "base/json.h"
#include "controllers/hooks/runs.h"
#include "controllers/mover_state.h"
#include "controllers/restore/estimate.h"
#include "controllers/restore/fights.h"
#include "controllers/views.h"
#include "crds/types/backup.h"
#include "crds/types/backup_policy.h"
#include "crds/types/backup_repository.h"
#include "crds/types/restore.h"
#include "jobs/protocol/progress.h"

namespace holdfast::controllers::restore {

struct Mover {
  JobView job;
  MoverState state;
  std::optional<protocol::Progress> progress;  // of a running one
};

// A PersistentVolumeClaim, as far as it matters here.
struct ClaimState {
  bool exists = false;
  bool deleting = false;      // waits for its last pod
  bool block = false;         // volumeMode Block
  bool many_nodes = false;    // may be attached to several
  std::string volume{};       // the PersistentVolume; empty while unbound
  std::string attached_to{};  // a node; empty for none, or when that may not be asked
};

// What is read for a Restore with mode Follow alone.
struct Following {
  std::vector<crds::Restore> children;  // live, without those that are being deleted
  std::string leaving;                  // one of these
  // BackupRepositories of the namespace whose Backups are to be imported: one that is being
  // searched, and one that cannot be (at a promotion: and has not been since). Empty for none.
  std::string searched;
  std::string unsearchable;
};

struct World {
  crds::Restore restore;
  TimePoint now{};

  // The source, as long as it is not resolved; of one that follows, always.
  std::optional<crds::Backup> backup;        // source.backup
  std::optional<crds::BackupPolicy> policy;  // source.policy
  std::vector<crds::Backup> backups;         // of that policy, in any order
  // A BackupRepository of the namespace that has still to look for Backups to import; empty for
  // none.
  std::string importing;

  std::optional<crds::BackupRepository> repository;  // status.repository, once resolved
  std::optional<Prospect> prospect;  // once resolved, until status.estimate is there

  // The target.
  std::optional<StatefulSetView> set;
  Json set_object;  // the StatefulSet as it is stored
  // Those in status.volumes for which a mover has still to be started; once it is over, those whose
  // mover failed and has its Job still.
  std::map<std::string, ClaimState> claims;
  // Pods of the namespace that may use volumes, without our movers. Only while a mover has still to
  // be started, and while the StatefulSet has pods although its volumes are being written.
  std::vector<PodView> pods;
  // HorizontalPodAutoscalers of the StatefulSet; only before it is scaled down, and when somebody
  // has scaled it up since.
  std::vector<Autoscaler> autoscalers;

  std::map<std::string, Mover> movers;  // by claim; once it is over, by the Job's name

  hooks::News hook_news;

  // An older Restore with the same target that is not over; empty for none.
  std::string earlier;
  // The size that an earlier Restore, which left the StatefulSet at 0, had found it at.
  std::optional<std::int64_t> left_behind;

  Following following;
};

// In place, as opposed to into claims.
inline bool InPlace(const crds::Restore& restore) {
  return !restore.spec.target.stateful_set.empty();
}

inline bool IsOver(const crds::Restore& restore) {
  return restore.status.phase == crds::RestorePhase::kSucceeded ||
         restore.status.phase == crds::RestorePhase::kFailed;
}

}  // namespace holdfast::controllers::restore
