// A mover's outcome: a JSON object in the pod's termination message, written to
// /dev/termination-log, at most 4096 bytes (Kubernetes keeps no more). Lists are cut to fit and the
// true counts kept beside them. Members that do not apply to a verb are absent.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "base/error.h"
#include "jobs/protocol/exit_code.h"

namespace holdfast::protocol {

inline constexpr std::size_t kMaxResultBytes = 4096;

struct MoverResult {
  std::string verb;  // "backup", "restore", "init", "forget", ...
  ExitCode exit = ExitCode::kOk;
  std::string message;  // a sentence: what went wrong and what to change; empty when all is well

  // backup and restore
  std::string snapshot;  // 64 hex digits
  std::string parent;    // backup: the snapshot compared with; empty for none
  std::uint64_t files = 0;
  std::uint64_t files_changed = 0;  // backup: new or read again; restore: written
  std::uint64_t bytes = 0;          // size of all files
  std::uint64_t bytes_read = 0;     // read from the volume (backup) or fetched (restore)
  std::uint64_t bytes_added = 0;    // backup: stored in the repository; restore: written
  std::uint64_t duration_ms = 0;
  std::uint64_t unreadable = 0;               // files that could not be read or restored
  std::vector<std::string> unreadable_paths;  // the first of them
  std::uint64_t metadata_failures = 0;        // restore: owners, xattrs ... that could not be set
  std::uint64_t changed_while_read = 0;       // backup: files, stored as they were read
  std::uint64_t skipped = 0;                  // backup: sockets; they have no content

  // backup: the snapshot of the manifests, where it was asked for
  std::string manifests;  // its id
  std::uint64_t manifests_files = 0;
  std::uint64_t manifests_bytes = 0;
  bool manifests_secrets = false;              // whether there are some among them
  std::vector<std::string> manifests_missing;  // "ConfigMap/mysql": those that do not exist
  std::string manifests_error;                 // why there is none

  // init, check: the repository
  std::string repository_id;  // 64 hex digits
  bool created = false;
  std::uint64_t snapshots = 0;
  std::uint64_t stored_bytes = 0;
  std::vector<std::string> lock_holders;  // who holds locks now, without this mover

  // forget
  std::uint64_t kept = 0;
  std::vector<std::string> removed;  // snapshot ids, 64 hex digits
  bool more = false;                 // further snapshots are due; run again

  // backups
  std::string seen;  // DigestOf what was listed

  // watch: the volume has changed, and is to be backed up
  std::string changed_since;   // RFC 3339 by the node's clock: no change before it
  std::string changed_until;   // what changes later is not in this result
  std::uint64_t quiet_ms = 0;  // how long before the end the last change was, at least

  // prune
  std::uint64_t packs_removed = 0;
  std::uint64_t bytes_freed = 0;
  std::uint64_t bytes_repacked = 0;    // moved into new packs
  std::uint64_t bytes_unused = 0;      // left in packs that are also in use
  std::uint64_t bytes_retained = 0;    // that nobody needs, and the store keeps under object lock
  std::string bytes_retained_until;    // RFC 3339: the last of them
  std::uint64_t objects_retained = 0;  // for another period of the object lock
  bool not_retained = false;           // that failed; the message says why

  // prune, init: all that is in use is retained so long at least (RFC 3339); empty when it is not
  std::string retained_until;

  friend bool operator==(const MoverResult&, const MoverResult&) = default;
};

// At most kMaxResultBytes.
std::string Encode(const MoverResult& result);
Result<MoverResult> Decode(std::string_view text);

}  // namespace holdfast::protocol
