// The volumes of a run: which they are, whose, and by what names what stands for them is found.
// Pure.
#pragma once

#include <set>
#include <string>
#include <string_view>
#include <vector>

#include "controllers/backup/world.h"

namespace holdfast::controllers::backup {

// What one run is about: of each StatefulSet every template for every replica, in order; of one
// that is scaled to nothing, the claims it left behind; then the policy's dumps.
std::vector<crds::VolumeBackup> ResolveVolumes(const crds::BackupPolicy& policy,
                                               const StatefulSets& stateful_sets,
                                               const std::set<std::string>& claims);

// Whose volume it is, by name; empty for a dump of a policy with a selector.
std::string SetNameOf(const World& world, const crds::VolumeBackup& volume);

// The policy's dump that stands among the volumes as `claim`; nullptr when it has none of that
// name.
const crds::Dump* FindDump(const crds::BackupPolicySpec& policy, std::string_view claim);

// Of the claims that a StatefulSet of the policy made, those that `claims` lacks: the next one of
// each template, and those between. At most one more than kFewClaims.
inline constexpr std::size_t kFewClaims = 8;
std::vector<std::string> MissingClaims(const crds::BackupPolicy& policy,
                                       const StatefulSetView& stateful_set,
                                       const std::set<std::string>& claims);

// "<backup>-<claim>", within a Job name's length: the mover's Job, and what is staged for it.
std::string JobNameFor(const crds::Backup& backup, const std::string& claim);

// Over, and not well.
void Fail(crds::VolumeBackup& volume, std::string why);

}  // namespace holdfast::controllers::backup
