#include <algorithm>

#include "base/quantity.h"
#include "operator/plugin/browser.h"
#include "operator/plugin/choose.h"
#include "operator/plugin/commands.h"
#include "operator/plugin/protection.h"
#include "operator/plugin/time_words.h"

namespace holdfast::plugin {
namespace {

constexpr std::size_t kShortId = 8;

std::string Size(std::int64_t bytes) {
  return bytes > 0 ? HumanBytes(static_cast<std::uint64_t>(bytes)) : "";
}

// Which Backups are meant.
struct Filter {
  std::string policy;
  std::string repository;
};

Result<Filter> FilterOf(const Session& session, const std::string& what) {
  if (what.empty()) return Filter{};
  TRY(const ObjectName name, ParseObjectName(what, ObjectKind::kStatefulSet));
  if (name.kind == ObjectKind::kRepository) return Filter{"", name.name};
  TRY(const Protection protection, FindProtection(session, what, ""));
  return Filter{protection.policy.metadata.name, ""};
}

Result<void> FromBackups(const Session& session, const std::string& what) {
  TRY(const Filter filter, FilterOf(session, what));
  TRY(auto backups, ListObjects<crds::Backup>(session));
  std::ranges::sort(backups, [](const crds::Backup& a, const crds::Backup& b) {
    return StartOf(a) > StartOf(b);
  });
  Table table{
      {"BACKUP", "TAKEN", "CLAIM", "SIZE", "SNAPSHOT", "ADDED", "FILES", "POLICY", "REPOSITORY"},
      {},
      4};
  if (session.all_namespaces) table.headers.insert(table.headers.begin(), "NAMESPACE");
  std::vector<Json> items;
  for (const crds::Backup& backup : backups) {
    if (!filter.policy.empty() && backup.spec.policy != filter.policy) continue;
    if (!filter.repository.empty() && backup.status.repository != filter.repository) continue;
    for (const crds::VolumeBackup& volume : backup.status.volumes) {
      if (volume.snapshot.empty()) continue;
      const std::string taken = FormatTime(volume.cut_time.value_or(StartOf(backup)));
      std::vector<std::string> row = {backup.metadata.name,
                                      Age(StartOf(backup), session.clock.Now()),
                                      volume.claim,
                                      Size(volume.bytes),
                                      volume.snapshot.substr(0, kShortId),
                                      Size(volume.bytes_added),
                                      std::to_string(volume.files),
                                      backup.spec.policy,
                                      backup.status.repository};
      if (session.all_namespaces) row.insert(row.begin(), backup.metadata.namespace_);
      table.rows.push_back(std::move(row));
      items.push_back({{"namespace", backup.metadata.namespace_},
                       {"backup", backup.metadata.name},
                       {"policy", backup.spec.policy},
                       {"repository", backup.status.repository},
                       {"claim", volume.claim},
                       {"time", taken},
                       {"snapshot", volume.snapshot},
                       {"files", volume.files},
                       {"bytes", volume.bytes},
                       {"bytesAdded", volume.bytes_added}});
    }
  }
  return Print(session, table, {{"items", std::move(items)}});
}

std::string Joined(const Json* list) {
  std::string text;
  if (list == nullptr || !list->is_array()) return text;
  for (const Json& word : *list)
    if (word.is_string()) text += (text.empty() ? "" : ",") + word.get<std::string>();
  return text;
}

// The mover's lines, as restic has them.
Result<void> FromRepository(const Session& session, const SnapshotsCommand& command) {
  TRY(const std::string repository, RepositoryOf(session, command.repository));
  TRY(const Browser browser, Browser::Open(session, {repository, command.keep}));
  TRY(const std::string output, browser.Output({"snapshots", "--json"}));
  Table table{{"SNAPSHOT", "TAKEN", "HOST", "PATH", "SIZE", "TAGS"}, {}, 1};
  std::vector<Json> items;
  for (std::size_t at = 0; at < output.size();) {
    const std::size_t end = std::min(output.find('\n', at), output.size());
    TRY(Json line, ParseJson(std::string_view(output).substr(at, end - at)));
    at = end + 1;
    const std::string id = FindString(line, {"id"});
    if (id.empty()) continue;  // the result
    const auto time = ParseTime(FindString(line, {"time"}));
    table.rows.push_back({id.substr(0, kShortId),
                          time ? Age(*time, session.clock.Now()) : FindString(line, {"time"}),
                          FindString(line, {"hostname"}), Joined(Find(line, {"paths"})),
                          Size(FindInt(line, {"summary", "total_bytes_processed"}).value_or(0)),
                          Joined(Find(line, {"tags"}))});
    items.push_back(std::move(line));
  }
  return Print(session, table, {{"items", std::move(items)}});
}

}  // namespace

Result<void> Run(const Session& session, const SnapshotsCommand& command) {
  if (!command.repository.empty()) return FromRepository(session, command);
  return FromBackups(session, command.what);
}

}  // namespace holdfast::plugin
