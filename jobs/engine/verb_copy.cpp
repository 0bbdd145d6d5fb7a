#include "jobs/engine/copier.h"
#include "jobs/engine/verb.h"

namespace holdfast::engine {

using protocol::MoverResult;

Try<MoverResult> Execute(const CopyRequest& request, const Surroundings& around,
                         std::stop_token stop) {
  MoverResult result;
  Surroundings source = around;
  source.session = request.from;
  TRY(OpenedSnapshots from, OpenReadable(source, stop));
  TRY(OpenedSnapshots to, OpenAll(around, LockKind::kShared, stop));
  TRY(const Snapshots chosen, ChooseReadable(from, request.filter, result, stop));
  if (from.session.repository().config().chunker_polynomial !=
      to.session.repository().config().chunker_polynomial)
    around.warnings << "the repositories cut files in different places: copies share nothing with "
                       "what is backed up there; make the next one with init "
                       "--copy-chunker-params\n";
  TRY(const CopyReport report, UnderLock(from.session, stop, [&](std::stop_token outer) {
        return UnderLock(to.session, outer, [&](std::stop_token inner) {
          return Copy(from.session.repository(), chosen, to.session.repository(), to.snapshots,
                      around.meter, inner);
        });
      }));
  around.meter.Finish();
  result.snapshots = report.copied.size();
  result.kept = report.skipped;
  result.bytes = report.bytes;
  result.bytes_added = report.bytes_added;
  CopyProblems(report.damaged, result, around.warnings);
  JudgeDamage(result);
  return result;
}

}  // namespace holdfast::engine
