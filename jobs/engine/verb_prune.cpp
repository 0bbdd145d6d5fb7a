#include "jobs/engine/pruner.h"
#include "jobs/engine/verb.h"

namespace holdfast::engine {

using protocol::MoverResult;

Try<MoverResult> Execute(const PruneRequest& request, const Surroundings& around,
                         std::stop_token stop) {
  MoverResult result;
  TRY(OpenedSnapshots opened, OpenAll(around, LockKind::kExclusive, stop));
  TRY(const PruneReport report, UnderLock(opened.session, stop, [&](std::stop_token inner) {
        return Prune(opened.session.repository(), opened.snapshots, request.prune, around.meter,
                     inner);
      }));
  around.meter.Finish();
  result.snapshots = opened.snapshots.size();
  result.packs_removed = report.packs_removed;
  result.bytes_freed = report.bytes_freed;
  result.bytes_repacked = report.bytes_repacked;
  result.bytes_unused = report.bytes_unused;
  result.stored_bytes = report.bytes_stored;
  if (report.leftovers != 0)
    around.warnings << report.leftovers << " unfinished files of writers that died were removed\n";
  if (request.prune.dry_run) result.message = "nothing was changed; the figures are an estimate";
  return result;
}

}  // namespace holdfast::engine
