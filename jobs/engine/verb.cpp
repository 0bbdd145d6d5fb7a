#include "jobs/engine/verb.h"

#include <algorithm>
#include <future>
#include <iterator>

#include <spdlog/fmt/fmt.h>

#include "jobs/engine/selection.h"

namespace holdfast::engine {

using protocol::MoverResult;

Error LockLost() {
  return {Code::kConflict,
          "the repository's lock was lost: it was removed by somebody, or the store could not be "
          "reached for 30 minutes; run again"};
}

Try<OpenedSnapshots> OpenAll(const Surroundings& around, LockKind lock, std::stop_token stop) {
  TRY(Session session, Session::Open(around.session, lock, stop));
  repo::Repository& repository = session.repository();
  // Beside each other: each waits for the store.
  auto index = std::async(std::launch::async, [&] { return repository.LoadIndex(stop); });
  TRY(Snapshots snapshots, repository.ListSnapshots(stop));
  TRY_VOID(index.get());
  return OpenedSnapshots{std::move(session), std::move(snapshots)};
}

Try<OpenedSnapshots> OpenDamaged(const Surroundings& around, std::stop_token stop) {
  TRY(Session session, Session::Open(around.session, LockKind::kShared, stop));
  const auto note = [&](const std::vector<Error>& errors, ProblemList& problems) {
    for (const Error& error : errors) {
      problems.Add("the repository", error.message);
      around.warnings << "the repository is damaged: " << error.message << '\n';
    }
  };
  std::vector<Error> snapshot_errors, index_errors;
  TRY(Snapshots snapshots, session.repository().ListSnapshots(stop, &snapshot_errors));
  TRY_VOID(session.repository().LoadIndex(stop, &index_errors));
  OpenedSnapshots opened{std::move(session), std::move(snapshots)};
  note(snapshot_errors, opened.lost_snapshots);
  note(index_errors, opened.lost_index_files);
  return opened;
}

Try<OpenedSnapshots> OpenReadable(const Surroundings& around, std::stop_token stop) {
  TRY(OpenedSnapshots opened, OpenDamaged(around, stop));
  repo::Repository& repository = opened.session.repository();
  // An index file that is gone shows only in what it listed.
  const bool complete = std::ranges::all_of(opened.snapshots, [&](const repo::Snapshot& snapshot) {
    return repository.index().Has({repo::BlobType::kTree, snapshot.tree});
  });
  if (opened.lost_index_files.count() != 0 || !complete) TRY_VOID(repository.IndexFromPacks(stop));
  return opened;
}

Result<Snapshots> ChooseReadable(OpenedSnapshots& opened, const SnapshotFilter& filter,
                                 MoverResult& result, std::stop_token stop) {
  if (filter.ids.empty()) KeepProblems(opened.lost_snapshots, result);
  TRY(Snapshots chosen,
      Choose(opened.session.repository(), std::move(opened.snapshots), filter, stop));
  result.snapshots = chosen.size();
  return chosen;
}

std::pair<std::string, std::optional<std::string>> SplitSnapshotName(const std::string& name) {
  const std::size_t colon = name.find(':');
  if (colon == std::string::npos) return {name, std::nullopt};
  return {name.substr(0, colon), name.substr(colon + 1)};
}

Result<repo::Snapshot> Select(repo::Repository& repository, const Snapshots& snapshots,
                              const std::string& name, const protocol::Identity& identity,
                              std::optional<TimePoint> as_of, std::stop_token stop) {
  if (name != "latest") return repository.FindSnapshot(name, stop);
  const repo::Snapshot* latest = Latest(snapshots, identity, {}, as_of);
  if (latest != nullptr) return *latest;
  return Fail(Code::kNotFound,
              fmt::format("no snapshot of host \"{}\" and path \"{}\"{} is in the repository; see "
                          "what is there with snapshots",
                          identity.host, identity.path,
                          as_of ? " up to " + FormatTime(*as_of) : std::string()));
}

Try<OpenedSnapshot> OpenOne(const Surroundings& around, const std::string& name,
                            const protocol::Identity& identity, std::optional<TimePoint> as_of,
                            std::stop_token stop) {
  TRY(OpenedSnapshots opened, OpenReadable(around, stop));
  TRY(repo::Snapshot snapshot,
      Select(opened.session.repository(), opened.snapshots, name, identity, as_of, stop));
  return OpenedSnapshot{std::move(opened.session), std::move(snapshot)};
}

void KeepProblems(const ProblemList& problems, MoverResult& result) {
  result.unreadable += problems.count();
  std::ranges::copy(problems.first(), std::back_inserter(result.unreadable_paths));
}

void CopyProblems(const ProblemList& problems, MoverResult& result, std::ostream& warnings) {
  KeepProblems(problems, result);
  for (const std::string& problem : problems.first()) warnings << problem << '\n';
  if (problems.count() > problems.first().size())
    warnings << "... and " << problems.count() - problems.first().size() << " more\n";
}

void JudgeDamage(MoverResult& result) {
  if (result.unreadable == 0) return;
  result.exit = protocol::ExitCode::kCorrupt;
  result.message = fmt::format(
      "the repository is damaged: {} places of it were left out; run check", result.unreadable);
}

}  // namespace holdfast::engine
