// Backup: one run of a policy, and the record of the snapshots it made.
#pragma once

#include <array>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/clock.h"
#include "crds/types/conditions.h"
#include "crds/types/hook_runs.h"
#include "crds/types/kinds.h"
#include "crds/types/meta.h"
#include "crds/types/parts.h"

namespace holdfast::crds {

// What is read, never what can be restored: every snapshot restores alone.
enum class BackupType : std::uint8_t { kFull, kDifferential, kIncremental };
constexpr auto Names(BackupType) {
  return std::array<std::string_view, 3>{"Full", "Differential", "Incremental"};
}

// What becomes of the snapshots when the Backup object is deleted.
enum class DeletionPolicy : std::uint8_t { kRetain, kDelete };
constexpr auto Names(DeletionPolicy) { return std::array<std::string_view, 2>{"Retain", "Delete"}; }

enum class BackupPhase : std::uint8_t {
  kPending,
  kRunning,
  kSucceeded,
  kPartiallyFailed,  // some volumes have a snapshot of this run, others have not
  kFailed,
};
constexpr auto Names(BackupPhase) {
  return std::array<std::string_view, 5>{"Pending", "Running", "Succeeded", "PartiallyFailed",
                                         "Failed"};
}

struct ImportedVolume {
  std::string claim;
  std::string pod;
  std::string snapshot;  // 64 hex digits
  std::int64_t files = 0;
  std::int64_t bytes = 0;

  template <typename V>
  static void Fields(V&& visit) {
    visit("claim", &ImportedVolume::claim, kRequired);
    visit("pod", &ImportedVolume::pod);
    visit("snapshot", &ImportedVolume::snapshot, kRequired);
    visit("files", &ImportedVolume::files);
    visit("bytes", &ImportedVolume::bytes);
  }
  friend bool operator==(const ImportedVolume&, const ImportedVolume&) = default;
};

struct ImportedManifests {
  std::string stateful_set;
  std::string snapshot;  // 64 hex digits
  std::int64_t files = 0;
  std::int64_t bytes = 0;

  template <typename V>
  static void Fields(V&& visit) {
    visit("statefulSet", &ImportedManifests::stateful_set, kRequired);
    visit("snapshot", &ImportedManifests::snapshot, kRequired);
    visit("files", &ImportedManifests::files);
    visit("bytes", &ImportedManifests::bytes);
  }
  friend bool operator==(const ImportedManifests&, const ImportedManifests&) = default;
};

// Snapshots that are there already: such a Backup runs nothing. Where cluster, namespace and backup
// are empty they are those of the object itself.
struct BackupImport {
  std::string repository;
  std::string cluster;
  std::string namespace_;
  std::string backup;
  std::optional<TimePoint> start_time;
  std::optional<TimePoint> completion_time;
  std::vector<ImportedVolume> volumes;
  std::vector<ImportedManifests> manifests;

  template <typename V>
  static void Fields(V&& visit) {
    visit("repository", &BackupImport::repository, kRequired);
    visit("cluster", &BackupImport::cluster);
    visit("namespace", &BackupImport::namespace_);
    visit("backup", &BackupImport::backup);
    visit("startTime", &BackupImport::start_time);
    visit("completionTime", &BackupImport::completion_time);
    visit("volumes", &BackupImport::volumes, kRequired);
    visit("manifests", &BackupImport::manifests);
  }
  friend bool operator==(const BackupImport&, const BackupImport&) = default;
};

// Immutable but for `pinned` and `deletion_policy`.
struct BackupSpec {
  std::string policy;
  BackupType type = BackupType::kIncremental;
  bool pinned = false;
  DeletionPolicy deletion_policy = DeletionPolicy::kRetain;
  std::optional<BackupImport> imported;  // from a repository, not run

  template <typename V>
  static void Fields(V&& visit) {
    visit("policy", &BackupSpec::policy, kRequired);
    visit("type", &BackupSpec::type);
    visit("pinned", &BackupSpec::pinned);
    visit("deletionPolicy", &BackupSpec::deletion_policy);
    visit("import", &BackupSpec::imported);
  }
  friend bool operator==(const BackupSpec&, const BackupSpec&) = default;
};

struct VolumeBackup {
  std::string claim;  // of a dump: "dump/<name>" (jobs/protocol/dump_name.h)
  std::string pod;
  std::string node;
  std::string job;
  std::optional<CopyMethod> copy_method;  // never Auto; absent until it is decided
  std::string copy_reason;                // why, where the policy left it open (Auto)
  std::string volume_snapshot_class;      // empty: the cluster's default
  std::string volume_snapshot;            // while there may be one
  std::string volume_group_snapshot;      // that cuts it, where the driver cuts several at once
  std::optional<TimePoint> cut_time;      // when VolumeSnapshot or clone was taken
  std::optional<TimePoint> ready_time;    // when the VolumeSnapshot could be read from
  RunState state = RunState::kPending;
  std::string progress;  // "63%"
  std::string message;
  std::string snapshot;  // 64 hex digits
  std::string parent;    // the snapshot it was compared with
  std::int64_t files = 0;
  std::int64_t bytes = 0;        // size of all files
  std::int64_t bytes_read = 0;   // read from the volume
  std::int64_t bytes_added = 0;  // new in the repository
  std::int64_t unreadable = 0;
  std::vector<std::string> unreadable_paths;  // the first of them, at most 20
  std::int64_t attempts = 0;

  template <typename V>
  static void Fields(V&& visit) {
    visit("claim", &VolumeBackup::claim, kRequired);
    visit("pod", &VolumeBackup::pod);
    visit("node", &VolumeBackup::node);
    visit("job", &VolumeBackup::job);
    visit("copyMethod", &VolumeBackup::copy_method);
    visit("copyReason", &VolumeBackup::copy_reason);
    visit("volumeSnapshotClass", &VolumeBackup::volume_snapshot_class);
    visit("volumeSnapshot", &VolumeBackup::volume_snapshot);
    visit("volumeGroupSnapshot", &VolumeBackup::volume_group_snapshot);
    visit("cutTime", &VolumeBackup::cut_time);
    visit("readyTime", &VolumeBackup::ready_time);
    visit("state", &VolumeBackup::state);
    visit("progress", &VolumeBackup::progress);
    visit("message", &VolumeBackup::message);
    visit("snapshot", &VolumeBackup::snapshot);
    visit("parent", &VolumeBackup::parent);
    visit("files", &VolumeBackup::files);
    visit("bytes", &VolumeBackup::bytes);
    visit("bytesRead", &VolumeBackup::bytes_read);
    visit("bytesAdded", &VolumeBackup::bytes_added);
    visit("unreadable", &VolumeBackup::unreadable);
    visit("unreadablePaths", &VolumeBackup::unreadable_paths);
    visit("attempts", &VolumeBackup::attempts);
  }
  friend bool operator==(const VolumeBackup&, const VolumeBackup&) = default;
};

// The manifests of one StatefulSet, in a snapshot that the mover of one volume makes beside its
// own.
struct ManifestsBackup {
  std::string stateful_set;
  std::string claim;  // of the volume whose mover makes the snapshot
  RunState state = RunState::kPending;
  std::string message;
  std::string snapshot;  // 64 hex digits
  std::int64_t files = 0;
  std::int64_t bytes = 0;
  bool secrets = false;              // whether there are some among them
  std::vector<std::string> objects;  // "Service/mysql": the first of what is kept, at most 64
  std::vector<std::string> missing;  // what is referred to and was not kept, at most 64

  template <typename V>
  static void Fields(V&& visit) {
    visit("statefulSet", &ManifestsBackup::stateful_set, kRequired);
    visit("claim", &ManifestsBackup::claim);
    visit("state", &ManifestsBackup::state);
    visit("message", &ManifestsBackup::message);
    visit("snapshot", &ManifestsBackup::snapshot);
    visit("files", &ManifestsBackup::files);
    visit("bytes", &ManifestsBackup::bytes);
    visit("secrets", &ManifestsBackup::secrets);
    visit("objects", &ManifestsBackup::objects);
    visit("missing", &ManifestsBackup::missing);
  }
  friend bool operator==(const ManifestsBackup&, const ManifestsBackup&) = default;
};

// The same snapshots in another repository (a policy's copyTo).
struct BackupCopy {
  std::string repository;
  RunState state = RunState::kPending;
  std::int64_t attempts = 0;                 // Jobs made so far
  std::optional<TimePoint> completion_time;  // of the last attempt
  std::string message;

  template <typename V>
  static void Fields(V&& visit) {
    visit("repository", &BackupCopy::repository, kRequired);
    visit("state", &BackupCopy::state);
    visit("attempts", &BackupCopy::attempts, kOmitZero);
    visit("completionTime", &BackupCopy::completion_time);
    visit("message", &BackupCopy::message);
  }
  friend bool operator==(const BackupCopy&, const BackupCopy&) = default;
};

// The policy's hooks as they were when the run began, so that what was frozen is thawed whatever
// becomes of the policy.
struct BackupHooks : HookRuns {
  std::string deadline;
  OnError on_deadline = OnError::kFail;
  std::optional<TimePoint> frozen_time;  // when the first pre hook was about to start
  std::optional<TimePoint> thawed_time;  // when the last post hook had ended

  template <typename V>
  static void Fields(V&& visit) {
    HookRuns::Fields(visit);
    visit("deadline", &BackupHooks::deadline);
    visit("onDeadline", &BackupHooks::on_deadline);
    visit("frozenTime", &BackupHooks::frozen_time);
    visit("thawedTime", &BackupHooks::thawed_time);
  }
  friend bool operator==(const BackupHooks&, const BackupHooks&) = default;
};

// The sums over all volumes are absent while none has ended.
struct BackupStatus {
  std::int64_t observed_generation = 0;
  Conditions conditions;
  BackupPhase phase = BackupPhase::kPending;
  std::string repository;  // the BackupRepository it goes to
  std::optional<TimePoint> start_time;
  std::optional<TimePoint> completion_time;
  std::string duration;    // "3m12s"; only once it is over
  std::string progress;    // "63%"
  std::string eta;         // "2m10s"; only while it runs
  std::string throughput;  // "52.3 MiB/s"
  std::optional<std::int64_t> files;
  std::optional<std::int64_t> bytes;
  std::string size;  // "1.4 GiB": bytes for people; the SIZE column
  std::optional<std::int64_t> bytes_read;
  std::optional<std::int64_t> bytes_added;
  std::string added;  // "38.0 MiB": bytes_added for people; the ADDED column
  std::optional<std::int64_t> unreadable;
  std::vector<VolumeBackup> volumes;
  std::vector<ManifestsBackup> manifests;  // one for each StatefulSet
  std::vector<BackupCopy> copies;
  BackupHooks hooks;

  template <typename V>
  static void Fields(V&& visit) {
    visit("observedGeneration", &BackupStatus::observed_generation);
    visit("conditions", &BackupStatus::conditions);
    visit("phase", &BackupStatus::phase);
    visit("repository", &BackupStatus::repository);
    visit("startTime", &BackupStatus::start_time);
    visit("completionTime", &BackupStatus::completion_time);
    visit("duration", &BackupStatus::duration);
    visit("progress", &BackupStatus::progress);
    visit("eta", &BackupStatus::eta);
    visit("throughput", &BackupStatus::throughput);
    visit("files", &BackupStatus::files);
    visit("bytes", &BackupStatus::bytes);
    visit("size", &BackupStatus::size);
    visit("bytesRead", &BackupStatus::bytes_read);
    visit("bytesAdded", &BackupStatus::bytes_added);
    visit("added", &BackupStatus::added);
    visit("unreadable", &BackupStatus::unreadable);
    visit("volumes", &BackupStatus::volumes);
    visit("manifests", &BackupStatus::manifests);
    visit("copies", &BackupStatus::copies);
    visit("hooks", &BackupStatus::hooks);
  }
  friend bool operator==(const BackupStatus&, const BackupStatus&) = default;
};

struct Backup {
  ObjectMeta metadata;
  BackupSpec spec;
  BackupStatus status;

  friend bool operator==(const Backup&, const Backup&) = default;
};

template <>
const KindInfo& InfoOf<Backup>();

// A compact form for caches (packing.h); Unpack fills a fresh object.
std::string Pack(const Backup& object);
void Unpack(std::string_view bytes, Backup& object);

}  // namespace holdfast::crds
