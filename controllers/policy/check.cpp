#include "controllers/policy/check.h"

#include <algorithm>
#include <set>

#include "base/wording.h"
#include "controllers/reasons.h"
#include "controllers/target.h"

namespace holdfast::controllers {
namespace {

using Spec = crds::BackupPolicySpec;

std::optional<Finding> CheckHooks(const Spec& spec, bool enabled) {
  if (enabled || (spec.hooks.pre.empty() && spec.hooks.post.empty())) return std::nullopt;
  return Finding{
      reason::kHooksDisabled,
      "spec.hooks runs commands in pods, which is switched off in this cluster; remove "
      "it, or ask whoever installed Holdfast to set hooks.enabled in the chart's values"};
}

std::optional<Finding> CheckDumps(const Spec& spec, bool enabled) {
  if (enabled || spec.dumps.empty()) return std::nullopt;
  return Finding{
      reason::kDumpsDisabled,
      "spec.dumps runs images that the policy names, which is switched off in this cluster; remove "
      "it, or ask whoever installed Holdfast to set dumps.enabled in the chart's values"};
}

std::optional<Finding> CheckSecrets(const Spec& spec, bool enabled) {
  if (enabled || !spec.manifests.secrets) return std::nullopt;
  return Finding{
      reason::kSecretsDisabled,
      "spec.manifests.secrets keeps Secrets in the repository, which is switched off in this "
      "cluster; remove it, or ask whoever installed Holdfast to set manifests.secrets in the "
      "chart's values"};
}

std::optional<Finding> CheckDuration(const std::string& field, const std::string& text) {
  if (text.empty() || ParseDuration(text)) return std::nullopt;
  return Finding{reason::kInvalidSpec, field + " \"" + text +
                                           "\" is no duration; write one such as 90s, 10m, "
                                           "6h or 2d"};
}

// Longer than any copy, and short enough for every clock.
constexpr std::chrono::hours kLongestHold{7 * 24};

std::optional<Finding> CheckHoldTime(const std::string& field, const std::string& text) {
  if (auto finding = CheckDuration(field, text)) return finding;
  const auto time = ParseDuration(text);
  if (!time || (time->count() > 0 && *time <= kLongestHold)) return std::nullopt;
  return Finding{reason::kInvalidSpec,
                 field + " \"" + text + "\" is not between 1s and 7d; nothing is held for longer"};
}

std::optional<Finding> CheckContinuous(const Spec& spec) {
  if (!spec.continuous) return std::nullopt;
  if (spec.target.volumes == crds::VolumeSelection::kNone)
    return Finding{reason::kInvalidSpec,
                   "spec.continuous watches volumes, and spec.target.volumes None leaves none; "
                   "remove one of both, and give dumps a schedule"};
  const std::string& quiet = spec.continuous->quiet_period;
  const std::string& most = spec.continuous->max_interval;
  if (auto finding = CheckHoldTime("spec.continuous.quietPeriod", quiet)) return finding;
  if (auto finding = CheckHoldTime("spec.continuous.maxInterval", most)) return finding;
  if (*ParseDuration(quiet) <= *ParseDuration(most)) return std::nullopt;
  return Finding{reason::kInvalidSpec, "spec.continuous.maxInterval \"" + most +
                                           "\" is shorter than quietPeriod \"" + quiet +
                                           "\"; write one that is as long at least"};
}

std::optional<Finding> CheckHookDurations(const Spec& spec) {
  if (auto finding = CheckHoldTime("spec.hooks.deadline", spec.hooks.deadline)) return finding;
  for (const auto& [name, hooks] : {std::pair("pre", &spec.hooks.pre), {"post", &spec.hooks.post}})
    for (std::size_t i = 0; i < hooks->size(); ++i) {
      const std::string field = std::string("spec.hooks.") + name + "[" + std::to_string(i);
      if (auto finding = CheckHoldTime(field + "].timeout", (*hooks)[i].timeout)) return finding;
    }
  return std::nullopt;
}

std::optional<Finding> CheckDumpTimeouts(const Spec& spec) {
  for (const crds::Dump& dump : spec.dumps)
    if (auto finding = CheckHoldTime("timeout of dump " + dump.name, dump.timeout)) return finding;
  return std::nullopt;
}

std::optional<Finding> CheckDurations(const Spec& spec) {
  const std::pair<const char*, const std::string*> fields[] = {
      {"spec.jitter", &spec.jitter},
      {"spec.startingDeadline", &spec.starting_deadline},
      {"spec.staging.deadline", &spec.staging.deadline},
      {"spec.retention.keepWithin", &spec.retention.keep_within},
      {"spec.failurePolicy.deadline", &spec.failure_policy.deadline}};
  for (const auto& [name, text] : fields)
    if (auto finding = CheckDuration(name, *text)) return finding;
  return std::nullopt;
}

std::optional<Finding> CheckSchedules(const crds::BackupPolicy& policy) {
  for (const crds::Schedule& schedule : policy.spec.schedules)
    if (const auto parsed = ScheduleOf(policy, schedule); !parsed)
      return Finding{reason::kInvalidSchedule,
                     "schedule \"" + schedule.name + "\": " + parsed.error().message};
  // Without schedules the time zone has no use, but a wrong one is better told now than later.
  if (const auto zone = ParseSchedule("@daily", policy.spec.time_zone, ""); !zone)
    return Finding{reason::kInvalidSchedule, "spec.timeZone: " + zone.error().message};
  return std::nullopt;
}

std::string Joined(const std::vector<std::string>& words) {
  std::string text;
  for (const std::string& word : words) text += (text.empty() ? "" : ", ") + word;
  return text;
}

Finding NoTarget(const crds::BackupPolicy& policy) {
  const crds::PolicyTarget& target = policy.spec.target;
  const std::string& ns = policy.metadata.namespace_;
  if (!target.selector)
    return {reason::kStatefulSetNotFound,
            "there is no StatefulSet \"" + target.stateful_set + "\" in namespace " + ns +
                "; create it or correct spec.target.statefulSet, and this goes on by itself"};
  return {reason::kStatefulSetNotFound,
          "no StatefulSet in namespace " + ns + " has the labels of spec.target.selector (" +
              DescribeTarget(target) + "); label one or correct it, and this goes on by itself"};
}

std::set<std::string> AllTemplates(const StatefulSets& sets) {
  std::set<std::string> templates;
  for (const StatefulSetView* set : sets)
    templates.insert(set->claim_templates.begin(), set->claim_templates.end());
  return templates;
}

}  // namespace

Finding TooManyVolumes(const crds::BackupPolicy& policy, std::size_t volumes) {
  return {reason::kTooManyVolumes,
          DescribeTarget(policy.spec.target) + " has " + std::to_string(volumes) +
              " volumes, and one run holds " + std::to_string(kMostVolumes) +
              " at most; name some of its templates in spec.target.volumeClaims, with a policy for "
              "each part"};
}

std::optional<Finding> CheckPolicy(const crds::BackupPolicy& policy, Allowed allowed) {
  for (const auto check : {CheckContinuous, CheckDurations, CheckHookDurations, CheckDumpTimeouts})
    if (auto finding = check(policy.spec)) return finding;
  if (auto finding = CheckHooks(policy.spec, allowed.hooks)) return finding;
  if (auto finding = CheckDumps(policy.spec, allowed.dumps)) return finding;
  if (auto finding = CheckSecrets(policy.spec, allowed.secrets)) return finding;
  return CheckSchedules(policy);
}

std::optional<Finding> CheckTarget(const crds::BackupPolicy& policy, const StatefulSets& found) {
  if (found.empty()) return NoTarget(policy);
  const std::string name = NameTargets(policy, found);
  const std::set<std::string> templates = AllTemplates(found);
  if (templates.empty() && policy.spec.dumps.empty())
    return Finding{reason::kNoVolumes, name + (found.size() == 1 ? " has" : " have") +
                                           " no volumeClaimTemplates, so there is nothing to back "
                                           "up; name another StatefulSet, or add spec.dumps"};
  for (const std::string& wanted : policy.spec.target.volume_claims)
    if (!templates.contains(wanted))
      return Finding{reason::kNoVolumes, "spec.target.volumeClaims names \"" + wanted +
                                             "\", which " + name +
                                             (found.size() == 1 ? " does" : " do") + " not have; " +
                                             (found.size() == 1 ? "it has: " : "they have: ") +
                                             Joined({templates.begin(), templates.end()})};
  const std::size_t volumes = policy.spec.dumps.size() + CountVolumes(policy, found);
  if (volumes > kMostVolumes) return TooManyVolumes(policy, volumes);
  return std::nullopt;
}

std::string NameTargets(const crds::BackupPolicy& policy, const StatefulSets& found) {
  if (!policy.spec.target.selector)
    return "StatefulSet \"" + policy.spec.target.stateful_set + "\"";
  const std::string described = DescribeTarget(policy.spec.target);
  return Counted(found.size(), "StatefulSet") + " (" + described.substr(described.find('/') + 1) +
         ")";
}

std::optional<Finding> CheckSecretsAccepted(const Spec& spec,
                                            const crds::BackupRepository& repository) {
  if (!spec.manifests.secrets || repository.spec.accepts_secrets) return std::nullopt;
  return Finding{reason::kSecretsNotAccepted,
                 "spec.manifests.secrets keeps Secrets, and BackupRepository \"" +
                     repository.metadata.name +
                     "\" takes none; set spec.acceptsSecrets there, for which the right to get "
                     "Secrets is needed, or remove spec.manifests.secrets"};
}

std::string VolumesAndDumps(std::size_t volumes, std::size_t dumps) {
  if (dumps == 0) return Counted(volumes, "volume");
  return (volumes == 0 ? "" : Counted(volumes, "volume") + " and ") + Counted(dumps, "dump");
}

std::vector<std::string> TemplatesOf(const crds::BackupPolicy& policy,
                                     const StatefulSetView& stateful_set) {
  const crds::PolicyTarget& target = policy.spec.target;
  if (target.volumes == crds::VolumeSelection::kNone) return {};
  std::vector<std::string> templates = stateful_set.claim_templates;
  if (!target.volume_claims.empty())
    std::erase_if(templates, [&](const std::string& name) {
      return std::ranges::find(target.volume_claims, name) == target.volume_claims.end();
    });
  return templates;
}

std::size_t CountVolumes(const crds::BackupPolicy& policy, const StatefulSets& stateful_sets) {
  std::size_t volumes = 0;
  for (const StatefulSetView* set : stateful_sets)
    volumes +=
        static_cast<std::size_t>(std::max(0, set->replicas)) * TemplatesOf(policy, *set).size();
  return volumes;
}

std::string SeedOf(const crds::BackupPolicy& policy, const crds::Schedule& schedule) {
  return policy.metadata.namespace_ + "/" + policy.metadata.name + "/" + schedule.name;
}

Result<Schedule> ScheduleOf(const crds::BackupPolicy& policy, const crds::Schedule& schedule) {
  return ParseSchedule(schedule.cron, policy.spec.time_zone, SeedOf(policy, schedule));
}

}  // namespace holdfast::controllers
