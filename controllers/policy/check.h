// What is wrong with a policy in itself, whatever the cluster has: shared by the policy, which says
// so, and by its Backups, which wait for it to be put right. Pure.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "controllers/schedule.h"
#include "controllers/views.h"
#include "crds/types/backup_policy.h"
#include "crds/types/backup_repository.h"

namespace holdfast::controllers {

// A condition's reason and message.
struct Finding {
  std::string reason;
  std::string message;

  friend bool operator==(const Finding&, const Finding&) = default;
};

// The first field that this version does not serve, or whose value cannot work; nullopt for none.
// Hooks, dumps, and Secrets beside the manifests are only served where the person who installed the
// operator switched them on.
struct Allowed {
  bool hooks = false;
  bool dumps = false;
  bool secrets = false;
};
std::optional<Finding> CheckPolicy(const crds::BackupPolicy& policy, Allowed allowed);

// What a Backup's status holds (maxItems in the CRD).
inline constexpr std::size_t kMostVolumes = 1024;
Finding TooManyVolumes(const crds::BackupPolicy& policy, std::size_t volumes);

// spec.target against the StatefulSets that it means, of which `found` there are. More than
// kMostVolumes are refused here, before anything is made for each of them.
std::optional<Finding> CheckTarget(const crds::BackupPolicy& policy, const StatefulSets& found);

// Whether the policy's repository takes the Secrets that it keeps, if it keeps any.
std::optional<Finding> CheckSecretsAccepted(const crds::BackupPolicySpec& policy,
                                            const crds::BackupRepository& repository);

// "2 volumes and 1 dump"; without dumps "2 volumes", and without volumes "1 dump".
std::string VolumesAndDumps(std::size_t volumes, std::size_t dumps);

// "StatefulSet "mysql"", or "3 StatefulSets (app=shop)".
std::string NameTargets(const crds::BackupPolicy& policy, const StatefulSets& found);

// The claim templates that the policy protects: of those it names the ones that are there, all or
// none.
std::vector<std::string> TemplatesOf(const crds::BackupPolicy& policy,
                                     const StatefulSetView& stateful_set);

// The volumes of these StatefulSets that the policy protects, as they are scaled now.
std::size_t CountVolumes(const crds::BackupPolicy& policy, const StatefulSets& stateful_sets);

// What H and the jitter of a schedule depend on.
std::string SeedOf(const crds::BackupPolicy& policy, const crds::Schedule& schedule);

// The schedule, with this policy's own values for H.
Result<Schedule> ScheduleOf(const crds::BackupPolicy& policy, const crds::Schedule& schedule);

}  // namespace holdfast::controllers
