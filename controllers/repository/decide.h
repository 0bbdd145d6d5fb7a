// What to do about a BackupRepository, as a pure function of what was observed.
//
// A probe is a Job that opens the repository (and creates the first one). At most one runs; the
// last one that ended stays until the next is made, so that what it said can be read again after a
// restart.
// - A healthy repository is probed every probe_period, an unhealthy one with a backoff that doubles
//   from probe_retry_first to probe_retry_most, whatever the fault: a corrected Secret heals it.
// - A changed spec, and a mover that died holding a lock, are answered with a probe at once.
// - A probe that ended without a word of the mover (its node failed) says nothing about the
//   repository: only the third of them in a row makes a healthy one unready.
// - A known repository is never created again: if it is gone, or another one lies in its place,
// that
//   is for the user to decide.
// - How fast Restores from it were is kept, also once their objects are gone.
// - The length of the queue for slots is told, but no more often than every kTellPeriod.
#pragma once

#include <chrono>
#include <optional>
#include <string>
#include <vector>

#include "base/clock.h"
#include "controllers/mover_state.h"
#include "controllers/reconciler.h"
#include "controllers/settings.h"
#include "controllers/views.h"
#include "crds/types/backup_repository.h"
#include "crds/types/restore.h"
#include "operator/kube/events.h"

namespace holdfast::controllers::repository {

// Labels of a probe Job.
inline constexpr const char* kGenerationLabel = "holdfast.dev/generation";  // of the spec it probes
inline constexpr const char* kAttemptLabel =
    "holdfast.dev/attempt";  // bad probes before it, in a row
inline constexpr const char* kRemovesLocksLabel = "holdfast.dev/removes-locks";  // when it does

inline constexpr std::chrono::seconds kTellPeriod{5};

using Probe = MoverRun;

// What a repository does to itself on schedule (upkeep.h).
enum class Chore { kPrune, kCheck };

struct World {
  crds::BackupRepository repository;
  TimePoint now{};
  // This repository's Jobs (by owner uid), in any order.
  std::vector<Probe> probes;
  std::vector<MoverRun> prunes;
  std::vector<MoverRun> checks;
  std::vector<MoverRun> imports;
  // Holders of locks, by the last probe, and movers of this repository, whose pods are gone or have
  // ended. Removing the locks of such a holder is always safe.
  std::vector<std::string> dead_holders;
  // Those of them that left without a word and so left their lock behind: not to be waited with.
  bool locks_left_behind = false;
  std::optional<crds::BackupRepository> chunker_from;  // spec.chunkerFrom, when it exists
  std::optional<crds::Restore> drill;                  // of status.last_drill, while that runs
  std::optional<crds::BackupRepository> definition;    // spec.shared, when it exists
  std::optional<std::int64_t> restore_rate;  // of the last Restores from it; nullopt for none
  // Of the namespace's Restores with mode Follow: whether one is not over, and those that are to be
  // promoted (Promotions).
  bool followed = false;
  std::string promotions;
  std::int64_t waiting = 0;  // Backups that say that they wait for a slot
  // When that number was last told in the status, as far as is known.
  std::optional<TimePoint> waiting_told;
};

struct ProbeStart {
  std::string name;
  int attempt = 0;
  bool create = false;
  std::vector<std::string> dead_holders;

  friend bool operator==(const ProbeStart&, const ProbeStart&) = default;
};

struct ChoreStart {
  Chore chore = Chore::kPrune;
  std::string job;

  friend bool operator==(const ChoreStart&, const ChoreStart&) = default;
};

struct Announcement {
  kube::EventType type = kube::EventType::kNormal;
  std::string reason;
  std::string message;

  friend bool operator==(const Announcement&, const Announcement&) = default;
};

struct Plan {
  crds::BackupRepositoryStatus status;
  std::optional<ProbeStart> start;
  std::optional<ChoreStart> chore;
  std::optional<std::string> start_import;  // the Job's name
  std::string import_unlike;                // what it waits for something else than; empty for none
  // Its log lists the Backups to make; status.lastImport is then to be completed (import.h).
  std::optional<MoverRun> read_import;
  std::optional<std::string> begin_drill;  // its Restore's name; the volume is to be chosen
  bool make_drill = false;                 // the Restore and claim of status.last_drill
  std::optional<crds::Restore> end_drill;  // to be deleted, and its scratch claim with it
  std::vector<JobView> remove;             // Jobs that nobody needs any more
  std::vector<Announcement> events;
  Requeue requeue;
};

Plan Decide(const World& world, const Settings& settings);

// The wait before the probe that follows `bad` bad ones in a row (at least 1).
std::chrono::seconds ProbeBackoff(int bad, const Settings& settings);

// A sentence for a place that is not served. Empty for none.
std::string UnservedPlace(const crds::BackupRepositorySpec& spec);

}  // namespace holdfast::controllers::repository
