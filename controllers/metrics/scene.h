// What a scrape needs of the caches, taken in one walk: numbers, and no object.
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/clock.h"
#include "controllers/context.h"

namespace holdfast::controllers::metrics {

using kube::ObjectKey;
using Time = std::optional<TimePoint>;
using Number = std::optional<std::int64_t>;

// The condition Ready; nullopt while there is none.
struct Readiness {
  std::string reason;
  bool ready = false;
};

// A Backup that is over.
struct Ended {
  TimePoint time{};
  std::string_view result;  // its phase
  double duration = 0;      // seconds
  Number bytes_read;
  Number bytes_added;
  Number unreadable;
};

// Of a policy with spec.continuous.
struct ContinuousRow {
  Time unsaved_since;
  Number recovery_point;  // seconds
  std::int64_t watched_volumes = 0;
  double max_interval = 0;  // seconds
};

struct PolicyRow {
  ObjectKey key;
  std::string repository;
  std::string target;
  std::optional<Readiness> ready;
  bool suspended = false;
  Time last_success;
  Time last_failure;
  Time next_run;
  Time unanswered;  // policy/overdue.h
  std::optional<ContinuousRow> continuous;
  Number protected_bytes;
  Number added_bytes;
  Number volumes;
  Number backups;
  Number recovery_seconds;
  std::string_view last_result;      // a phase; empty for none
  std::optional<Ended> last_backup;  // the last good one, while its object is here
};

// The last of a repository's own Jobs of one sort.
struct RunRow {
  Time time;
  std::string_view result;  // a RunState; empty for none
};

struct RepositoryRow {
  ObjectKey key;
  std::optional<Readiness> ready;
  Number snapshots;
  Number stored_bytes;
  Number source_bytes;
  Number unused_bytes;
  Number restore_bytes_per_second;
  Time locked_until;
  std::size_t locks = 0;
  std::int64_t slots = 0;
  RunRow probe;
  RunRow check;
  RunRow drill;
  Number drill_seconds;  // of the last that succeeded
  Number drill_bytes;
  RunRow prune;
  int movers = 0;  // at work
  // Of the Backups that went there, and of the policies that send them.
  std::optional<Ended> last;
  std::optional<Ended> last_success;
  Time unanswered;  // the longest
};

// A Restore with mode Follow that is not over.
struct FollowerRow {
  ObjectKey key;
  std::optional<Readiness> ready;
  Time recovery_point;
  Time behind_since;  // when the first good Backup ended that it has not; nullopt: it has all
  Number restored;
};

// Objects counted by a word: Backups that have not begun by why, runs of a namespace by phase.
using Counts = std::map<std::pair<ObjectKey, std::string>, int>;

struct Scene {
  TimePoint now{};
  std::vector<PolicyRow> policies;
  std::vector<RepositoryRow> repositories;
  std::vector<FollowerRow> followers;
  Counts waiting_by_policy;
  Counts waiting_by_repository;
  Counts backups;  // the key has a namespace only
  Counts restores;
};

Scene LookAround(const Caches& caches, TimePoint now);

}  // namespace holdfast::controllers::metrics
