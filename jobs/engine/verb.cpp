#include "jobs/engine/verb.h"

#include <spdlog/fmt/fmt.h>

#include "jobs/engine/selection.h"

namespace holdfast::engine {

Error LockLost() {
  return {Code::kConflict,
          "the repository's lock was lost: it was removed by somebody, or the store could not be "
          "reached for 30 minutes; run again"};
}

Try<OpenedSnapshots> OpenAll(const Surroundings& around, LockKind lock, std::stop_token stop) {
  TRY(Session session, Session::Open(around.session, lock, stop));
  TRY(Snapshots snapshots, session.repository().ListSnapshots(stop));
  TRY_VOID(session.repository().LoadIndex(stop));
  return OpenedSnapshots{std::move(session), std::move(snapshots)};
}

Try<OpenedSnapshots> OpenReadable(const Surroundings& around, std::stop_token stop) {
  TRY(Session session, Session::Open(around.session, LockKind::kShared, stop));
  std::vector<Error> damaged;
  TRY(Snapshots snapshots, session.repository().ListSnapshots(stop, &damaged));
  TRY_VOID(session.repository().LoadIndex(stop, &damaged));
  OpenedSnapshots opened{std::move(session), std::move(snapshots)};
  for (const Error& error : damaged) {
    opened.damage.Add("the repository", error.message);
    around.warnings << "the repository is damaged: " << error.message << '\n';
  }
  return opened;
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

void CopyProblems(const ProblemList& problems, protocol::MoverResult& result,
                  std::ostream& warnings) {
  result.unreadable += problems.count();
  for (const std::string& problem : problems.first()) {
    result.unreadable_paths.push_back(problem);
    warnings << problem << '\n';
  }
  if (problems.count() > problems.first().size())
    warnings << "... and " << problems.count() - problems.first().size() << " more\n";
}

}  // namespace holdfast::engine
