// The mover's verbs: each opens the repository, does its work under the right lock and says what
// came of it in one MoverResult, whatever happened. Two need no repository: watch and stay. What
// people or scripts asked to see (a table, a listing) goes to `out`.
#pragma once

#include <chrono>
#include <optional>
#include <ostream>
#include <stop_token>
#include <string>
#include <variant>
#include <vector>

#include "base/clock.h"
#include "jobs/engine/archiver.h"
#include "jobs/engine/backup_records.h"
#include "jobs/engine/checker.h"
#include "jobs/engine/finder.h"
#include "jobs/engine/forget.h"
#include "jobs/engine/meter.h"
#include "jobs/engine/pruner.h"
#include "jobs/engine/restorer.h"
#include "jobs/engine/selection.h"
#include "jobs/engine/session.h"
#include "jobs/engine/stats.h"
#include "jobs/engine/undelete.h"
#include "jobs/engine/volume_watcher.h"
#include "jobs/protocol/result.h"

namespace holdfast::engine {

struct InitRequest {
  bool if_missing = false;  // open the one that is there
  bool open_only = false;   // never create
  int version = repo::kNewestVersion;
  std::optional<SessionOptions> chunker_from;  // cut files as that repository does
};

struct BackupRequest {
  ArchiveOptions archive;
  std::string parent;          // a snapshot's id or its first digits; empty: the type's choice
  std::string dump_pipe = {};  // not empty: receive a dump by it (dump_reception.h)
  std::chrono::seconds dump_timeout{0};
  bool unreadable_fail = true;  // exit 3 when files are missing from the snapshot, otherwise 0
  // A second snapshot, of what ComposeManifests makes of a folder; an empty path is none. That it
  // cannot be made is told in the result, and no failure of the first one.
  std::string manifests_path = {};
  std::string manifests_folder = protocol::kManifestsPath;
};

struct RestoreRequest {
  RestoreOptions restore;
  std::string snapshot = "latest";  // id, its first digits, or "latest" of the identity
  protocol::Identity identity;
  std::optional<TimePoint> as_of;
  bool refuse_secrets = false;  // NotSupported for a snapshot with the tag kContainsSecrets
  bool strip_path = false;      // content_root.h says what becomes the target itself
};

struct ForgetRequest {
  ForgetOptions forget;
  std::optional<PruneOptions> prune;  // afterwards, when something was removed
};

struct PruneRequest {
  PruneOptions prune;
};

struct CopyRequest {
  SessionOptions from;
  SnapshotFilter filter;
};

struct CheckRequest {
  DataSubset read_data = DataSubset::None();
  // Only these, ids or their first digits: all that they need is read, and nothing else looked at.
  std::vector<std::string> snapshots = {};
};

struct KeyRequest {
  enum class Action { kList, kAdd, kRemove, kPasswd };
  Action action = Action::kList;
  std::string id;                 // to remove
  std::string new_password_file;  // to add or change to; empty: `new_password`
  std::string new_password;
};

struct MigrateRequest {};  // from version 1 to 2

struct UnlockRequest {
  bool all = false;
};

struct SnapshotsRequest {
  protocol::Identity identity;
  std::string tag;
};

struct LsRequest {
  std::string snapshot = "latest";
  protocol::Identity identity;
  std::string path = "/";
  bool long_format = false;
  bool recurse = true;      // into the directories below `path`
  bool strip_path = false;  // paths begin at the content root (content_root.h)
};

struct FindRequest {
  FindOptions find;
  SnapshotFilter filter;
};

struct DumpRequest {
  std::string snapshot = "latest";
  protocol::Identity identity;
  std::string path;         // in the snapshot
  bool archive = false;     // tar also for a file
  bool strip_path = false;  // paths begin at the content root (content_root.h)
};

struct DiffRequest {
  std::string before, after;
  protocol::Identity identity;  // of "latest"
  bool metadata = false;
};

struct UndeleteRequest {
  UndeleteOptions undelete;
};

struct WatchRequest {
  WatchOptions watch;
};

// Waits, so that others find a container to run verbs in.
struct StayRequest {
  std::chrono::seconds period{600};
};

struct StatsRequest {
  SnapshotFilter filter;
  StatsMode mode = StatsMode::kRestoreSize;
};

using Request =
    std::variant<InitRequest, BackupRequest, RestoreRequest, ForgetRequest, PruneRequest,
                 CopyRequest, CheckRequest, KeyRequest, MigrateRequest, UnlockRequest,
                 SnapshotsRequest, BackupsRequest, LsRequest, FindRequest, DumpRequest, DiffRequest,
                 StatsRequest, WatchRequest, UndeleteRequest, StayRequest>;

// What every verb is given.
struct Surroundings {
  SessionOptions session;
  bool json = false;      // listings as JSON lines
  bool progress = false;  // somebody looks at the meter
  Meter& meter;
  const Clock& clock;
  std::ostream& out;
  std::ostream& warnings;  // one line for each entry that went wrong
};

// "backup", "restore", ...
std::string VerbName(const Request& request);

protocol::MoverResult Run(const Request& request, const Surroundings& around, std::stop_token stop);

// The result for people: a few lines, empty where the verb's own output said it all.
std::string Summary(const protocol::MoverResult& result);

}  // namespace holdfast::engine
