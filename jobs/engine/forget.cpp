#include "jobs/engine/forget.h"

#include <algorithm>
#include <iterator>
#include <map>
#include <utility>

#include "jobs/engine/selection.h"

namespace holdfast::engine {
namespace {

using Decision = ForgetReport::Decision;

bool Fits(const repo::Snapshot& snapshot, const ForgetOptions& options) {
  return Matches(snapshot, options.identity) &&
         (options.tag.empty() || HasTag(snapshot, options.tag));
}

// The manifests of the volume's namespace, which go with the volume's snapshots of their Backup.
bool FitsAsManifests(const repo::Snapshot& snapshot, const ForgetOptions& options) {
  const std::string& path = options.identity.path;
  const std::size_t end = path.find('/', 1);
  if (end == path.npos || snapshot.paths.size() != 1) return false;
  const std::string folder = path.substr(0, end + 1).append(protocol::kManifestsPrefix);
  return snapshot.paths.front().starts_with(folder) &&
         Matches(snapshot, {options.identity.host, ""}) &&
         (options.tag.empty() || HasTag(snapshot, options.tag));
}

// The ids of snapshots that were copied from those named.
std::vector<std::string> CopiesOf(const std::vector<repo::Snapshot>& snapshots,
                                  const std::vector<std::string>& originals) {
  std::vector<std::string> ids;
  for (const repo::Snapshot& snapshot : snapshots)
    if (snapshot.original &&
        std::ranges::find(originals, snapshot.original->Hex()) != originals.end())
      ids.push_back(snapshot.id.Hex());
  return ids;
}

Result<std::vector<Decision>> DecideByName(repo::Repository& repository,
                                           const std::vector<std::string>& ids,
                                           const ForgetOptions& options, std::stop_token stop) {
  std::vector<Decision> decisions;
  for (const std::string& name : ids) {
    auto found = repository.FindSnapshot(name, stop);
    if (!found && options.missing_ok && IsAbsent(found.error())) continue;
    TRY(repo::Snapshot snapshot, std::move(found));
    if (!Fits(snapshot, options) && !FitsAsManifests(snapshot, options))
      return Fail(Code::kInvalid, "snapshot " + snapshot.id.Short() +
                                      " is not of the host, path and tag given; nothing was "
                                      "removed");
    const bool known = std::ranges::any_of(
        decisions, [&](const Decision& decision) { return decision.snapshot.id == snapshot.id; });
    if (!known) decisions.push_back({std::move(snapshot), {}});
  }
  return decisions;
}

std::vector<std::string> GroupOf(const repo::Snapshot& snapshot, const Grouping& grouping) {
  std::vector<std::string> name;
  const auto add = [&](std::vector<std::string> words) {
    std::ranges::sort(words);
    name.push_back(std::to_string(words.size()));  // so that no two lists run together
    std::ranges::move(words, std::back_inserter(name));
  };
  if (grouping.host) name.push_back(snapshot.hostname);
  if (grouping.paths) add(snapshot.paths);
  if (grouping.tags) add(snapshot.tags);
  return name;
}

void Judge(const std::vector<std::size_t>& members, const RetentionPolicy& policy, TimePoint now,
           std::vector<Decision>& decisions) {
  std::vector<RetentionItem> items;
  for (const std::size_t member : members)
    items.push_back({decisions[member].snapshot.time, decisions[member].snapshot.tags});
  auto reasons = ApplyRetention(items, policy, now);
  for (std::size_t i = 0; i < members.size(); ++i)
    decisions[members[i]].reasons = std::move(reasons[i]);
}

Result<std::vector<Decision>> DecideByPolicy(const std::vector<repo::Snapshot>& snapshots,
                                             const ForgetOptions& options, TimePoint now) {
  if (!options.group_by && (options.identity.host.empty() || options.identity.path.empty()))
    return Fail(Code::kInvalid,
                "forget needs --host and --as-path, as retention counts the snapshots of one "
                "volume; or --group-by host,paths for every volume by itself");
  if (options.policy.empty())
    return Fail(Code::kInvalid,
                "nothing says what to keep; give --keep-last or another --keep option");
  std::vector<Decision> decisions;
  std::map<std::vector<std::string>, std::vector<std::size_t>> groups;  // of indices in `decisions`
  for (const repo::Snapshot& snapshot : snapshots) {
    if (!Fits(snapshot, options)) continue;
    groups[GroupOf(snapshot, options.group_by.value_or(Grouping()))].push_back(decisions.size());
    decisions.push_back({snapshot, {}});
  }
  for (const auto& [name, members] : groups) Judge(members, options.policy, now, decisions);
  return decisions;
}

}  // namespace

Result<Grouping> ParseGrouping(std::string_view text) {
  Grouping grouping;
  while (!text.empty()) {
    const std::string_view word = text.substr(0, text.find(','));
    text.remove_prefix(std::min(text.size(), word.size() + 1));
    if (word == "host") {
      grouping.host = true;
    } else if (word == "paths" || word == "path") {
      grouping.paths = true;
    } else if (word == "tags" || word == "tag") {
      grouping.tags = true;
    } else {
      return Fail(Code::kInvalid, "snapshots cannot be grouped by \"" + std::string(word) +
                                      "\"; use host, paths and tags");
    }
  }
  return grouping;
}

Result<ForgetReport> Forget(repo::Repository& repository,
                            const std::vector<repo::Snapshot>& snapshots,
                            const ForgetOptions& options, TimePoint now, std::stop_token stop) {
  ForgetReport report;
  const auto ids = options.copies ? CopiesOf(snapshots, options.ids) : options.ids;
  TRY(report.decisions, options.ids.empty() ? DecideByPolicy(snapshots, options, now)
                                            : DecideByName(repository, ids, options, stop));
  std::ranges::stable_sort(report.decisions, {},
                           [](const Decision& decision) { return decision.snapshot.time; });
  for (const Decision& decision : report.decisions) {
    if (!decision.reasons.empty()) {
      ++report.kept;
      continue;
    }
    if (report.removed.size() == kMaxForgotten) {
      report.more = true;
      continue;
    }
    const repo::Id& id = decision.snapshot.id;
    if (!options.dry_run) TRY_VOID(repository.RemoveFile(storage::FileType::kSnapshot, id, stop));
    report.removed.push_back(id);
  }
  return report;
}

}  // namespace holdfast::engine
