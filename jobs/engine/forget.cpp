#include "jobs/engine/forget.h"

#include <algorithm>
#include <iterator>
#include <utility>

#include "jobs/engine/selection.h"

namespace holdfast::engine {
namespace {

using Decision = ForgetReport::Decision;

Result<std::vector<Decision>> DecideByName(repo::Repository& repository,
                                           const std::vector<std::string>& names,
                                           std::stop_token stop) {
  std::vector<Decision> decisions;
  for (const std::string& name : names) {
    TRY(repo::Snapshot snapshot, repository.FindSnapshot(name, stop));
    const bool known = std::ranges::any_of(
        decisions, [&](const Decision& decision) { return decision.snapshot.id == snapshot.id; });
    if (!known) decisions.push_back({std::move(snapshot), {}});
  }
  return decisions;
}

Result<std::vector<Decision>> DecideByPolicy(const std::vector<repo::Snapshot>& snapshots,
                                             const ForgetOptions& options, TimePoint now) {
  if (options.identity.host.empty() || options.identity.path.empty())
    return Fail(Code::kInvalid,
                "forget needs --host and --as-path: retention counts the snapshots "
                "of one volume");
  if (options.policy.empty())
    return Fail(Code::kInvalid,
                "nothing says what to keep; give --keep-last or another --keep option");
  std::vector<Decision> decisions;
  std::vector<Decision> pinned;
  std::vector<RetentionItem> items;
  for (const repo::Snapshot& snapshot : snapshots) {
    if (!Matches(snapshot, options.identity)) continue;
    if (!options.tag.empty() && !HasTag(snapshot, options.tag)) continue;
    if (std::ranges::find(options.keep_ids, snapshot.id.Hex()) != options.keep_ids.end()) {
      pinned.push_back({snapshot, {"pinned"}});
      continue;
    }
    decisions.push_back({snapshot, {}});
    items.push_back({snapshot.time, snapshot.tags});
  }
  auto reasons = ApplyRetention(items, options.policy, now);
  for (std::size_t i = 0; i < decisions.size(); ++i) decisions[i].reasons = std::move(reasons[i]);
  std::ranges::move(pinned, std::back_inserter(decisions));
  return decisions;
}

}  // namespace

Result<ForgetReport> Forget(repo::Repository& repository,
                            const std::vector<repo::Snapshot>& snapshots,
                            const ForgetOptions& options, TimePoint now, std::stop_token stop) {
  ForgetReport report;
  TRY(report.decisions, options.ids.empty() ? DecideByPolicy(snapshots, options, now)
                                            : DecideByName(repository, options.ids, stop));
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
