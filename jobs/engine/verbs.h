// The mover's verbs: each opens the repository, does its work under the right lock and says what
// came of it in one MoverResult, whatever happened. What people or scripts asked to see (a table, a
// listing) goes to `out`.
#pragma once

#include <optional>
#include <ostream>
#include <stop_token>
#include <string>
#include <variant>
#include <vector>

#include "base/clock.h"
#include "jobs/engine/archiver.h"
#include "jobs/engine/forget.h"
#include "jobs/engine/meter.h"
#include "jobs/engine/pruner.h"
#include "jobs/engine/restorer.h"
#include "jobs/engine/session.h"
#include "jobs/protocol/result.h"

namespace holdfast::engine {

struct InitRequest {
  bool if_missing = false;  // open the one that is there
  bool open_only = false;   // never create
};

struct BackupRequest {
  ArchiveOptions archive;
  bool unreadable_fail = true;  // exit 3 when files are missing from the snapshot, otherwise 0
};

struct RestoreRequest {
  RestoreOptions restore;
  std::string snapshot = "latest";  // id, its first digits, or "latest" of the identity
  protocol::Identity identity;
  std::optional<TimePoint> as_of;
};

struct ForgetRequest {
  ForgetOptions forget;
  std::optional<PruneOptions> prune;  // afterwards, when something was removed
};

struct PruneRequest {
  PruneOptions prune;
};

struct CheckRequest {
  bool read_data = false;
};

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
};

using Request =
    std::variant<InitRequest, BackupRequest, RestoreRequest, ForgetRequest, PruneRequest,
                 CheckRequest, UnlockRequest, SnapshotsRequest, LsRequest>;

// What every verb is given.
struct Surroundings {
  SessionOptions session;
  bool json = false;  // listings as JSON lines
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
