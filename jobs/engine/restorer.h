// Brings a snapshot, or a part of it, back into a directory.
//
// Nothing is written outside the target whatever the repository says: every entry is reached by
// openat2 with RESOLVE_BENEATH and RESOLVE_NO_SYMLINKS, and its name is one plain component.
// A restore that was interrupted may run again: content that is on disk already is recognised by
// its hashes and not fetched.
#pragma once

#include <cstdint>
#include <optional>
#include <stop_token>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/error.h"
#include "jobs/engine/meter.h"
#include "jobs/engine/restore_batch.h"
#include "jobs/repo/repository.h"

namespace holdfast::engine {

enum class Overwrite {
  kAlways,     // files there are compared by hash; what differs is written
  kIfChanged,  // files of the same size and mtime are taken as they are, others compared
  kNever,      // entries that exist stay as they are
};

// "always", "if-changed", "never"; Invalid otherwise.
Result<Overwrite> ParseOverwrite(std::string_view text);

// Who owns what is restored, where that is not who owned it when it was saved.
struct OwnerMap {
  std::vector<std::pair<std::uint32_t, std::uint32_t>> uids;  // from, to
  std::vector<std::pair<std::uint32_t, std::uint32_t>> gids;
};

struct RestoreOptions {
  // A directory, made with its parents when it does not exist; or a block device, for a snapshot of
  // one.
  std::string target;
  // The directory in the snapshot that becomes the target itself; nullopt: see RootOf.
  std::optional<std::string> root;
  // What to restore below the root: "/sub/file", or the same with the root before it; empty is all.
  std::vector<std::string> paths;
  Overwrite overwrite = Overwrite::kAlways;
  // Removes what the snapshot does not have from the directories restored (lost+found stays).
  bool delete_extra = false;
  bool verify = true;  // reads back what was written
  // 0: one for each processor this process may use. More when a store answers slowly.
  std::size_t threads = 0;
  bool ownership = true;  // false: everything belongs to whoever restores
  OwnerMap owner_map = {};
};

// Invalid, with a sentence, when the target exists and is neither. Makes nothing: a wrong path
// is found before the repository is contacted.
Result<void> CheckTarget(const std::string& target);

// For a snapshot of our own the identity's path, so that a volume's content lands in the target
// itself; for one of another program "/", which lays out full paths as restic does.
std::string RootOf(const repo::Snapshot& snapshot);

// The repository's index must be loaded. NotFound when the root or a path is not in the snapshot,
// Invalid for the target, NoSpace, Cancelled and the repository's errors; single entries that fail
// are in the report.
Result<RestoreReport> Restore(repo::Repository& repository, const repo::Snapshot& snapshot,
                              const RestoreOptions& options, Meter& meter, std::stop_token stop);

}  // namespace holdfast::engine
