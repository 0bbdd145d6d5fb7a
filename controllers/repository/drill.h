// Restore drills: now and then (spec.drill, cron in UTC) one volume is restored into a scratch
// claim and read back, to see that it can be.
//
// The operator makes an ordinary Restore, which owns the scratch claim: when the Restore is
// deleted, the claim goes with it, and the operator needs no right to delete claims. Volumes take
// turns: the one after the last in the order of policies and claims. Its newest snapshot in this
// repository is restored, so that a repository that holds copies (copyTo) is drilled as well.
//
// What is about to be made is written down first (state Pending), so that an operator that was
// killed in between finds it; each step may be repeated.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "controllers/repository/decide.h"

namespace holdfast::controllers::repository {

inline constexpr const char* kDrillVerb = "drill";

// A volume that could be restored.
struct Sample {
  std::string policy;
  std::string claim;  // of a dump "dump/<name>"
  std::uint64_t bytes = 0;

  friend auto operator<=>(const Sample&, const Sample&) = default;
};

// Adds to `plan` what the schedule asks for, and what became of the drill under way. Pure.
void DecideDrill(const World& world, Plan& plan);

// The one whose turn it is; nullopt when there is none of at most `max_size` bytes. Pure.
std::optional<Sample> NextSample(std::vector<Sample> samples,
                                 const std::optional<crds::RepositoryDrill>& last,
                                 std::uint64_t max_size);

// The Restore of the drill that status.last_drill tells of. Pure.
crds::Restore DrillRestore(const crds::BackupRepository& repository,
                           const crds::RepositoryDrill& drill, const Settings& settings);

// The scratch claim: like `claim`, the live one that was backed up; with room for `bytes` when that
// is null. Owned by the Restore `restore_uid`. Pure.
Json ScratchClaim(const crds::BackupRepository& repository, const crds::RepositoryDrill& drill,
                  const std::string& restore_uid, const Json& claim, std::uint64_t bytes);

}  // namespace holdfast::controllers::repository
