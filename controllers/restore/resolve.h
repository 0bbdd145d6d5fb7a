// From a Restore's source and target to the pairs (snapshot, claim) that are to be restored. Pure.
//
// It is done once, before anything is touched, and recorded in status.volumes: a backup that ends
// later changes nothing. Snapshots are chosen by the Backup's own record of a claim, or by the
// whole identity (host and path); "the latest of anything" does not exist.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "controllers/restore/origins.h"
#include "controllers/restore/world.h"

namespace holdfast::controllers::restore {

// Why the source cannot be resolved: for good, or as long as something does not exist.
struct Problem {
  bool final = false;
  std::string reason;
  std::string message;

  friend bool operator==(const Problem&, const Problem&) = default;
};

bool HasSnapshot(const crds::Backup& backup);
// Whether its snapshots may be chosen without being named: one that failed as a whole, or runs,
// never.
bool IsGood(const crds::Backup& backup);
// start_time, or the epoch.
TimePoint StartOf(const crds::Backup& backup);

// What the source has, whatever the target is.
tl::expected<Found, Problem> FindSource(const World& world);

struct Resolution {
  std::string backup;  // empty for sources without one
  std::string repository;
  // claim, from and snapshot (empty: the mover chooses by identity); a message where something
  // about the volume should be known.
  std::vector<crds::VolumeRestore> volumes;
  // What the user should know: claims left alone, volumes from an older backup. Empty for nothing.
  std::string note;
};

tl::expected<Resolution, Problem> Resolve(const World& world);

// A claim of a StatefulSet: "<claim template>-<StatefulSet>-<ordinal>".
struct ClaimName {
  std::string claim_template;
  int ordinal = 0;

  friend bool operator==(const ClaimName&, const ClaimName&) = default;
};

// nullopt when `claim` is none of the StatefulSet's.
std::optional<ClaimName> ParseClaimName(std::string_view claim, const StatefulSetView& set);

// "Backup/before-upgrade", "StatefulSet/mysql": the columns.
std::string DescribeSource(const crds::RestoreSource& source);
std::string DescribeTarget(const crds::RestoreTarget& target);

}  // namespace holdfast::controllers::restore
