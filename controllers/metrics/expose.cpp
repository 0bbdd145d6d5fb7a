#include "controllers/metrics/expose.h"

#include <algorithm>
#include <iterator>
#include <memory>

#include "controllers/metrics/samples.h"
#include "controllers/metrics/scene.h"

namespace holdfast::controllers::metrics {
namespace {

using Value = std::optional<double>;
// The value of a label beside the object's own, and that of the sample.
using Labelled = std::optional<std::pair<std::string_view, double>>;

double Seconds(std::chrono::nanoseconds time) {
  return std::chrono::duration<double>(time).count();
}

Value At(const Time& time) {
  return time ? Value(Seconds(time->time_since_epoch())) : std::nullopt;
}

Value Since(const Time& time, TimePoint now) {
  return time ? Value(std::max(0.0, Seconds(now - *time))) : std::nullopt;
}

Value Count(const Number& number) {
  return number ? Value(static_cast<double>(*number)) : std::nullopt;
}

Labelled Is(const std::optional<Readiness>& readiness) {
  if (!readiness) return std::nullopt;
  return std::pair<std::string_view, double>(readiness->reason, readiness->ready ? 1 : 0);
}

Labelled One(std::string_view label) {
  return label.empty() ? Labelled() : std::pair<std::string_view, double>(label, 1);
}

template <typename Member>
auto Of(const std::optional<Ended>& ended, Member member) {
  return ended ? Count((*ended).*member) : std::nullopt;
}

// What is written after a Backup began may not be in it.
Value RecoveryPointAge(const PolicyRow& policy, TimePoint now) {
  if (policy.continuous) return Since(policy.continuous->unsaved_since, now).value_or(0);
  const Value age = Since(policy.last_success, now);
  if (!age || !policy.last_backup) return age;
  return *age + policy.last_backup->duration;
}

struct Metric {
  std::string_view name;
  std::string_view help;
};

// The samples of one row are one; nullopt for none.
struct PolicyMetric {
  Metric metric;
  Value (*value)(const PolicyRow& policy, TimePoint now);
};

const PolicyMetric kPolicies[] = {
    {{"holdfast_policy_suspended", "Whether spec.suspend is true."},
     [](const PolicyRow& policy, TimePoint) -> Value { return policy.suspended ? 1 : 0; }},
    {{"holdfast_policy_last_success_timestamp_seconds",
      "When the last good Backup ended, in Unix time."},
     [](const PolicyRow& policy, TimePoint) { return At(policy.last_success); }},
    {{"holdfast_policy_last_success_age_seconds", "How long ago the last good Backup ended."},
     [](const PolicyRow& policy, TimePoint now) { return Since(policy.last_success, now); }},
    {{"holdfast_policy_last_failure_timestamp_seconds",
      "When the last Backup that failed ended, in Unix time."},
     [](const PolicyRow& policy, TimePoint) { return At(policy.last_failure); }},
    {{"holdfast_policy_next_run_timestamp_seconds", "When a schedule is due next, in Unix time."},
     [](const PolicyRow& policy, TimePoint) { return At(policy.next_run); }},
    {{"holdfast_policy_overdue_seconds",
      "For how long a schedule has been due without a good Backup after it; 0 when all is well."},
     [](const PolicyRow& policy, TimePoint now) { return Since(policy.unanswered, now); }},
    {{"holdfast_policy_recovery_point_age_seconds",
      "How old what a Restore of the last good Backup brings back is: since that began; of a "
      "policy "
      "with spec.continuous since the oldest change that is known to be in none, and 0 when all is "
      "in."},
     RecoveryPointAge},
    {{"holdfast_policy_recovery_point_seconds",
      "Of a policy with spec.continuous: how old the oldest change was when the last Backup that "
      "saved changes ended."},
     [](const PolicyRow& policy, TimePoint) {
       return policy.continuous ? Count(policy.continuous->recovery_point) : std::nullopt;
     }},
    {{"holdfast_policy_recovery_time_seconds",
      "How long a Restore of the last good Backup is expected to take."},
     [](const PolicyRow& policy, TimePoint) { return Count(policy.recovery_seconds); }},
    {{"holdfast_policy_watched_volumes",
      "Of a policy with spec.continuous: volumes that are watched for changes."},
     [](const PolicyRow& policy, TimePoint) {
       return policy.continuous ? Count(policy.continuous->watched_volumes) : std::nullopt;
     }},
    {{"holdfast_policy_max_interval_seconds", "Of a policy with spec.continuous: its maxInterval."},
     [](const PolicyRow& policy, TimePoint) {
       return policy.continuous ? Value(policy.continuous->max_interval) : std::nullopt;
     }},
    {{"holdfast_policy_protected_bytes", "Size of the volumes at the last good Backup."},
     [](const PolicyRow& policy, TimePoint) { return Count(policy.protected_bytes); }},
    {{"holdfast_policy_added_bytes",
      "Bytes that the Backups that are kept added to the repository."},
     [](const PolicyRow& policy, TimePoint) { return Count(policy.added_bytes); }},
    {{"holdfast_policy_volumes", "Volumes of the last good Backup."},
     [](const PolicyRow& policy, TimePoint) { return Count(policy.volumes); }},
    {{"holdfast_policy_backups", "Good Backups that are kept."},
     [](const PolicyRow& policy, TimePoint) { return Count(policy.backups); }},
    {{"holdfast_policy_last_backup_duration_seconds", "How long the last good Backup took."},
     [](const PolicyRow& policy, TimePoint) -> Value {
       return policy.last_backup ? Value(policy.last_backup->duration) : std::nullopt;
     }},
    {{"holdfast_policy_last_backup_read_bytes", "Bytes that the last good Backup read of volumes."},
     [](const PolicyRow& policy, TimePoint) { return Of(policy.last_backup, &Ended::bytes_read); }},
    {{"holdfast_policy_last_backup_added_bytes",
      "Bytes that the last good Backup added to the repository."},
     [](const PolicyRow& policy, TimePoint) {
       return Of(policy.last_backup, &Ended::bytes_added);
     }},
    {{"holdfast_policy_last_backup_unreadable_files",
      "Files that the last good Backup could not read."},
     [](const PolicyRow& policy, TimePoint) { return Of(policy.last_backup, &Ended::unreadable); }},
};

struct RepositoryMetric {
  Metric metric;
  Value (*value)(const RepositoryRow& repository, TimePoint now);
};

const RepositoryMetric kRepositories[] = {
    {{"holdfast_repository_last_success_timestamp_seconds",
      "When the last good Backup into it ended, in Unix time."},
     [](const RepositoryRow& row, TimePoint) {
       return row.last_success ? At(row.last_success->time) : std::nullopt;
     }},
    {{"holdfast_repository_last_backup_duration_seconds",
      "How long the last good Backup into it took."},
     [](const RepositoryRow& row, TimePoint) -> Value {
       return row.last_success ? Value(row.last_success->duration) : std::nullopt;
     }},
    {{"holdfast_repository_last_backup_added_bytes",
      "Bytes that the last good Backup into it added."},
     [](const RepositoryRow& row, TimePoint) { return Of(row.last_success, &Ended::bytes_added); }},
    {{"holdfast_repository_overdue_seconds", "How overdue the most overdue of its policies is."},
     [](const RepositoryRow& row, TimePoint now) { return Since(row.unanswered, now); }},
    {{"holdfast_repository_snapshots", "Snapshots in it, at the last probe."},
     [](const RepositoryRow& row, TimePoint) { return Count(row.snapshots); }},
    {{"holdfast_repository_stored_bytes", "Bytes that it takes, at the last probe."},
     [](const RepositoryRow& row, TimePoint) { return Count(row.stored_bytes); }},
    {{"holdfast_repository_source_bytes", "Bytes that its snapshots restore to."},
     [](const RepositoryRow& row, TimePoint) { return Count(row.source_bytes); }},
    {{"holdfast_repository_unused_bytes", "Bytes that a prune would free."},
     [](const RepositoryRow& row, TimePoint) { return Count(row.unused_bytes); }},
    {{"holdfast_repository_restore_bytes_per_second",
      "How fast the last Restores from it were, for one volume."},
     [](const RepositoryRow& row, TimePoint) { return Count(row.restore_bytes_per_second); }},
    {{"holdfast_repository_locked_until_timestamp_seconds",
      "Until when the store holds all that is in use (spec.s3.objectLock), in Unix time."},
     [](const RepositoryRow& row, TimePoint) { return At(row.locked_until); }},
    {{"holdfast_repository_locks", "Locks in it, at the last probe; 64 stands for that or more."},
     [](const RepositoryRow& row, TimePoint) -> Value { return static_cast<double>(row.locks); }},
    {{"holdfast_repository_last_probe_timestamp_seconds",
      "When the last probe ended, or began while it runs, in Unix time."},
     [](const RepositoryRow& row, TimePoint) { return At(row.probe.time); }},
    {{"holdfast_repository_last_check_timestamp_seconds",
      "When the last check ended, or began while it runs, in Unix time."},
     [](const RepositoryRow& row, TimePoint) { return At(row.check.time); }},
    {{"holdfast_repository_last_drill_timestamp_seconds",
      "When the last restore drill ended, or began while it runs, in Unix time."},
     [](const RepositoryRow& row, TimePoint) { return At(row.drill.time); }},
    {{"holdfast_repository_last_drill_duration_seconds",
      "How long the last restore drill took, if it succeeded."},
     [](const RepositoryRow& row, TimePoint) { return Count(row.drill_seconds); }},
    {{"holdfast_repository_last_drill_bytes",
      "Bytes that the last restore drill restored and read back, if it succeeded."},
     [](const RepositoryRow& row, TimePoint) { return Count(row.drill_bytes); }},
    {{"holdfast_repository_last_prune_timestamp_seconds",
      "When the last prune ended, or began while it runs, in Unix time."},
     [](const RepositoryRow& row, TimePoint) { return At(row.prune.time); }},
    {{"holdfast_repository_running_movers", "Movers of it that have not ended."},
     [](const RepositoryRow& row, TimePoint) -> Value { return row.movers; }},
    {{"holdfast_repository_mover_slots", "How many movers may work on it at once."},
     [](const RepositoryRow& row, TimePoint) -> Value { return static_cast<double>(row.slots); }},
};

struct FollowerMetric {
  Metric metric;
  Value (*value)(const FollowerRow& follower, TimePoint now);
};

const FollowerMetric kFollowers[] = {
    {{"holdfast_restore_follow_lag_seconds",
      "For how long a good Backup has been there that the standby does not hold; 0 when it holds "
      "all."},
     [](const FollowerRow& row, TimePoint now) -> Value {
       return Since(row.behind_since, now).value_or(0);
     }},
    {{"holdfast_restore_follow_recovery_point_age_seconds",
      "How long ago the Backup that the standby holds was started."},
     [](const FollowerRow& row, TimePoint now) { return Since(row.recovery_point, now); }},
    {{"holdfast_restore_follow_restored", "Backups that have been restored into the standby."},
     [](const FollowerRow& row, TimePoint) { return Count(row.restored); }},
};

// Metrics of an object with one label more.
struct LabelledPolicyMetric {
  Metric metric;
  std::string_view label;
  Labelled (*value)(const PolicyRow& policy);
};

const LabelledPolicyMetric kLabelledPolicies[] = {
    {{"holdfast_policy_ready", "Whether the condition Ready is True; the label has its reason."},
     "reason",
     [](const PolicyRow& policy) { return Is(policy.ready); }},
    {{"holdfast_policy_last_result",
      "Always 1; the label has the phase in which the last Backup ended."},
     "result",
     [](const PolicyRow& policy) { return One(policy.last_result); }},
};

struct LabelledRepositoryMetric {
  Metric metric;
  std::string_view label;
  Labelled (*value)(const RepositoryRow& repository);
};

const LabelledRepositoryMetric kLabelledRepositories[] = {
    {{"holdfast_repository_ready",
      "Whether the condition Ready is True; the label has its reason."},
     "reason",
     [](const RepositoryRow& row) { return Is(row.ready); }},
    {{"holdfast_repository_last_result",
      "Always 1; the label has the phase in which the last Backup into it ended."},
     "result",
     [](const RepositoryRow& row) { return One(row.last ? row.last->result : ""); }},
    {{"holdfast_repository_last_probe_result", "Always 1; the label has the last probe's state."},
     "result",
     [](const RepositoryRow& row) { return One(row.probe.result); }},
    {{"holdfast_repository_last_check_result", "Always 1; the label has the last check's state."},
     "result",
     [](const RepositoryRow& row) { return One(row.check.result); }},
    {{"holdfast_repository_last_drill_result",
      "Always 1; the label has the last restore drill's state."},
     "result",
     [](const RepositoryRow& row) { return One(row.drill.result); }},
    {{"holdfast_repository_last_prune_result", "Always 1; the label has the last prune's state."},
     "result",
     [](const RepositoryRow& row) { return One(row.prune.result); }},
};

struct CountMetric {
  Metric metric;
  std::string_view object;  // the label with the key's name; empty for none
  std::string_view label;
  Counts Scene::*counts;
};

const CountMetric kCounts[] = {
    {{"holdfast_policy_waiting_backups", "Backups that have not begun, by the reason for it."},
     "policy",
     "reason",
     &Scene::waiting_by_policy},
    {{"holdfast_repository_waiting_backups",
      "Backups into it that have not begun, by the reason for it."},
     "repository",
     "reason",
     &Scene::waiting_by_repository},
    {{"holdfast_backups", "Backup objects by phase."}, "", "phase", &Scene::backups},
    {{"holdfast_restores", "Restore objects by phase."}, "", "phase", &Scene::restores},
};

void PolicyInfo(const Scene& scene, Samples& samples) {
  for (const PolicyRow& row : scene.policies)
    samples.Add({{"namespace", row.key.ns},
                 {"policy", row.key.name},
                 {"repository", row.repository},
                 {"target", row.target}},
                1);
}

template <typename Row, typename Get>
void AddRows(const std::vector<Row>& rows, std::string_view object, Samples& samples, Get get) {
  for (const Row& row : rows)
    if (const Value value = get(row))
      samples.Add({{"namespace", row.key.ns}, {object, row.key.name}}, *value);
}

template <typename Row, typename Get>
void AddRows(const std::vector<Row>& rows, std::string_view object, std::string_view label,
             Samples& samples, Get get) {
  for (const Row& row : rows)
    if (const Labelled value = get(row))
      samples.Add({{"namespace", row.key.ns}, {object, row.key.name}, {label, value->first}},
                  value->second);
}

void AddCounts(const Counts& counts, const CountMetric& metric, Samples& samples) {
  for (const auto& [key, count] : counts)
    if (metric.object.empty())
      samples.Add({{"namespace", key.first.ns}, {metric.label, key.second}}, count);
    else
      samples.Add({{"namespace", key.first.ns},
                   {metric.object, key.first.name},
                   {metric.label, key.second}},
                  count);
}

struct Family {
  Metric metric;
  std::function<void(const Scene&, Samples&)> write;
};

std::vector<Family> AllFamilies() {
  std::vector<Family> all = {
      {{"holdfast_policy_info", "Always 1; the labels have the repository and the target."},
       PolicyInfo}};
  for (const auto& one : kPolicies)
    all.push_back({one.metric, [&one](const Scene& scene, Samples& samples) {
                     AddRows(scene.policies, "policy", samples,
                             [&](const PolicyRow& row) { return one.value(row, scene.now); });
                   }});
  for (const auto& one : kLabelledPolicies)
    all.push_back({one.metric, [&one](const Scene& scene, Samples& samples) {
                     AddRows(scene.policies, "policy", one.label, samples, one.value);
                   }});
  for (const auto& one : kRepositories)
    all.push_back({one.metric, [&one](const Scene& scene, Samples& samples) {
                     AddRows(scene.repositories, "repository", samples,
                             [&](const RepositoryRow& row) { return one.value(row, scene.now); });
                   }});
  for (const auto& one : kFollowers)
    all.push_back({one.metric, [&one](const Scene& scene, Samples& samples) {
                     AddRows(scene.followers, "restore", samples,
                             [&](const FollowerRow& row) { return one.value(row, scene.now); });
                   }});
  all.push_back({{"holdfast_restore_follow_ready",
                  "Whether the condition Ready is True; the label has its reason."},
                 [](const Scene& scene, Samples& samples) {
                   AddRows(scene.followers, "restore", "reason", samples,
                           [](const FollowerRow& row) { return Is(row.ready); });
                 }});
  for (const auto& one : kLabelledRepositories)
    all.push_back({one.metric, [&one](const Scene& scene, Samples& samples) {
                     AddRows(scene.repositories, "repository", one.label, samples, one.value);
                   }});
  for (const auto& one : kCounts)
    all.push_back({one.metric, [&one](const Scene& scene, Samples& samples) {
                     AddCounts(scene.*one.counts, one, samples);
                   }});
  return all;
}

}  // namespace

std::function<std::string()> Expose(const Caches& caches, TimePoint now) {
  static const std::vector<Family> kFamilies = AllFamilies();
  // Shared, for a function object can be copied.
  auto scene = std::make_shared<const Scene>(LookAround(caches, now));
  return [scene, next = std::size_t{0}]() mutable -> std::string {
    if (next == kFamilies.size()) return "";
    const Family& family = kFamilies[next++];
    Samples samples(family.metric.name, family.metric.help);
    family.write(*scene, samples);
    return samples.Take();
  };
}

}  // namespace holdfast::controllers::metrics
