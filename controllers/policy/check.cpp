#include "controllers/policy/check.h"

#include <algorithm>

#include "controllers/reasons.h"

namespace holdfast::controllers {
namespace {

using Spec = crds::BackupPolicySpec;

Finding NotServed(const std::string& field, const std::string& instead) {
  return {reason::kNotSupported, field + " is not supported by this version yet; " + instead};
}

std::optional<Finding> CheckTargetKind(const Spec& spec) {
  if (spec.target.selector)
    return NotServed("spec.target.selector",
                     "name one StatefulSet in spec.target.statefulSet, with a policy for each");
  return std::nullopt;
}

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

}  // namespace

Finding TooManyVolumes(const std::string& stateful_set, std::size_t volumes) {
  return {reason::kTooManyVolumes,
          "StatefulSet \"" + stateful_set + "\" has " + std::to_string(volumes) +
              " volumes, and one run holds " + std::to_string(kMostVolumes) +
              " at most; name some of its templates in spec.target.volumeClaims, with a policy for "
              "each part"};
}

std::optional<Finding> CheckPolicy(const crds::BackupPolicy& policy, Allowed allowed) {
  for (const auto check :
       {CheckTargetKind, CheckContinuous, CheckDurations, CheckHookDurations, CheckDumpTimeouts})
    if (auto finding = check(policy.spec)) return finding;
  if (auto finding = CheckHooks(policy.spec, allowed.hooks)) return finding;
  if (auto finding = CheckDumps(policy.spec, allowed.dumps)) return finding;
  return CheckSchedules(policy);
}

std::optional<Finding> CheckTarget(const crds::BackupPolicy& policy, const StatefulSetView* found) {
  const std::string name = policy.spec.target.stateful_set;
  if (found == nullptr)
    return Finding{
        reason::kStatefulSetNotFound,
        "there is no StatefulSet \"" + name + "\" in namespace " + policy.metadata.namespace_ +
            "; create it or correct spec.target.statefulSet, and this goes on by itself"};
  if (found->claim_templates.empty() && policy.spec.dumps.empty())
    return Finding{reason::kNoVolumes,
                   "StatefulSet \"" + name +
                       "\" has no volumeClaimTemplates, so there is nothing "
                       "to back up; name another StatefulSet, or add spec.dumps"};
  for (const std::string& wanted : policy.spec.target.volume_claims)
    if (std::ranges::find(found->claim_templates, wanted) == found->claim_templates.end())
      return Finding{reason::kNoVolumes,
                     "spec.target.volumeClaims names \"" + wanted + "\", which StatefulSet \"" +
                         name + "\" does not have; it has: " + Joined(found->claim_templates)};
  const std::size_t volumes =
      static_cast<std::size_t>(found->replicas) * TemplatesOf(policy, *found).size() +
      policy.spec.dumps.size();
  if (volumes > kMostVolumes) return TooManyVolumes(name, volumes);
  return std::nullopt;
}

std::string VolumesAndDumps(std::size_t volumes, std::size_t dumps) {
  const auto counted = [](std::size_t count, const std::string& what) {
    return std::to_string(count) + " " + what + (count == 1 ? "" : "s");
  };
  if (dumps == 0) return counted(volumes, "volume");
  return (volumes == 0 ? "" : counted(volumes, "volume") + " and ") + counted(dumps, "dump");
}

std::vector<std::string> TemplatesOf(const crds::BackupPolicy& policy,
                                     const StatefulSetView& stateful_set) {
  if (policy.spec.target.volumes == crds::VolumeSelection::kNone) return {};
  return policy.spec.target.volume_claims.empty() ? stateful_set.claim_templates
                                                  : policy.spec.target.volume_claims;
}

std::string SeedOf(const crds::BackupPolicy& policy, const crds::Schedule& schedule) {
  return policy.metadata.namespace_ + "/" + policy.metadata.name + "/" + schedule.name;
}

Result<Schedule> ScheduleOf(const crds::BackupPolicy& policy, const crds::Schedule& schedule) {
  return ParseSchedule(schedule.cron, policy.spec.time_zone, SeedOf(policy, schedule));
}

}  // namespace holdfast::controllers
