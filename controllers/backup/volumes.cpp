#include "controllers/backup/volumes.h"

#include <algorithm>
#include <charconv>

#include "controllers/mover_job.h"
#include "controllers/policy/check.h"
#include "jobs/protocol/dump_name.h"

namespace holdfast::controllers::backup {
namespace {

using crds::VolumeBackup;

// Of "data-db-3" after "data-db-"; -1 for a name that is not of that form.
std::int64_t NumberAfter(const std::string& prefix, const std::string& claim) {
  if (!claim.starts_with(prefix)) return -1;
  std::int64_t number = -1;
  const char* begin = claim.data() + prefix.size();
  const char* end = claim.data() + claim.size();
  if (begin == end || *begin == '-') return -1;
  const auto [stop, error] = std::from_chars(begin, end, number);
  return stop == end && error == std::errc() ? number : -1;
}

std::string PrefixOf(const StatefulSetView& set, const std::string& claim_template) {
  return claim_template + "-" + set.key.name + "-";
}

void Add(const std::string& claim, const std::string& pod, std::vector<VolumeBackup>& volumes) {
  VolumeBackup& volume = volumes.emplace_back();
  volume.claim = claim;
  volume.pod = pod;
}

void AddVolumes(const StatefulSetView& set, const std::string& claim_template,
                const std::set<std::string>& claims, std::vector<VolumeBackup>& volumes) {
  const std::string prefix = PrefixOf(set, claim_template);
  const std::int64_t first = set.first_ordinal;
  for (std::int64_t ordinal = first; ordinal < first + set.replicas; ++ordinal) {
    const std::string number = std::to_string(ordinal);
    Add(prefix + number, set.key.name + "-" + number, volumes);
  }
  if (set.replicas > 0) return;
  for (const std::string& claim : claims)
    if (NumberAfter(prefix, claim) >= 0) Add(claim, "", volumes);
}

}  // namespace

std::vector<VolumeBackup> ResolveVolumes(const crds::BackupPolicy& policy,
                                         const StatefulSets& stateful_sets,
                                         const std::set<std::string>& claims) {
  std::vector<VolumeBackup> volumes;
  for (const StatefulSetView* set : stateful_sets)
    for (const std::string& claim_template : TemplatesOf(policy, *set))
      AddVolumes(*set, claim_template, claims, volumes);
  for (const crds::Dump& dump : policy.spec.dumps)
    Add(protocol::ClaimOfDump(dump.name), "", volumes);
  return volumes;
}

std::string SetNameOf(const World& world, const VolumeBackup& volume) {
  if (const std::string& name = world.policy->spec.target.stateful_set; !name.empty()) return name;
  if (!volume.pod.empty()) return volume.pod.substr(0, volume.pod.rfind('-'));
  for (const StatefulSetView* set : world.stateful_sets)
    for (const std::string& claim_template : set->claim_templates)
      if (NumberAfter(PrefixOf(*set, claim_template), volume.claim) >= 0) return set->key.name;
  return "";
}

const crds::Dump* FindDump(const crds::BackupPolicySpec& policy, std::string_view claim) {
  const auto found = std::ranges::find_if(policy.dumps, [&](const crds::Dump& dump) {
    return claim == protocol::ClaimOfDump(dump.name);
  });
  return found == policy.dumps.end() ? nullptr : &*found;
}

std::vector<std::string> MissingClaims(const crds::BackupPolicy& policy,
                                       const StatefulSetView& stateful_set,
                                       const std::set<std::string>& claims) {
  std::vector<std::string> missing;
  for (const std::string& claim_template : TemplatesOf(policy, stateful_set)) {
    const std::string prefix = PrefixOf(stateful_set, claim_template);
    auto left = std::ranges::count_if(claims, [&](const std::string& claim) {
      return NumberAfter(prefix, claim) >= stateful_set.first_ordinal;
    });
    for (std::int64_t ordinal = stateful_set.first_ordinal; missing.size() <= kFewClaims;
         ++ordinal) {
      std::string claim = prefix + std::to_string(ordinal);
      const bool is_last = left == 0;
      if (claims.contains(claim))
        --left;
      else
        missing.push_back(std::move(claim));
      if (is_last) break;
    }
  }
  return missing;
}

std::string JobNameFor(const crds::Backup& backup, const std::string& claim) {
  return JobName(backup.metadata.name, claim);
}

void Fail(VolumeBackup& volume, std::string why) {
  volume.state = crds::RunState::kFailed;
  volume.progress.clear();
  volume.message = std::move(why);
}

}  // namespace holdfast::controllers::backup
