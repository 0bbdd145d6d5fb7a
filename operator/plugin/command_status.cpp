#include <algorithm>

#include <spdlog/fmt/fmt.h>

#include "crds/types/backup_repository.h"
#include "operator/plugin/choose.h"
#include "operator/plugin/commands.h"
#include "operator/plugin/progress.h"
#include "operator/plugin/protection.h"
#include "operator/plugin/time_words.h"

namespace holdfast::plugin {
namespace {

struct Row {
  std::string kind;
  std::string name;
  std::string ns;
  std::string state;
  std::string when;
  std::string message;
};

std::string ReasonOf(const crds::Conditions& conditions) {
  const crds::Condition* ready = crds::FindCondition(conditions, crds::kReady);
  return ready == nullptr ? "Unknown" : ready->reason;
}
std::string MessageOf(const crds::Conditions& conditions) {
  const crds::Condition* ready = crds::FindCondition(conditions, crds::kReady);
  return ready == nullptr ? "The operator has not seen it yet." : ready->message;
}

std::string AgeOf(std::optional<TimePoint> time, TimePoint now) {
  return time ? Age(*time, now) : "";
}

Row RowOf(const crds::BackupPolicy& policy, TimePoint now) {
  const auto& last = policy.status.last_success;
  return {"bkp",
          policy.metadata.name,
          policy.metadata.namespace_,
          ReasonOf(policy.status.conditions),
          last && last->time ? "last good " + Age(*last->time, now) : "no good backup yet",
          MessageOf(policy.status.conditions)};
}
Row RowOf(const crds::BackupRepository& repository, TimePoint now) {
  const auto& probe = repository.status.last_probe;
  return {"bkr",
          repository.metadata.name,
          repository.metadata.namespace_,
          ReasonOf(repository.status.conditions),
          probe && probe->time ? "probed " + Age(*probe->time, now) : "",
          MessageOf(repository.status.conditions)};
}
// Of what runs, and ends.
template <typename Kind>
Row RunRow(const char* kind, const Kind& run, TimePoint now) {
  std::string state(crds::NameOf(run.status.phase));
  if (!run.status.progress.empty()) state += " " + run.status.progress;
  return {kind,
          run.metadata.name,
          run.metadata.namespace_,
          state,
          AgeOf(run.status.start_time, now),
          MessageOf(run.status.conditions)};
}
Row RowOf(const crds::Backup& backup, TimePoint now) { return RunRow("bk", backup, now); }
Row RowOf(const crds::Restore& restore, TimePoint now) { return RunRow("rst", restore, now); }

Table TableOf(const Session& session, const std::vector<Row>& rows) {
  Table table{{"NAME", "STATE", "WHEN", "MESSAGE"}, {}, 0};
  if (session.all_namespaces) table.headers.insert(table.headers.begin(), "NAMESPACE");
  for (const Row& row : rows) {
    std::vector<std::string> cells = {row.kind + "/" + row.name, row.state, row.when, row.message};
    if (session.all_namespaces) cells.insert(cells.begin(), row.ns);
    table.rows.push_back(std::move(cells));
  }
  return table;
}

// Policies and repositories, and what runs or went wrong.
Result<void> Overview(const Session& session) {
  TRY(const auto repositories, ListObjects<crds::BackupRepository>(session));
  TRY(const auto policies, ListObjects<crds::BackupPolicy>(session));
  TRY(const auto backups, ListObjects<crds::Backup>(session));
  TRY(const auto restores, ListObjects<crds::Restore>(session));
  const TimePoint now = session.clock.Now();
  std::vector<Row> rows;
  std::vector<Json> items;
  const auto add = [&](const auto& object) {
    rows.push_back(RowOf(object, now));
    Json item = crds::Encode(object);
    item["status"] = crds::EncodeStatus(object)["status"];
    items.push_back(std::move(item));
  };
  for (const auto& repository : repositories) add(repository);
  for (const auto& policy : policies) add(policy);
  for (const auto& backup : backups)
    if (backup.status.phase != crds::BackupPhase::kSucceeded) add(backup);
  for (const auto& restore : restores)
    if (restore.status.phase != crds::RestorePhase::kSucceeded) add(restore);
  return Print(session, TableOf(session, rows), ListOf(std::move(items)));
}

template <typename Kind>
Result<void> ShowOne(const Session& session, const std::string& name) {
  TRY(const Kind object, GetObject<Kind>(session, name));
  Json json = crds::Encode(object);
  json["status"] = crds::EncodeStatus(object)["status"];
  TRY_VOID(Print(session, TableOf(session, {RowOf(object, session.clock.Now())}), json));
  if constexpr (requires { Lines(object, TimePoint{}); })
    if (session.output == OutputFormat::kTable || session.output == OutputFormat::kWide)
      for (const std::string& line : Lines(object, session.clock.Now()))
        TRY_VOID(session.screen.Write(Plain(line) + "\n"));
  return {};
}

Result<void> Follow(const Session& session, const ObjectName& name) {
  if (name.kind != ObjectKind::kBackup && name.kind != ObjectKind::kRestore)
    return Fail(Code::kInvalid,
                "--wait is for bk/NAME and rst/NAME, which end; " + ToString(name) + " does not");
  TRY(const Json object, name.kind == ObjectKind::kBackup ? FollowBackup(session, name.name)
                                                          : FollowRestore(session, name.name));
  if (session.output == OutputFormat::kTable) return {};
  return Print(session, {{"NAME"}, {{ToString(name)}}}, object);
}

}  // namespace

Result<void> Run(const Session& session, const StatusCommand& command) {
  if (command.what.empty()) return Overview(session);
  TRY(const ObjectName name, ParseObjectName(command.what, ObjectKind::kStatefulSet));
  if (command.wait) return Follow(session, name);
  switch (name.kind) {
    case ObjectKind::kRepository:
      return ShowOne<crds::BackupRepository>(session, name.name);
    case ObjectKind::kPolicy:
      return ShowOne<crds::BackupPolicy>(session, name.name);
    case ObjectKind::kBackup:
      return ShowOne<crds::Backup>(session, name.name);
    case ObjectKind::kRestore:
      return ShowOne<crds::Restore>(session, name.name);
    case ObjectKind::kStatefulSet:
      break;
  }
  TRY(const Protection protection, FindProtection(session, command.what, ""));
  return ShowOne<crds::BackupPolicy>(session, protection.policy.metadata.name);
}

}  // namespace holdfast::plugin
