#include "operator/plugin/protection_report.h"

#include <algorithm>

#include "base/quantity.h"
#include "operator/plugin/choose.h"
#include "operator/plugin/time_words.h"

namespace holdfast::plugin {
namespace {

std::string Bytes(std::optional<std::int64_t> bytes) {
  return bytes ? HumanBytes(static_cast<std::uint64_t>(*bytes)) : "";
}
std::string Count(std::optional<std::int64_t> count) { return count ? std::to_string(*count) : ""; }

std::string ReasonOf(const crds::Conditions& conditions) {
  const crds::Condition* ready = crds::FindCondition(conditions, crds::kReady);
  return ready == nullptr ? "Unknown" : ready->reason;
}

std::string LastGood(const crds::BackupPolicy& policy, TimePoint now) {
  const auto& last = policy.status.last_success;
  return last && last->time ? Age(*last->time, now) : "never";
}

std::vector<const controllers::StatefulSetView*> Unprotected(const Protected& world) {
  std::vector<const controllers::StatefulSetView*> sets;
  for (const controllers::StatefulSetView& set : world.sets) {
    const auto protects = [&](const crds::BackupPolicy& policy) {
      return policy.metadata.namespace_ == set.key.ns && Protects(policy, set.key.name, &set);
    };
    if (!set.claim_templates.empty() && std::ranges::none_of(world.policies, protects))
      sets.push_back(&set);
  }
  return sets;
}

void AddRow(Table& table, bool namespaces, const std::string& ns, std::vector<std::string> row) {
  if (namespaces) row.insert(row.begin(), ns);
  table.rows.push_back(std::move(row));
}

Json OrNull(std::optional<std::int64_t> value) { return value ? Json(*value) : Json(); }
Json OrNull(std::optional<TimePoint> time) { return time ? Json(FormatTime(*time)) : Json(); }

Json PolicyJson(const crds::BackupPolicy& policy) {
  const crds::BackupPolicyStatus& status = policy.status;
  const auto last = status.last_success ? status.last_success->time : std::optional<TimePoint>();
  return {{"namespace", policy.metadata.namespace_},
          {"policy", policy.metadata.name},
          {"target", status.target},
          {"repository", policy.spec.repository},
          {"lastSuccess", OrNull(last)},
          {"nextRun", OrNull(status.next_run)},
          {"volumes", OrNull(status.volumes)},
          {"protectedBytes", OrNull(status.protected_bytes)},
          {"addedBytes", OrNull(status.added_bytes)},
          {"backups", OrNull(status.backups)},
          {"recoverySeconds", OrNull(status.recovery_seconds)},
          {"state", ReasonOf(status.conditions)}};
}

Json RepositoryJson(const crds::BackupRepository& repository) {
  const crds::BackupRepositoryStatus& status = repository.status;
  const auto run = [](const std::optional<crds::RepositoryRun>& last) {
    return last ? Json{{"state", std::string(crds::NameOf(last->state))},
                       {"time", OrNull(last->time)}}
                : Json();
  };
  return {{"namespace", repository.metadata.namespace_},
          {"repository", repository.metadata.name},
          {"location", status.location},
          {"snapshots", OrNull(status.snapshots)},
          {"sourceBytes", OrNull(status.source_bytes)},
          {"storedBytes", OrNull(status.stored_bytes)},
          {"restoreBytesPerSecond", OrNull(status.restore_bytes_per_second)},
          {"lastCheck", run(status.last_check)},
          {"state", ReasonOf(status.conditions)}};
}

}  // namespace

Table PolicyTable(const Protected& world, TimePoint now, bool namespaces) {
  Table table{
      {"TARGET", "POLICY", "LAST GOOD", "SIZE", "ADDED", "BACKUPS", "RECOVERY TIME", "STATE"},
      {},
      0};
  if (namespaces) table.headers.insert(table.headers.begin(), "NAMESPACE");
  for (const crds::BackupPolicy& policy : world.policies) {
    const crds::BackupPolicyStatus& status = policy.status;
    AddRow(table, namespaces, policy.metadata.namespace_,
           {status.target, policy.metadata.name, LastGood(policy, now),
            Bytes(status.protected_bytes), Bytes(status.added_bytes), Count(status.backups),
            status.recovery_time, ReasonOf(status.conditions)});
  }
  for (const controllers::StatefulSetView* set : Unprotected(world))
    AddRow(table, namespaces, set->key.ns,
           {"StatefulSet/" + set->key.name, "", "never", "", "", "", "", "NotProtected"});
  return table;
}

Table RepositoryTable(const Protected& world, TimePoint now, bool namespaces) {
  Table table{{"REPOSITORY", "SNAPSHOTS", "RESTORES TO", "STORED", "LAST CHECK", "STATE"}, {}, 0};
  if (namespaces) table.headers.insert(table.headers.begin(), "NAMESPACE");
  for (const crds::BackupRepository& repository : world.repositories) {
    const crds::BackupRepositoryStatus& status = repository.status;
    const auto& check = status.last_check;
    AddRow(table, namespaces, repository.metadata.namespace_,
           {repository.metadata.name, Count(status.snapshots), Bytes(status.source_bytes),
            Bytes(status.stored_bytes),
            check && check->time
                ? std::string(crds::NameOf(check->state)) + " " + Age(*check->time, now)
                : "",
            ReasonOf(status.conditions)});
  }
  return table;
}

Json ReportJson(const Protected& world) {
  Json policies = Json::array(), repositories = Json::array(), unprotected = Json::array();
  std::int64_t protected_bytes = 0, stored_bytes = 0;
  for (const crds::BackupPolicy& policy : world.policies) {
    policies.push_back(PolicyJson(policy));
    protected_bytes += policy.status.protected_bytes.value_or(0);
  }
  for (const crds::BackupRepository& repository : world.repositories) {
    repositories.push_back(RepositoryJson(repository));
    stored_bytes += repository.status.stored_bytes.value_or(0);
  }
  for (const controllers::StatefulSetView* set : Unprotected(world))
    unprotected.push_back({{"namespace", set->key.ns}, {"statefulSet", set->key.name}});
  return {{"policies", std::move(policies)},
          {"repositories", std::move(repositories)},
          {"unprotected", std::move(unprotected)},
          {"protectedBytes", protected_bytes},
          {"storedBytes", stored_bytes}};
}

}  // namespace holdfast::plugin
