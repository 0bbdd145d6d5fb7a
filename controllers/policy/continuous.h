// Continuous protection (docs/design/0010): which volumes are to be watched, and what became of the
// changes that watchers told of. Pure.
//
// A watcher is a Job that ends when its volume has changed and is to be backed up. It says since
// when the volume has changed, and until when that is all: from there its successor goes on, so
// that no change falls between them, whatever happens meanwhile and for how long.
#pragma once

#include "controllers/policy/decide.h"

namespace holdfast::controllers::policy {

// Whether volumes are to be watched: spec.continuous is set, and the policy not suspended.
bool IsContinuous(const crds::BackupPolicy& policy);

// Whether a watcher is that of `claim`.
bool Watches(const MoverRun& watcher, const std::string& claim);

// Fills status.continuous, watch, unwatch and remove_jobs. Returns the failure of a watcher, in
// words; empty for none.
std::string TendWatchers(const World& world, Plan& plan);

// None of them is wanted.
void StopWatchers(const World& world, Plan& plan);

// When changes are known that are in no good Backup, and wait for no failure to pass: since when a
// Backup is due, which may be in the future; nullopt for none.
std::optional<TimePoint> ContinuousDue(const World& world, const crds::BackupPolicyStatus& status);

}  // namespace holdfast::controllers::policy
