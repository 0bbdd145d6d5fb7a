// BackupPolicy: what to protect, when, where to, how long.
#pragma once

#include <array>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/clock.h"
#include "crds/types/backup.h"
#include "crds/types/conditions.h"
#include "crds/types/dump.h"
#include "crds/types/kinds.h"
#include "crds/types/meta.h"
#include "crds/types/parts.h"

namespace holdfast::crds {

// Which of the StatefulSet's volumes are backed up; None leaves the policy's dumps.
enum class VolumeSelection : std::uint8_t { kAll, kNone };
constexpr auto Names(VolumeSelection) { return std::array<std::string_view, 2>{"All", "None"}; }

// One of stateful_set and selector is set.
struct PolicyTarget {
  std::string stateful_set;
  std::optional<LabelSelector> selector;
  VolumeSelection volumes = VolumeSelection::kAll;
  std::vector<std::string> volume_claims;  // volumeClaimTemplates' names; empty is all
  std::vector<std::string> exclude;

  template <typename V>
  static void Fields(V&& visit) {
    visit("statefulSet", &PolicyTarget::stateful_set);
    visit("selector", &PolicyTarget::selector);
    visit("volumes", &PolicyTarget::volumes);
    visit("volumeClaims", &PolicyTarget::volume_claims);
    visit("exclude", &PolicyTarget::exclude);
  }
  friend bool operator==(const PolicyTarget&, const PolicyTarget&) = default;
};

// Nothing set keeps everything.
struct Retention {
  std::optional<std::int64_t> keep_last;
  std::optional<std::int64_t> keep_hourly;
  std::optional<std::int64_t> keep_daily;
  std::optional<std::int64_t> keep_weekly;
  std::optional<std::int64_t> keep_monthly;
  std::optional<std::int64_t> keep_yearly;
  std::string keep_within;

  template <typename V>
  static void Fields(V&& visit) {
    visit("keepLast", &Retention::keep_last);
    visit("keepHourly", &Retention::keep_hourly);
    visit("keepDaily", &Retention::keep_daily);
    visit("keepWeekly", &Retention::keep_weekly);
    visit("keepMonthly", &Retention::keep_monthly);
    visit("keepYearly", &Retention::keep_yearly);
    visit("keepWithin", &Retention::keep_within);
  }
  friend bool operator==(const Retention&, const Retention&) = default;
};

struct Schedule {
  std::string name;
  std::string cron;
  BackupType type = BackupType::kIncremental;
  std::optional<Retention> retention;  // rules for this schedule's backups alone

  template <typename V>
  static void Fields(V&& visit) {
    visit("name", &Schedule::name, kRequired);
    visit("cron", &Schedule::cron, kRequired);
    visit("type", &Schedule::type);
    visit("retention", &Schedule::retention);
  }
  friend bool operator==(const Schedule&, const Schedule&) = default;
};

struct Continuous {
  std::string quiet_period = "10s";
  std::string max_interval = "5m";

  template <typename V>
  static void Fields(V&& visit) {
    visit("quietPeriod", &Continuous::quiet_period);
    visit("maxInterval", &Continuous::max_interval);
  }
  friend bool operator==(const Continuous&, const Continuous&) = default;
};

// What stands between a VolumeSnapshot or clone and the mover that reads it.
struct Staging {
  std::string storage_class;  // of staged claims; empty: the claim's own
  std::string deadline =
      "1h";  // for a VolumeSnapshot to be ready, and for a staged claim to be bound

  template <typename V>
  static void Fields(V&& visit) {
    visit("storageClass", &Staging::storage_class);
    visit("deadline", &Staging::deadline);
  }
  friend bool operator==(const Staging&, const Staging&) = default;
};

// The objects that make the workload up, kept in a snapshot of their own beside the volumes'.
struct Manifests {
  bool include = false;
  bool secrets = false;  // the Secrets that the pods refer to, too

  template <typename V>
  static void Fields(V&& visit) {
    visit("include", &Manifests::include);
    visit("secrets", &Manifests::secrets);
  }
  friend bool operator==(const Manifests&, const Manifests&) = default;
};

enum class UnreadableFiles : std::uint8_t { kFail, kWarn };
constexpr auto Names(UnreadableFiles) { return std::array<std::string_view, 2>{"Fail", "Warn"}; }

struct FailurePolicy {
  UnreadableFiles unreadable_files = UnreadableFiles::kFail;
  std::string shrink_guard;  // "90%"; empty is off
  std::int64_t retries = 3;
  std::string deadline = "6h";

  template <typename V>
  static void Fields(V&& visit) {
    visit("unreadableFiles", &FailurePolicy::unreadable_files);
    visit("shrinkGuard", &FailurePolicy::shrink_guard);
    visit("retries", &FailurePolicy::retries);
    visit("deadline", &FailurePolicy::deadline);
  }
  friend bool operator==(const FailurePolicy&, const FailurePolicy&) = default;
};

struct BackupPolicySpec {
  PolicyTarget target;
  std::vector<Dump> dumps;
  std::string repository;
  std::vector<std::string> copy_to;
  std::vector<Schedule> schedules;
  std::string time_zone = "UTC";
  std::string jitter = "0s";
  std::string starting_deadline = "1h";
  bool suspend = false;
  std::string trigger;
  std::optional<Continuous> continuous;
  CopyMethod copy_method = CopyMethod::kAuto;
  std::string volume_snapshot_class;
  std::string volume_group_snapshot_class;
  Staging staging;
  FreezeHooks hooks;
  Manifests manifests;
  Retention retention;
  std::int64_t failed_history_limit = 3;  // failed Backup objects kept
  FailurePolicy failure_policy;
  MoverSpec mover;

  template <typename V>
  static void Fields(V&& visit) {
    visit("target", &BackupPolicySpec::target, kRequired);
    visit("dumps", &BackupPolicySpec::dumps);
    visit("repository", &BackupPolicySpec::repository, kRequired);
    visit("copyTo", &BackupPolicySpec::copy_to);
    visit("schedules", &BackupPolicySpec::schedules);
    visit("timeZone", &BackupPolicySpec::time_zone);
    visit("jitter", &BackupPolicySpec::jitter);
    visit("startingDeadline", &BackupPolicySpec::starting_deadline);
    visit("suspend", &BackupPolicySpec::suspend);
    visit("trigger", &BackupPolicySpec::trigger);
    visit("continuous", &BackupPolicySpec::continuous);
    visit("copyMethod", &BackupPolicySpec::copy_method);
    visit("volumeSnapshotClass", &BackupPolicySpec::volume_snapshot_class);
    visit("volumeGroupSnapshotClass", &BackupPolicySpec::volume_group_snapshot_class);
    visit("staging", &BackupPolicySpec::staging);
    visit("hooks", &BackupPolicySpec::hooks);
    visit("manifests", &BackupPolicySpec::manifests);
    visit("retention", &BackupPolicySpec::retention);
    visit("failedHistoryLimit", &BackupPolicySpec::failed_history_limit);
    visit("failurePolicy", &BackupPolicySpec::failure_policy);
    visit("mover", &BackupPolicySpec::mover);
  }
  friend bool operator==(const BackupPolicySpec&, const BackupPolicySpec&) = default;
};

// A run that is over.
struct PolicyRun {
  std::string backup;
  std::optional<TimePoint> time;
  std::string duration;  // "3m12s"
  std::string message;

  template <typename V>
  static void Fields(V&& visit) {
    visit("backup", &PolicyRun::backup, kRequired);
    visit("time", &PolicyRun::time);
    visit("duration", &PolicyRun::duration);
    visit("message", &PolicyRun::message);
  }
  friend bool operator==(const PolicyRun&, const PolicyRun&) = default;
};

// What each schedule last did: the memory that makes one catch-up, and only one, possible.
struct ScheduleStatus {
  std::string name;
  std::optional<TimePoint> last_schedule;  // the due time last acted on, not when it was acted on
  std::string last_backup;
  std::optional<TimePoint> next_run;

  template <typename V>
  static void Fields(V&& visit) {
    visit("name", &ScheduleStatus::name, kRequired);
    visit("lastSchedule", &ScheduleStatus::last_schedule);
    visit("lastBackup", &ScheduleStatus::last_backup);
    visit("nextRun", &ScheduleStatus::next_run);
  }
  friend bool operator==(const ScheduleStatus&, const ScheduleStatus&) = default;
};

// What continuous protection knows.
struct ContinuousStatus {
  std::int64_t watched_volumes = 0;
  std::string message;  // what cannot be watched, or not as it should be; empty when all is well
  // The oldest change that is in no good Backup, as far as it is known.
  std::optional<TimePoint> unsaved_since;
  std::optional<TimePoint> last_change;  // not before the last one that a watcher told of
  // Made for changes that watchers told of, and until when it has them all: the last_change of
  // then.
  std::string last_backup;
  std::optional<TimePoint> last_backup_saves;
  // How old the oldest change was when the last Backup that saved one ended.
  std::optional<std::int64_t> recovery_point_seconds;
  // What the last watcher to end did not have from the kernel; empty: all.
  std::string note;

  template <typename V>
  static void Fields(V&& visit) {
    visit("watchedVolumes", &ContinuousStatus::watched_volumes);
    visit("message", &ContinuousStatus::message);
    visit("unsavedSince", &ContinuousStatus::unsaved_since);
    visit("lastChange", &ContinuousStatus::last_change);
    visit("lastBackup", &ContinuousStatus::last_backup);
    visit("lastBackupSaves", &ContinuousStatus::last_backup_saves);
    visit("note", &ContinuousStatus::note);
    visit("recoveryPointSeconds", &ContinuousStatus::recovery_point_seconds);
  }
  friend bool operator==(const ContinuousStatus&, const ContinuousStatus&) = default;
};

struct BackupPolicyStatus {
  std::int64_t observed_generation = 0;
  Conditions conditions;
  std::string target;  // "StatefulSet/mysql"; the TARGET column
  std::optional<PolicyRun> last_success;
  std::optional<PolicyRun> last_failure;
  std::optional<TimePoint> next_run;  // the earliest of all schedules
  std::string running;                // the Backup that is pending or running now
  std::string last_trigger;           // the spec.trigger last acted on
  std::vector<ScheduleStatus> schedules;
  std::optional<ContinuousStatus> continuous;
  std::optional<std::int64_t> protected_bytes;
  std::string protected_size;  // "1.4 GiB": protected_bytes for people
  // What the Backups that are kept added to the repository.
  std::optional<std::int64_t> added_bytes;
  std::string added;  // added_bytes for people
  std::optional<std::int64_t> backups;
  std::optional<std::int64_t> volumes;
  std::string recovery_time;  // "3m10s": how long a Restore of it all is expected to take
  std::optional<std::int64_t> recovery_seconds;

  template <typename V>
  static void Fields(V&& visit) {
    visit("observedGeneration", &BackupPolicyStatus::observed_generation);
    visit("conditions", &BackupPolicyStatus::conditions);
    visit("target", &BackupPolicyStatus::target);
    visit("lastSuccess", &BackupPolicyStatus::last_success);
    visit("lastFailure", &BackupPolicyStatus::last_failure);
    visit("nextRun", &BackupPolicyStatus::next_run);
    visit("running", &BackupPolicyStatus::running);
    visit("lastTrigger", &BackupPolicyStatus::last_trigger);
    visit("schedules", &BackupPolicyStatus::schedules);
    visit("continuous", &BackupPolicyStatus::continuous);
    visit("protectedBytes", &BackupPolicyStatus::protected_bytes);
    visit("protectedSize", &BackupPolicyStatus::protected_size);
    visit("addedBytes", &BackupPolicyStatus::added_bytes);
    visit("added", &BackupPolicyStatus::added);
    visit("backups", &BackupPolicyStatus::backups);
    visit("volumes", &BackupPolicyStatus::volumes);
    visit("recoveryTime", &BackupPolicyStatus::recovery_time);
    visit("recoverySeconds", &BackupPolicyStatus::recovery_seconds);
  }
  friend bool operator==(const BackupPolicyStatus&, const BackupPolicyStatus&) = default;
};

struct BackupPolicy {
  ObjectMeta metadata;
  BackupPolicySpec spec;
  BackupPolicyStatus status;

  friend bool operator==(const BackupPolicy&, const BackupPolicy&) = default;
};

template <>
const KindInfo& InfoOf<BackupPolicy>();

// A compact form for caches (packing.h); Unpack fills a fresh object.
std::string Pack(const BackupPolicy& object);
void Unpack(std::string_view bytes, BackupPolicy& object);

}  // namespace holdfast::crds
