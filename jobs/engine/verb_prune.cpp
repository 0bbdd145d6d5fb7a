#include "jobs/engine/object_lock.h"
#include "jobs/engine/pruner.h"
#include "jobs/engine/verb.h"

namespace holdfast::engine {
namespace {

using protocol::MoverResult;

void Note(const PruneReport& report, MoverResult& result) {
  result.packs_removed = report.packs_removed;
  result.bytes_freed = report.bytes_freed;
  result.bytes_repacked = report.bytes_repacked;
  result.bytes_unused = report.bytes_unused;
  result.stored_bytes = report.bytes_stored;
  result.bytes_retained = report.bytes_retained;
  if (report.retained_until) result.bytes_retained_until = FormatTime(*report.retained_until);
}

// A prune that went well stays one, whatever becomes of this: the result says so.
void Extend(OpenedSnapshots& opened, const Retained& retained, const Surroundings& around,
            MoverResult& result, std::stop_token stop) {
  const auto extended = UnderLock(opened.session, stop, [&](std::stop_token inner) {
    return ExtendRetention(opened.session.repository(), retained, around.meter, inner);
  });
  if (extended) {
    result.objects_retained = extended->objects;
    if (extended->until) result.retained_until = FormatTime(*extended->until);
    return;
  }
  const Failure failure(extended.error());
  result.exit = failure.exit;
  result.not_retained = true;
  result.message =
      "the repository was pruned, but what is in use could not be retained for longer: " +
      failure.error.message;
}

}  // namespace

Try<MoverResult> Execute(const PruneRequest& request, const Surroundings& around,
                         std::stop_token stop) {
  MoverResult result;
  TRY(OpenedSnapshots opened, OpenAll(around, LockKind::kExclusive, stop));
  repo::Repository& repository = opened.session.repository();
  PruneOptions options = request.prune;
  TRY(options.retained, LookAtRetention(repository, around.clock.Now(), stop));
  TRY(const PruneReport report, UnderLock(opened.session, stop, [&](std::stop_token inner) {
        return Prune(repository, opened.snapshots, options, around.meter, inner);
      }));
  result.snapshots = opened.snapshots.size();
  Note(report, result);
  if (report.leftovers != 0)
    around.warnings << report.leftovers << " unfinished files of writers that died were removed\n";
  if (options.dry_run) result.message = "nothing was changed; the figures are an estimate";
  if (options.retained && !options.dry_run) {
    // What prune itself stored is younger than its first look at the clock.
    options.retained->now = around.clock.Now();
    Extend(opened, *options.retained, around, result, stop);
  }
  around.meter.Finish();
  return result;
}

}  // namespace holdfast::engine
