// Restore: brings the data of a backup back, into the StatefulSet it came from or into claims.
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

// Exactly one of: backup | policy [+ as_of | previous] | repository + snapshot |
// repository + host + path [+ as_of].
struct RestoreSource {
  std::string backup;
  std::string policy;
  std::optional<std::int64_t>
      previous;  // with policy: how many good backups to go back from the last
  std::string repository;
  std::string snapshot;  // hex digits, 8 to 64
  std::string host;
  std::string path;
  std::optional<TimePoint> as_of;

  template <typename V>
  static void Fields(V&& visit) {
    visit("backup", &RestoreSource::backup);
    visit("policy", &RestoreSource::policy);
    visit("previous", &RestoreSource::previous);
    visit("repository", &RestoreSource::repository);
    visit("snapshot", &RestoreSource::snapshot);
    visit("host", &RestoreSource::host);
    visit("path", &RestoreSource::path);
    visit("asOf", &RestoreSource::as_of);
  }
  friend bool operator==(const RestoreSource&, const RestoreSource&) = default;
};

struct RestoreClaim {
  std::string from;  // the claim that was backed up; empty when the source is one volume
  std::string to;
  std::string storage_class;
  Quantity size;
  std::vector<std::string> access_modes;  // of a claim that has to be made; empty: ReadWriteOnce

  template <typename V>
  static void Fields(V&& visit) {
    visit("from", &RestoreClaim::from);
    visit("to", &RestoreClaim::to, kRequired);
    visit("storageClass", &RestoreClaim::storage_class);
    visit("size", &RestoreClaim::size);
    visit("accessModes", &RestoreClaim::access_modes);
  }
  friend bool operator==(const RestoreClaim&, const RestoreClaim&) = default;
};

// Claims whose dataSourceRef names the Restore are filled from it.
struct RestorePopulator {
  std::string from;  // the claim that was backed up; empty: the one with the new claim's name

  template <typename V>
  static void Fields(V&& visit) {
    visit("from", &RestorePopulator::from);
  }
  friend bool operator==(const RestorePopulator&, const RestorePopulator&) = default;
};

// A pod that can read the repository, to look at snapshots and to fetch single files.
struct RestoreBrowse {
  std::string period = "10m";  // for which it stays

  template <typename V>
  static void Fields(V&& visit) {
    visit("period", &RestoreBrowse::period);
  }
  friend bool operator==(const RestoreBrowse&, const RestoreBrowse&) = default;
};

// Exactly one of stateful_set, claims, populator and browse. A StatefulSet is restored in place:
// scaled down, restored, scaled up.
struct RestoreTarget {
  std::string stateful_set;
  std::vector<std::string> volume_claims;  // with stateful_set: templates; empty is all
  std::vector<std::int64_t> ordinals;      // with stateful_set: of pods; empty is all
  std::vector<RestoreClaim> claims;
  std::optional<RestorePopulator> populator;
  std::optional<RestoreBrowse> browse;

  template <typename V>
  static void Fields(V&& visit) {
    visit("statefulSet", &RestoreTarget::stateful_set);
    visit("volumeClaims", &RestoreTarget::volume_claims);
    visit("ordinals", &RestoreTarget::ordinals);
    visit("claims", &RestoreTarget::claims);
    visit("populator", &RestoreTarget::populator);
    visit("browse", &RestoreTarget::browse);
  }
  friend bool operator==(const RestoreTarget&, const RestoreTarget&) = default;
};

enum class Overwrite : std::uint8_t { kAlways, kIfChanged, kNever };
constexpr auto Names(Overwrite) {
  return std::array<std::string_view, 3>{"Always", "IfChanged", "Never"};
}

enum class RestoreMode : std::uint8_t { kOnce, kFollow };
constexpr auto Names(RestoreMode) { return std::array<std::string_view, 2>{"Once", "Follow"}; }

enum class RestorePhase : std::uint8_t {
  kPending,
  kScalingDown,
  kRestoring,
  kScalingUp,
  kBrowsing,
  kSucceeded,
  kFailed,
  kTemplate,
  kFollowing,
};
constexpr auto Names(RestorePhase) {
  return std::array<std::string_view, 9>{"Pending",   "ScalingDown", "Restoring",
                                         "ScalingUp", "Browsing",    "Succeeded",
                                         "Failed",    "Template",    "Following"};
}

struct IdMapping {
  std::int64_t from = 0;
  std::int64_t to = 0;

  template <typename V>
  static void Fields(V&& visit) {
    visit("from", &IdMapping::from, kRequired);
    visit("to", &IdMapping::to, kRequired);
  }
  friend bool operator==(const IdMapping&, const IdMapping&) = default;
};

// Whom restored files belong to; an id that is not mapped stays what it was.
struct RestoreOwners {
  std::vector<IdMapping> uids;
  std::vector<IdMapping> gids;

  template <typename V>
  static void Fields(V&& visit) {
    visit("uids", &RestoreOwners::uids);
    visit("gids", &RestoreOwners::gids);
  }
  friend bool operator==(const RestoreOwners&, const RestoreOwners&) = default;
};

// `source` and `target` are immutable.
struct RestoreSpec {
  RestoreSource source;
  RestoreTarget target;
  std::vector<std::string> paths;  // empty is all
  Overwrite overwrite = Overwrite::kAlways;
  bool delete_extra = false;
  bool verify = true;
  RestoreOwners owners;
  RestoreMode mode = RestoreMode::kOnce;
  bool promote = false;  // with mode Follow: ends it, and starts the standby
  std::int64_t retries = 3;
  std::string deadline = "24h";
  Hooks hooks;
  MoverSpec mover;

  template <typename V>
  static void Fields(V&& visit) {
    visit("source", &RestoreSpec::source, kRequired);
    visit("target", &RestoreSpec::target, kRequired);
    visit("paths", &RestoreSpec::paths);
    visit("overwrite", &RestoreSpec::overwrite);
    visit("deleteExtra", &RestoreSpec::delete_extra);
    visit("verify", &RestoreSpec::verify);
    visit("owners", &RestoreSpec::owners);
    visit("mode", &RestoreSpec::mode);
    visit("promote", &RestoreSpec::promote);
    visit("retries", &RestoreSpec::retries);
    visit("deadline", &RestoreSpec::deadline);
    visit("hooks", &RestoreSpec::hooks);
    visit("mover", &RestoreSpec::mover);
  }
  friend bool operator==(const RestoreSpec&, const RestoreSpec&) = default;
};

struct RestoreStep {
  std::string name;  // CamelCase: "ScaleDown", "WaitDetached", "Restore", "ScaleUp", ...
  RunState state = RunState::kPending;
  std::optional<TimePoint> start_time;
  std::optional<TimePoint> completion_time;
  std::string message;

  template <typename V>
  static void Fields(V&& visit) {
    visit("name", &RestoreStep::name, kRequired);
    visit("state", &RestoreStep::state);
    visit("startTime", &RestoreStep::start_time);
    visit("completionTime", &RestoreStep::completion_time);
    visit("message", &RestoreStep::message);
  }
  friend bool operator==(const RestoreStep&, const RestoreStep&) = default;
};

struct VolumeRestore {
  std::string claim;  // written to
  std::string from;   // backed up from
  std::string pod;
  std::string node;
  std::string job;
  std::string snapshot;  // 64 hex digits
  RunState state = RunState::kPending;
  std::string progress;  // "63%"
  std::string message;
  std::int64_t files = 0;
  std::int64_t bytes = 0;             // size of all files
  std::int64_t bytes_read = 0;        // fetched from the repository
  std::int64_t bytes_written = 0;     // written to the volume
  std::int64_t bytes_per_second = 0;  // bytes over the time that its mover took
  std::int64_t metadata_failures = 0;
  std::int64_t attempts = 0;

  template <typename V>
  static void Fields(V&& visit) {
    visit("claim", &VolumeRestore::claim, kRequired);
    visit("from", &VolumeRestore::from);
    visit("pod", &VolumeRestore::pod);
    visit("node", &VolumeRestore::node);
    visit("job", &VolumeRestore::job);
    visit("snapshot", &VolumeRestore::snapshot);
    visit("state", &VolumeRestore::state);
    visit("progress", &VolumeRestore::progress);
    visit("message", &VolumeRestore::message);
    visit("files", &VolumeRestore::files);
    visit("bytes", &VolumeRestore::bytes);
    visit("bytesRead", &VolumeRestore::bytes_read);
    visit("bytesWritten", &VolumeRestore::bytes_written);
    visit("bytesPerSecond", &VolumeRestore::bytes_per_second);
    visit("metadataFailures", &VolumeRestore::metadata_failures);
    visit("attempts", &VolumeRestore::attempts);
  }
  friend bool operator==(const VolumeRestore&, const VolumeRestore&) = default;
};

// What was expected before the movers started, and how far off that was.
struct RestoreEstimate {
  std::int64_t bytes = 0;             // that have to be read, at most
  std::int64_t bytes_per_second = 0;  // by which the time was reckoned
  std::int64_t seconds = 0;
  std::string duration;  // "3m10s": seconds for people
  std::string basis;     // a sentence: what the rate was measured at
  std::string error;     // "took 2m58s, 6 % less"; only once it is over

  template <typename V>
  static void Fields(V&& visit) {
    visit("bytes", &RestoreEstimate::bytes);
    visit("bytesPerSecond", &RestoreEstimate::bytes_per_second);
    visit("seconds", &RestoreEstimate::seconds);
    visit("duration", &RestoreEstimate::duration);
    visit("basis", &RestoreEstimate::basis);
    visit("error", &RestoreEstimate::error);
  }
  friend bool operator==(const RestoreEstimate&, const RestoreEstimate&) = default;
};

// With mode Follow: what the target holds.
struct RestoreFollow {
  std::string backup;                       // the last one that was restored whole
  std::optional<TimePoint> recovery_point;  // its start: the target is as the source was then
  std::int64_t restored = 0;                // how many so far
  std::string restoring;                    // the Restore at work now, of the same namespace
  std::optional<TimePoint> promoted_time;

  template <typename V>
  static void Fields(V&& visit) {
    visit("backup", &RestoreFollow::backup);
    visit("recoveryPoint", &RestoreFollow::recovery_point);
    visit("restored", &RestoreFollow::restored);
    visit("restoring", &RestoreFollow::restoring);
    visit("promotedTime", &RestoreFollow::promoted_time);
  }
  friend bool operator==(const RestoreFollow&, const RestoreFollow&) = default;
};

struct RestoreStatus {
  std::int64_t observed_generation = 0;
  Conditions conditions;
  RestorePhase phase = RestorePhase::kPending;
  std::string source;      // "Backup/before-upgrade"; the SOURCE column
  std::string target;      // "StatefulSet/mysql"; the TARGET column
  std::string backup;      // the Backup that the source was resolved to, once and for all
  std::string repository;  // the BackupRepository it reads from
  std::optional<std::int64_t> original_replicas;  // written before the first scale-down
  std::optional<TimePoint> start_time;
  std::optional<TimePoint> completion_time;
  std::string duration;    // "3m12s"; only once it is over
  std::string progress;    // "63%"
  std::string eta;         // "2m10s"; only while it runs
  std::string throughput;  // "52.3 MiB/s"
  std::optional<std::int64_t> files;
  std::optional<std::int64_t> bytes;
  std::string size;  // "1.4 GiB": bytes for people; the SIZE column
  std::optional<RestoreEstimate> estimate;
  std::optional<RestoreFollow> follow;
  std::string pod;  // with target.browse: the pod that reads the repository, once it runs
  std::vector<RestoreStep> steps;
  HookRuns hooks;
  std::vector<VolumeRestore> volumes;

  template <typename V>
  static void Fields(V&& visit) {
    visit("observedGeneration", &RestoreStatus::observed_generation);
    visit("conditions", &RestoreStatus::conditions);
    visit("phase", &RestoreStatus::phase);
    visit("source", &RestoreStatus::source);
    visit("target", &RestoreStatus::target);
    visit("backup", &RestoreStatus::backup);
    visit("repository", &RestoreStatus::repository);
    visit("originalReplicas", &RestoreStatus::original_replicas);
    visit("startTime", &RestoreStatus::start_time);
    visit("completionTime", &RestoreStatus::completion_time);
    visit("duration", &RestoreStatus::duration);
    visit("progress", &RestoreStatus::progress);
    visit("eta", &RestoreStatus::eta);
    visit("throughput", &RestoreStatus::throughput);
    visit("files", &RestoreStatus::files);
    visit("bytes", &RestoreStatus::bytes);
    visit("size", &RestoreStatus::size);
    visit("estimate", &RestoreStatus::estimate);
    visit("follow", &RestoreStatus::follow);
    visit("pod", &RestoreStatus::pod);
    visit("steps", &RestoreStatus::steps);
    visit("hooks", &RestoreStatus::hooks);
    visit("volumes", &RestoreStatus::volumes);
  }
  friend bool operator==(const RestoreStatus&, const RestoreStatus&) = default;
};

struct Restore {
  ObjectMeta metadata;
  RestoreSpec spec;
  RestoreStatus status;

  friend bool operator==(const Restore&, const Restore&) = default;
};

template <>
const KindInfo& InfoOf<Restore>();

// A compact form for caches (packing.h); Unpack fills a fresh object.
std::string Pack(const Restore& object);
void Unpack(std::string_view bytes, Restore& object);

}  // namespace holdfast::crds
