#include "controllers/policy/overdue.h"

#include <algorithm>

#include "controllers/policy/check.h"

namespace holdfast::controllers::policy {
namespace {

const crds::ScheduleStatus* StatusOf(const crds::BackupPolicy& policy, const std::string& name) {
  for (const crds::ScheduleStatus& status : policy.status.schedules)
    if (status.name == name) return &status;
  return nullptr;
}

// What the status knows already, so that no cron expression is read for a policy that keeps up: the
// last due time was answered, and the next is yet to come.
std::optional<TimePoint> Known(const crds::ScheduleStatus* status, TimePoint since, TimePoint now) {
  if (status == nullptr || !status->next_run || *status->next_run <= now) return std::nullopt;
  if (!status->last_schedule || *status->last_schedule > since) return std::nullopt;
  return status->next_run;
}

}  // namespace

std::optional<TimePoint> UnansweredSince(const crds::BackupPolicy& policy, TimePoint now) {
  if (policy.spec.suspend) return std::nullopt;
  const auto& success = policy.status.last_success;
  const TimePoint since =
      success && success->time ? *success->time : policy.metadata.creation_timestamp.value_or(now);
  const auto most = ParseDuration(policy.spec.jitter).value_or(std::chrono::seconds(0));
  std::optional<TimePoint> first;
  for (const crds::Schedule& spec : policy.spec.schedules) {
    auto due = Known(StatusOf(policy, spec.name), since, now);
    if (!due) {
      const auto schedule = ScheduleOf(policy, spec);
      if (!schedule) continue;  // the policy's conditions say so
      due = schedule->Next(since) + StableJitter(SeedOf(policy, spec), most);
    }
    first = first ? std::min(*first, *due) : *due;
  }
  return first;
}

}  // namespace holdfast::controllers::policy
