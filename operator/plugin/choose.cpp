#include "operator/plugin/choose.h"

#include <spdlog/fmt/fmt.h>

#include "base/wording.h"
#include "controllers/target.h"

namespace holdfast::plugin {
namespace {

constexpr std::size_t kMostOffered = 5;

std::vector<std::string> NamesOf(const std::vector<crds::BackupPolicy>& policies) {
  std::vector<std::string> names;
  for (const crds::BackupPolicy& policy : policies) names.push_back(policy.metadata.name);
  return names;
}

}  // namespace

bool Protects(const crds::BackupPolicy& policy, const std::string& stateful_set,
              const controllers::StatefulSetView* set) {
  const crds::PolicyTarget& target = policy.spec.target;
  if (!target.selector) return target.stateful_set == stateful_set;
  return set != nullptr && controllers::Fits(*target.selector, set->labels);
}

Result<crds::BackupPolicy> PolicyFor(const std::vector<crds::BackupPolicy>& policies,
                                     const std::string& stateful_set,
                                     const controllers::StatefulSetView* set,
                                     const std::string& wanted) {
  std::vector<crds::BackupPolicy> fitting;
  for (const crds::BackupPolicy& policy : policies)
    if (wanted.empty() ? Protects(policy, stateful_set, set) : policy.metadata.name == wanted)
      fitting.push_back(policy);
  if (fitting.size() == 1) return fitting.front();
  if (fitting.size() > 1)
    return Fail(Code::kInvalid,
                fmt::format("StatefulSet {} is protected by several policies ({}); say which one "
                            "with --policy",
                            stateful_set, NameSome(NamesOf(fitting), kMostOffered)));
  const std::string there =
      policies.empty()
          ? "there is none in this namespace"
          : "there are " + NameSome(NamesOf(policies), kMostOffered) + " in this namespace";
  if (!wanted.empty())
    return Fail(Code::kNotFound, fmt::format("there is no BackupPolicy {}: {}", wanted, there));
  return Fail(Code::kNotFound,
              fmt::format("no BackupPolicy protects StatefulSet {}: {}. Name the one whose backups "
                          "you want with --policy; kubectl holdfast report -A shows what is "
                          "protected",
                          stateful_set, there));
}

Result<crds::Backup> BackupAt(const std::vector<crds::Backup>& backups, const std::string& policy,
                              std::optional<TimePoint> as_of) {
  const crds::Backup* found = nullptr;
  const crds::Backup* first = nullptr;
  for (const crds::Backup& backup : backups) {
    if (backup.spec.policy != policy || !IsGood(backup)) continue;
    if (first == nullptr || StartOf(backup) < StartOf(*first)) first = &backup;
    if (as_of && StartOf(backup) > *as_of) continue;
    if (found == nullptr || StartOf(*found) < StartOf(backup)) found = &backup;
  }
  if (found != nullptr) return *found;
  if (first == nullptr)
    return Fail(Code::kNotFound,
                fmt::format("BackupPolicy {} has no good Backup yet; make one with: kubectl "
                            "holdfast backup bkp/{} --wait",
                            policy, policy));
  return Fail(
      Code::kNotFound,
      fmt::format("BackupPolicy {} has no Backup from {} or before; its oldest one, {}, "
                  "started at {}",
                  policy, FormatTime(*as_of), first->metadata.name, FormatTime(StartOf(*first))));
}

Result<crds::VolumeBackup> VolumeIn(const crds::Backup& backup, const std::string& claim) {
  std::vector<std::string> claims;
  std::vector<crds::VolumeBackup> fitting;
  for (const crds::VolumeBackup& volume : backup.status.volumes) {
    if (volume.snapshot.empty()) continue;
    claims.push_back(volume.claim);
    if (claim.empty() || volume.claim == claim) fitting.push_back(volume);
  }
  if (fitting.size() == 1) return fitting.front();
  if (claims.empty())
    return Fail(Code::kNotFound, "Backup " + backup.metadata.name + " has no snapshot");
  if (claim.empty())
    return Fail(Code::kInvalid, "Backup " + backup.metadata.name + " has several volumes (" +
                                    NameSome(claims, kMostOffered) +
                                    "); say which one with --claim");
  return Fail(Code::kNotFound, "Backup " + backup.metadata.name + " has no volume of claim " +
                                   claim + "; it has " + NameSome(claims, kMostOffered));
}

}  // namespace holdfast::plugin
