// BackupRepository: a place that holds backups, and the key to it.
#pragma once

#include <array>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/clock.h"
#include "crds/types/conditions.h"
#include "crds/types/kinds.h"
#include "crds/types/meta.h"
#include "crds/types/parts.h"

namespace holdfast::crds {

// One of config_map and secret is set.
struct CaBundle {
  std::string config_map;
  std::string secret;
  std::string key = "ca.crt";

  template <typename V>
  static void Fields(V&& visit) {
    visit("configMap", &CaBundle::config_map);
    visit("secret", &CaBundle::secret);
    visit("key", &CaBundle::key);
  }
  friend bool operator==(const CaBundle&, const CaBundle&) = default;
};

enum class ObjectLockMode : std::uint8_t { kGovernance, kCompliance };
constexpr auto Names(ObjectLockMode) {
  return std::array<std::string_view, 2>{"Governance", "Compliance"};
}

// How the bucket holds what is written, whoever wants to remove it.
struct S3ObjectLock {
  ObjectLockMode mode = ObjectLockMode::kGovernance;
  std::string period;  // "30d"

  template <typename V>
  static void Fields(V&& visit) {
    visit("mode", &S3ObjectLock::mode);
    visit("period", &S3ObjectLock::period, kRequired);
  }
  friend bool operator==(const S3ObjectLock&, const S3ObjectLock&) = default;
};

struct S3Location {
  std::string endpoint;  // "https://s3.example.com", no bucket in it
  std::string bucket;
  std::string prefix;
  std::string region;
  bool force_path_style = true;
  SecretRef credentials_secret;
  std::optional<CaBundle> ca_bundle;
  std::optional<S3ObjectLock> object_lock;

  template <typename V>
  static void Fields(V&& visit) {
    visit("endpoint", &S3Location::endpoint, kRequired);
    visit("bucket", &S3Location::bucket, kRequired);
    visit("prefix", &S3Location::prefix);
    visit("region", &S3Location::region);
    visit("forcePathStyle", &S3Location::force_path_style);
    visit("credentialsSecret", &S3Location::credentials_secret, kRequired);
    visit("caBundle", &S3Location::ca_bundle);
    visit("objectLock", &S3Location::object_lock);
  }
  friend bool operator==(const S3Location&, const S3Location&) = default;
};

struct AzureLocation {
  std::string account;
  std::string container;
  std::string prefix;
  std::string endpoint;
  SecretRef credentials_secret;
  std::optional<CaBundle> ca_bundle;

  template <typename V>
  static void Fields(V&& visit) {
    visit("account", &AzureLocation::account, kRequired);
    visit("container", &AzureLocation::container, kRequired);
    visit("prefix", &AzureLocation::prefix);
    visit("endpoint", &AzureLocation::endpoint);
    visit("credentialsSecret", &AzureLocation::credentials_secret, kRequired);
    visit("caBundle", &AzureLocation::ca_bundle);
  }
  friend bool operator==(const AzureLocation&, const AzureLocation&) = default;
};

struct GcsLocation {
  std::string bucket;
  std::string prefix;
  SecretRef credentials_secret;

  template <typename V>
  static void Fields(V&& visit) {
    visit("bucket", &GcsLocation::bucket, kRequired);
    visit("prefix", &GcsLocation::prefix);
    visit("credentialsSecret", &GcsLocation::credentials_secret, kRequired);
  }
  friend bool operator==(const GcsLocation&, const GcsLocation&) = default;
};

struct RestLocation {
  std::string url;  // "https://backups.example.com:8000/shop/", without user and password
  std::optional<SecretRef> credentials_secret;
  std::optional<CaBundle> ca_bundle;

  template <typename V>
  static void Fields(V&& visit) {
    visit("url", &RestLocation::url, kRequired);
    visit("credentialsSecret", &RestLocation::credentials_secret);
    visit("caBundle", &RestLocation::ca_bundle);
  }
  friend bool operator==(const RestLocation&, const RestLocation&) = default;
};

struct NfsExport {
  std::string server;
  std::string path;

  template <typename V>
  static void Fields(V&& visit) {
    visit("server", &NfsExport::server, kRequired);
    visit("path", &NfsExport::path, kRequired);
  }
  friend bool operator==(const NfsExport&, const NfsExport&) = default;
};

// One of claim_name and nfs is set.
struct FilesystemLocation {
  std::string claim_name;
  std::optional<NfsExport> nfs;
  std::string sub_path;
  std::int64_t group = 65532;  // of all movers that work in it

  template <typename V>
  static void Fields(V&& visit) {
    visit("claimName", &FilesystemLocation::claim_name);
    visit("nfs", &FilesystemLocation::nfs);
    visit("subPath", &FilesystemLocation::sub_path);
    visit("group", &FilesystemLocation::group);
  }
  friend bool operator==(const FilesystemLocation&, const FilesystemLocation&) = default;
};

struct PasswordSecret {
  std::string name;
  std::string key = "password";

  template <typename V>
  static void Fields(V&& visit) {
    visit("name", &PasswordSecret::name, kRequired);
    visit("key", &PasswordSecret::key);
  }
  friend bool operator==(const PasswordSecret&, const PasswordSecret&) = default;
};

struct PruneSpec {
  std::string schedule;
  std::string max_unused = "5%";
  Quantity max_repack{"50Gi"};

  template <typename V>
  static void Fields(V&& visit) {
    visit("schedule", &PruneSpec::schedule, kRequired);
    visit("maxUnused", &PruneSpec::max_unused);
    visit("maxRepack", &PruneSpec::max_repack);
  }
  friend bool operator==(const PruneSpec&, const PruneSpec&) = default;
};

struct CheckSpec {
  std::string schedule;
  std::string read_data = "5%";

  template <typename V>
  static void Fields(V&& visit) {
    visit("schedule", &CheckSpec::schedule, kRequired);
    visit("readData", &CheckSpec::read_data);
  }
  friend bool operator==(const CheckSpec&, const CheckSpec&) = default;
};

// A restore of one volume now and then, to see that it works.
struct DrillSpec {
  std::string schedule;
  std::string storage_class;   // of the scratch claim; empty: that of the claim that was backed up
  Quantity max_size{"100Gi"};  // what is larger is left out
  std::string deadline = "6h";

  template <typename V>
  static void Fields(V&& visit) {
    visit("schedule", &DrillSpec::schedule, kRequired);
    visit("storageClass", &DrillSpec::storage_class);
    visit("maxSize", &DrillSpec::max_size);
    visit("deadline", &DrillSpec::deadline);
  }
  friend bool operator==(const DrillSpec&, const DrillSpec&) = default;
};

// Which snapshots that are found in the repository become Backups.
struct ImportSpec {
  std::string cluster;     // empty: this one
  std::string namespace_;  // empty: this one
  std::int64_t newest = 100;
  std::string trigger;        // any new value looks again
  std::string every = "10s";  // while a Restore of the namespace follows

  template <typename V>
  static void Fields(V&& visit) {
    visit("cluster", &ImportSpec::cluster);
    visit("namespace", &ImportSpec::namespace_);
    visit("newest", &ImportSpec::newest);
    visit("trigger", &ImportSpec::trigger);
    visit("every", &ImportSpec::every);
  }
  friend bool operator==(const ImportSpec&, const ImportSpec&) = default;
};

struct RepositoryLimits {
  std::int64_t concurrent_movers = 4;
  Quantity upload_per_second{"0"};    // "0" is no limit
  Quantity download_per_second{"0"};  // "0" is no limit

  template <typename V>
  static void Fields(V&& visit) {
    visit("concurrentMovers", &RepositoryLimits::concurrent_movers);
    visit("uploadPerSecond", &RepositoryLimits::upload_per_second);
    visit("downloadPerSecond", &RepositoryLimits::download_per_second);
  }
  friend bool operator==(const RepositoryLimits&, const RepositoryLimits&) = default;
};

// Which namespaces may have a repository of their own beneath this place.
struct ShareWith {
  std::vector<std::string> namespaces;

  template <typename V>
  static void Fields(V&& visit) {
    visit("namespaces", &ShareWith::namespaces, kRequired);
  }
  friend bool operator==(const ShareWith&, const ShareWith&) = default;
};

// The BackupRepository beneath whose place this one is, by the gateway.
struct SharedDefinition {
  std::string namespace_;
  std::string name;

  template <typename V>
  static void Fields(V&& visit) {
    visit("namespace", &SharedDefinition::namespace_, kRequired);
    visit("name", &SharedDefinition::name, kRequired);
  }
  friend bool operator==(const SharedDefinition&, const SharedDefinition&) = default;
};

// Exactly one of s3, azure, gcs, rest, filesystem and shared is set; a password_secret unless it is
// `shared`.
struct BackupRepositorySpec {
  std::optional<S3Location> s3;
  std::optional<AzureLocation> azure;
  std::optional<GcsLocation> gcs;
  std::optional<RestLocation> rest;
  std::optional<FilesystemLocation> filesystem;
  std::optional<SharedDefinition> shared;
  std::optional<ShareWith> share_with;
  std::optional<PasswordSecret> password_secret;
  bool create_if_missing = true;
  bool accepts_secrets = false;  // among manifests (spec.manifests.secrets of a policy)
  std::string chunker_from;      // a BackupRepository
  std::optional<PruneSpec> prune;
  std::optional<CheckSpec> check;
  std::optional<DrillSpec> drill;
  std::optional<ImportSpec> imports;
  RepositoryLimits limits;
  MoverSpec mover;  // of the repository's own Jobs: probe, prune, check

  template <typename V>
  static void Fields(V&& visit) {
    visit("s3", &BackupRepositorySpec::s3);
    visit("azure", &BackupRepositorySpec::azure);
    visit("gcs", &BackupRepositorySpec::gcs);
    visit("rest", &BackupRepositorySpec::rest);
    visit("filesystem", &BackupRepositorySpec::filesystem);
    visit("shared", &BackupRepositorySpec::shared);
    visit("shareWith", &BackupRepositorySpec::share_with);
    visit("passwordSecret", &BackupRepositorySpec::password_secret);
    visit("createIfMissing", &BackupRepositorySpec::create_if_missing);
    visit("acceptsSecrets", &BackupRepositorySpec::accepts_secrets);
    visit("chunkerFrom", &BackupRepositorySpec::chunker_from);
    visit("prune", &BackupRepositorySpec::prune);
    visit("check", &BackupRepositorySpec::check);
    visit("drill", &BackupRepositorySpec::drill);
    visit("import", &BackupRepositorySpec::imports);
    visit("limits", &BackupRepositorySpec::limits);
    visit("mover", &BackupRepositorySpec::mover);
  }
  friend bool operator==(const BackupRepositorySpec&, const BackupRepositorySpec&) = default;
};

// The last of the repository's own Jobs of one sort.
struct RepositoryRun {
  std::string job;
  RunState state = RunState::kPending;
  std::optional<TimePoint> time;  // when it ended; while it runs, when it started
  std::string message;

  template <typename V>
  static void Fields(V&& visit) {
    visit("job", &RepositoryRun::job);
    visit("state", &RepositoryRun::state);
    visit("time", &RepositoryRun::time);
    visit("message", &RepositoryRun::message);
  }
  friend bool operator==(const RepositoryRun&, const RepositoryRun&) = default;
};

// The last drill. Pending: its Restore is about to be made; Skipped: there was nothing to restore.
struct RepositoryDrill {
  std::string restore;
  std::string policy;
  std::string claim;  // the one that was backed up; of a dump "dump/<name>"
  RunState state = RunState::kPending;
  std::optional<TimePoint> time;  // when it ended; while it runs, when it started
  std::string duration;           // "2m10s", of a restore that succeeded
  std::optional<std::int64_t> duration_seconds;
  std::optional<std::int64_t> bytes;  // that were restored and read back
  std::string message;

  template <typename V>
  static void Fields(V&& visit) {
    visit("restore", &RepositoryDrill::restore);
    visit("policy", &RepositoryDrill::policy);
    visit("claim", &RepositoryDrill::claim);
    visit("state", &RepositoryDrill::state);
    visit("time", &RepositoryDrill::time);
    visit("duration", &RepositoryDrill::duration);
    visit("durationSeconds", &RepositoryDrill::duration_seconds);
    visit("bytes", &RepositoryDrill::bytes);
    visit("message", &RepositoryDrill::message);
  }
  friend bool operator==(const RepositoryDrill&, const RepositoryDrill&) = default;
};

struct RepositoryLock {
  std::string id;
  std::string holder;
  bool exclusive = false;
  std::optional<TimePoint> since;

  template <typename V>
  static void Fields(V&& visit) {
    visit("id", &RepositoryLock::id, kRequired);
    visit("holder", &RepositoryLock::holder);
    visit("exclusive", &RepositoryLock::exclusive);
    visit("since", &RepositoryLock::since);
  }
  friend bool operator==(const RepositoryLock&, const RepositoryLock&) = default;
};

struct BackupRepositoryStatus {
  std::int64_t observed_generation = 0;
  Conditions conditions;
  std::string location;  // "s3:https://host/bucket/prefix", "claim:name"; the LOCATION column
  std::string id;
  std::optional<std::int64_t> snapshots;
  std::optional<std::int64_t> stored_bytes;
  std::string stored;  // "1.4 GiB": stored_bytes for people; the STORED column
  std::optional<std::int64_t> source_bytes;
  std::optional<std::int64_t> unused_bytes;
  std::optional<TimePoint> locked_until;  // all that is in use, at least
  std::int64_t waiting = 0;               // Backups that wait for a slot
  // At which Restores were fetched and written, per mover: smoothed over the last ones.
  std::optional<std::int64_t> restore_bytes_per_second;
  std::optional<RepositoryRun> last_probe;
  std::optional<RepositoryRun> last_prune;
  std::optional<RepositoryRun> last_check;
  std::optional<RepositoryDrill> last_drill;
  std::optional<RepositoryRun> last_import;
  std::string import_seen;            // a digest of what it listed (protocol::DigestOf)
  std::vector<RepositoryLock> locks;  // at most 64

  template <typename V>
  static void Fields(V&& visit) {
    visit("observedGeneration", &BackupRepositoryStatus::observed_generation);
    visit("conditions", &BackupRepositoryStatus::conditions);
    visit("location", &BackupRepositoryStatus::location);
    visit("id", &BackupRepositoryStatus::id);
    visit("snapshots", &BackupRepositoryStatus::snapshots);
    visit("storedBytes", &BackupRepositoryStatus::stored_bytes);
    visit("stored", &BackupRepositoryStatus::stored);
    visit("sourceBytes", &BackupRepositoryStatus::source_bytes);
    visit("unusedBytes", &BackupRepositoryStatus::unused_bytes);
    visit("lockedUntil", &BackupRepositoryStatus::locked_until);
    visit("waiting", &BackupRepositoryStatus::waiting, kOmitZero);
    visit("restoreBytesPerSecond", &BackupRepositoryStatus::restore_bytes_per_second);
    visit("lastProbe", &BackupRepositoryStatus::last_probe);
    visit("lastPrune", &BackupRepositoryStatus::last_prune);
    visit("lastCheck", &BackupRepositoryStatus::last_check);
    visit("lastDrill", &BackupRepositoryStatus::last_drill);
    visit("lastImport", &BackupRepositoryStatus::last_import);
    visit("importSeen", &BackupRepositoryStatus::import_seen);
    visit("locks", &BackupRepositoryStatus::locks);
  }
  friend bool operator==(const BackupRepositoryStatus&, const BackupRepositoryStatus&) = default;
};

struct BackupRepository {
  ObjectMeta metadata;
  BackupRepositorySpec spec;
  BackupRepositoryStatus status;

  friend bool operator==(const BackupRepository&, const BackupRepository&) = default;
};

template <>
const KindInfo& InfoOf<BackupRepository>();

// A compact form for caches (packing.h); Unpack fills a fresh object.
std::string Pack(const BackupRepository& object);
void Unpack(std::string_view bytes, BackupRepository& object);

}  // namespace holdfast::crds
