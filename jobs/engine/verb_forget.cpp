#include "jobs/engine/listing.h"
#include "jobs/engine/verb.h"

namespace holdfast::engine {
namespace {

using protocol::MoverResult;

// Shared, unlike restic's lock: only snapshot objects are removed, which nothing else refers to (a
// backup holds its parent in memory), so that retention need not wait for backups. The data goes
// with prune, which holds an exclusive lock and is kept out.
Try<ForgetReport> ForgetShared(const ForgetOptions& options, const Surroundings& around,
                               std::stop_token stop) {
  TRY(Session session, Session::Open(around.session, LockKind::kShared, stop));
  repo::Repository& repository = session.repository();
  TRY(const Snapshots snapshots, repository.ListSnapshots(stop));
  TRY(ForgetReport report, UnderLock(session, stop, [&](std::stop_token inner) {
        return Forget(repository, snapshots, options, around.clock.Now(), inner);
      }));
  return report;
}

}  // namespace

Try<MoverResult> Execute(const ForgetRequest& request, const Surroundings& around,
                         std::stop_token stop) {
  MoverResult result;
  TRY(const ForgetReport report, ForgetShared(request.forget, around, stop));
  if (!around.json) PrintDecisions(around.out, report, request.forget.dry_run);
  if (request.prune && !report.removed.empty() && !request.forget.dry_run) {
    auto pruned = Execute(PruneRequest{*request.prune}, around, stop);
    if (pruned) {
      result = *std::move(pruned);
    } else {
      result.exit = pruned.error().exit;
      result.message = "the snapshots were removed, their data not yet: " +
                       std::move(pruned).error().error.message;
    }
  }
  result.kept = report.kept;
  result.more = report.more;
  for (const repo::Id& id : report.removed) result.removed.push_back(id.Hex());
  return result;
}

}  // namespace holdfast::engine
