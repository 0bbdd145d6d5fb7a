// Removes snapshots by retention or by id. Only the snapshot objects go: the data they alone used
// is freed by prune.
#pragma once

#include <cstdint>
#include <optional>
#include <stop_token>
#include <string>
#include <string_view>
#include <vector>

#include "base/clock.h"
#include "base/error.h"
#include "base/retention.h"
#include "jobs/protocol/args.h"
#include "jobs/repo/repository.h"

namespace holdfast::engine {

// As many ids as the termination message holds with room to spare (50 * 67 bytes of 4096).
inline constexpr std::size_t kMaxForgotten = 50;

// What snapshots of one group have in common.
struct Grouping {
  bool host = false;
  bool paths = false;
  bool tags = false;
};

// "host,paths,tags", any of them, or "" for one group of all. Invalid otherwise.
Result<Grouping> ParseGrouping(std::string_view text);

struct ForgetOptions {
  // By policy: the volume, and the tag that its snapshots must carry unless empty.
  protocol::Identity identity;
  std::string tag;
  RetentionPolicy policy;
  // Counts in each group of snapshots for itself, so that host and path may be left out.
  std::optional<Grouping> group_by;
  // By name: these snapshots; the policy is then not used. One that does not fit a host, path or
  // tag given above is Invalid, so that a false list removes nothing of others. With a volume's go
  // the manifests of its namespace, of that host and tag.
  std::vector<std::string> ids;
  bool missing_ok = false;  // ids that no snapshot has are passed over
  // The ids, whole ones, are of another repository: those that were copied from them are meant.
  bool copies = false;
  bool dry_run = false;
};

struct ForgetReport {
  struct Decision {
    repo::Snapshot snapshot;
    std::vector<std::string> reasons;  // for keeping it; none: it goes
  };
  std::vector<Decision> decisions;  // oldest first
  std::uint64_t kept = 0;
  std::vector<repo::Id> removed;  // with dry_run: that would be
  bool more = false;              // kMaxForgotten were removed and others are due
};

// The oldest go first. Invalid for a policy without a rule, or without both a whole identity and a
// grouping (retention over several volumes at once would drop one for the sake of another);
// NotFound for an id that no snapshot has, before anything is
// removed.
Result<ForgetReport> Forget(repo::Repository& repository,
                            const std::vector<repo::Snapshot>& snapshots,
                            const ForgetOptions& options, TimePoint now, std::stop_token stop);

}  // namespace holdfast::engine
