#include "operator/plugin/cluster_completer.h"

#include <algorithm>

#include "crds/types/backup.h"
#include "crds/types/backup_policy.h"
#include "crds/types/backup_repository.h"
#include "crds/types/restore.h"
#include "operator/plugin/browser.h"
#include "operator/plugin/protection.h"

namespace holdfast::plugin {
namespace {

template <typename Kind>
std::vector<std::string> NamesOf(const Session& session) {
  std::vector<std::string> names;
  if (const auto objects = ListObjects<Kind>(session))
    for (const Kind& object : *objects) names.push_back(object.metadata.name);
  return names;
}

std::vector<std::string> StatefulSetNames(const Session& session) {
  std::vector<std::string> names;
  kube::ListOptions options;
  options.ns = session.ns;
  if (const auto sets = controllers::ListAll<controllers::StatefulSetView>(
          session.api, kube::kStatefulSets, options, controllers::DecodeStatefulSet, session.stop))
    for (const auto& set : *sets) names.push_back(set.key.name);
  return names;
}

std::vector<std::string> Names(const Session& session, ObjectKind kind) {
  switch (kind) {
    case ObjectKind::kStatefulSet:
      return StatefulSetNames(session);
    case ObjectKind::kRepository:
      return NamesOf<crds::BackupRepository>(session);
    case ObjectKind::kPolicy:
      return NamesOf<crds::BackupPolicy>(session);
    case ObjectKind::kBackup:
      return NamesOf<crds::Backup>(session);
    case ObjectKind::kRestore:
      return NamesOf<crds::Restore>(session);
  }
  return {};
}

Result<std::vector<std::string>> Entries(const Session& session, const std::string& source,
                                         const std::string& directory) {
  FileSource wanted;
  wanted.what = source;
  TRY(const ReadableSnapshots found, FindSnapshots(session, wanted));
  if (found.volumes.size() != 1) return std::vector<std::string>();
  TRY(const auto browser, Browser::Running(session, found.repository));
  if (!browser) return std::vector<std::string>();
  TRY(const std::string output, browser->Output({"ls", "--json", "--no-recurse", "--strip-path",
                                                 found.volumes.front().snapshot, directory}));
  std::vector<std::string> entries;
  for (std::size_t at = 0; at < output.size();) {
    const std::size_t end = std::min(output.find('\n', at), output.size());
    const auto line = ParseJson(std::string_view(output).substr(at, end - at));
    at = end + 1;
    const std::string path = line ? FindString(*line, {"path"}) : "";
    if (path.empty() || path.find('\n') != path.npos) continue;
    entries.push_back(path + (FindString(*line, {"type"}) == "dir" ? "/" : ""));
  }
  return entries;
}

}  // namespace

Completer ClusterCompleter(const Session& session) {
  return {[&session](ObjectKind kind) { return Names(session, kind); },
          [&session](const std::string& source, const std::string& directory) {
            return Entries(session, source, directory).value_or(std::vector<std::string>());
          }};
}

}  // namespace holdfast::plugin
