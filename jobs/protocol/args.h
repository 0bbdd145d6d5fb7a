// What the operator tells a mover: the command line and the files and variables it relies on.
// The mover parses the same options with CLI11 (jobs/options.cpp); a test feeds it the output of
// these functions, so the two cannot drift.
#pragma once

#include <chrono>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/error.h"

namespace holdfast::protocol {

// Where things are mounted in a mover's container.
inline constexpr const char* kDataPath = "/data";                         // the volume
inline constexpr const char* kRepositoryPath = "/holdfast/repository";    // of spec.filesystem
inline constexpr const char* kPasswordFile = "/holdfast/password/value";  // the repository's key
inline constexpr const char* kCaFile = "/holdfast/ca/bundle.pem";         // optional CA bundle

// Beside it, the token for Holdfast's gateway, whose name the variable tells the mover.
inline constexpr const char* kGatewayTokenFile = "/holdfast/ca/token";
inline constexpr const char* kGatewayTokenVariable = "HOLDFAST_GATEWAY_TOKEN_FILE";
inline constexpr const char* kGatewayAudience = "holdfast-gateway";

// Where the mover and a dump's command meet, in folder kDumpPath: holdfast-dump itself and the pipe
// through which it sends.
inline constexpr const char* kDumpPath = "/holdfast/dump";
inline constexpr const char* kDumpProgramName = "holdfast-dump";
inline constexpr const char* kDumpPipeName = "stream";

inline constexpr const char* kGoogleKeyFile = "/holdfast/google/key.json";  // of spec.gcs

// What the manifests of a workload are made of: a list of objects as JSON, and a folder of keys for
// each ConfigMap and each Secret.
inline constexpr const char* kManifestsPath = "/holdfast/manifests";
// Of their snapshot: "/<namespace>/manifests/<StatefulSet>", which no claim's can be.
inline constexpr std::string_view kManifestsPrefix = "manifests/";
inline std::string ManifestsPath(const std::string& ns, const std::string& stateful_set) {
  return "/" + ns + "/" + std::string(kManifestsPrefix) + stateful_set;
}
inline constexpr const char* kObjectsFile = "objects/list.json";
inline constexpr const char* kConfigMapsFolder = "configmaps";
inline constexpr const char* kSecretsFolder = "secrets";

// Where the same is for the repository that is copied from: /holdfast/from-password/value and so
// on. Its store's credentials are in the variables below with FROM_ before their names.
std::string FromPath(const std::string& path);
inline constexpr const char* kFromPrefix = "FROM_";

// Store credentials travel as AWS_ACCESS_KEY_ID, AWS_SECRET_ACCESS_KEY, AWS_SESSION_TOKEN from a
// Secret that only the kubelet reads (AZURE_ACCOUNT_KEY or AZURE_ACCOUNT_SAS for Azure);
// AWS_REGION, AZURE_ACCOUNT_NAME and AZURE_ENDPOINT_SUFFIX are set from the repository's spec.

enum class BackupType { kFull, kDifferential, kIncremental };

// "full", "differential", "incremental": the value of the option and of the snapshot's type= tag.
std::string BackupTypeName(BackupType type);

// Set in a container that stays (StayArgs), for commands that people run beside it: which
// repository the verbs that read take when the command names none.
inline constexpr const char* kOptionsVariable = "HOLDFAST_OPTIONS";

// A volume's identity in a repository: snapshots are selected by both, never by one.
struct Identity {
  std::string host;  // the cluster's name
  std::string path;  // "/<namespace>/<claim>", "/<namespace>/dump/<name>"

  friend bool operator==(const Identity&, const Identity&) = default;
};

// How long the store itself holds what is written (S3 Object Lock).
struct ObjectLockArgs {
  bool compliance = false;  // otherwise governance
  std::string period;       // "30d"
};

struct RepositoryArgs {
  std::string location;  // "s3:https://host/bucket/prefix" or "/path"
  bool has_ca = false;
  bool password_from_gateway = false;  // instead of kPasswordFile
  bool virtual_host_style = false;     // bucket in the host name instead of the path
  std::optional<ObjectLockArgs> object_lock;
  // The group that shares a repository in a folder, which is mounted at kRepositoryPath.
  std::optional<std::uint32_t> local_group;
  // Who the mover is, written into its locks as their hostname: "<cluster>/<namespace>/<pod>".
  std::string holder;
  // Holders whose pods are known to be gone. Their locks, and only theirs, are removed on opening:
  // a list of the living could miss a mover that started after the list was made.
  std::vector<std::string> dead_holders;
  // How long requests that may work the second time are tried again; the mover's default if absent.
  std::optional<std::chrono::seconds> retry_for;
  // How long others' locks are waited for; not at all if absent.
  std::optional<std::chrono::seconds> lock_wait;
  std::uint64_t upload_per_second = 0;    // bytes; 0 is no limit
  std::uint64_t download_per_second = 0;  // bytes; 0 is no limit
};

// Opens the repository; creates it when there is none and `create` is set.
struct InitArgs {
  RepositoryArgs repository;
  bool create = true;
  // A new one cuts files as that one does, so that copies from it share data with backups.
  std::optional<RepositoryArgs> chunker_from;
};

// What a dump's command sends instead of a volume (dump_stream.h).
struct DumpArgs {
  std::string file_name;            // in the snapshot
  std::chrono::seconds timeout{0};  // until all of it is there
};

struct BackupArgs {
  RepositoryArgs repository;
  Identity identity;
  BackupType type = BackupType::kIncremental;
  std::vector<std::string> tags;      // "backup=...", "policy=...", ...
  std::vector<std::string> excludes;  // restic's exclude patterns
  // Fail: exit kUnreadableFiles as a failure. Warn: the same counts, exit kOk.
  bool unreadable_fail = true;
  std::optional<DumpArgs> dump;
  // Of a second snapshot, of the manifests at kManifestsPath; empty: none.
  std::string manifests_path = {};
};

// What a volume is given is never a snapshot that holds Secrets. What was backed up lands in its
// root, whoever backed it up.
struct RestoreArgs {
  RepositoryArgs repository;
  std::string snapshot;            // 64 hex digits; empty selects by identity
  Identity identity;               // used when `snapshot` is empty: the latest one of that identity
  std::string as_of;               // with an identity: the latest not after this RFC 3339 time
  std::vector<std::string> paths;  // within the snapshot; empty is all
  std::string overwrite = "always";  // always | if-changed | never
  bool delete_extra = false;
  bool verify = true;
  // Who owns what is restored, where that is not who owned it: from, to. At most 256 of each.
  std::vector<std::pair<std::uint32_t, std::uint32_t>> uids;
  std::vector<std::pair<std::uint32_t, std::uint32_t>> gids;
};

// Removes snapshots of one identity that carry `tag`; those that are gone already are no error, any
// other snapshot is one.
struct ForgetArgs {
  RepositoryArgs repository;
  Identity identity;
  std::string tag;                     // "policy=<namespace>/<name>"
  std::vector<std::string> snapshots;  // 64 hex digits each
  bool copies = false;                 // the ids are those of which the snapshots are copies
};

// Copies snapshots with all that they use; those that are there already are passed over.
struct CopyArgs {
  RepositoryArgs repository;
  RepositoryArgs from;
  std::vector<std::string> snapshots;  // in `from`, 64 hex digits each
};

// Frees the space of what no snapshot uses.
struct PruneArgs {
  RepositoryArgs repository;
  std::string max_unused = "5%";
  std::uint64_t max_repack = 0;  // bytes; 0 rewrites nothing
};

// Looks for damage.
struct CheckArgs {
  RepositoryArgs repository;
  std::string read_data = "0%";  // of the stored data, to be read and verified
};

// Tells which Backups the snapshots belong to (backup_record.h), the newest first.
struct BackupsArgs {
  RepositoryArgs repository;
  std::string cluster;
  std::string ns;
  std::uint64_t newest = 0;  // no more than so many; 0 is all
  bool complete = false;     // leaves out what may still be under way
  // Waits, looking so often, until there are others than those of which this is DigestOf; empty:
  // does not wait.
  std::string unlike;
  std::chrono::seconds every{10};
  std::chrono::seconds patience{0};  // after which it ends all the same
};

// Waits until the volume has changed and is to be backed up. Needs no repository.
struct WatchArgs {
  std::chrono::seconds quiet_period{10};
  std::chrono::seconds max_interval{300};
  std::string since;  // RFC 3339; changes after it count. Empty: all counts as changed
  std::vector<std::string> excludes;  // as of BackupArgs
};

// Keeps a container, so that other verbs can be run in it (kubectl exec). Opens no repository.
struct StayArgs {
  std::chrono::seconds period{600};
};

std::vector<std::string> CommandLine(const InitArgs& args);
std::vector<std::string> CommandLine(const BackupArgs& args);
std::vector<std::string> CommandLine(const RestoreArgs& args);
std::vector<std::string> CommandLine(const ForgetArgs& args);
std::vector<std::string> CommandLine(const PruneArgs& args);
std::vector<std::string> CommandLine(const CheckArgs& args);
std::vector<std::string> CommandLine(const BackupsArgs& args);
std::vector<std::string> CommandLine(const CopyArgs& args);
std::vector<std::string> CommandLine(const WatchArgs& args);
std::vector<std::string> CommandLine(const StayArgs& args);

// The options that name a repository, as every command line above has them.
std::vector<std::string> RepositoryWords(const RepositoryArgs& repository);
// The value of kOptionsVariable, and back. Invalid for what EncodeWords did not make.
std::string EncodeWords(const std::vector<std::string>& words);
Result<std::vector<std::string>> DecodeWords(std::string_view text);

}  // namespace holdfast::protocol
