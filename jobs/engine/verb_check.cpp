#include <spdlog/fmt/fmt.h>

#include "jobs/engine/checker.h"
#include "jobs/engine/verb.h"

namespace holdfast::engine {
namespace {

using protocol::ExitCode;
using protocol::MoverResult;

}  // namespace

Try<MoverResult> Execute(const CheckRequest& request, const Surroundings& around,
                         std::stop_token stop) {
  MoverResult result;
  TRY(OpenedSnapshots opened, OpenDamaged(around, stop));
  repo::Repository& repository = opened.session.repository();
  const bool chosen = !request.snapshots.empty();
  if (chosen) {
    TRY(opened.snapshots, ChooseReadable(opened, {request.snapshots, {}, ""}, result, stop));
  }
  TRY(const CheckReport report, UnderLock(opened.session, stop, [&](std::stop_token inner) {
        return chosen ? CheckSnapshots(repository, opened.snapshots, around.meter, inner)
                      : Check(repository, opened.snapshots, request.read_data, around.meter, inner);
      }));
  around.meter.Finish();
  result.repository_id = repository.config().id;
  result.snapshots = report.snapshots;
  result.stored_bytes = report.stored_bytes;
  // What others need is not what was asked about.
  if (!chosen) KeepProblems(opened.lost_snapshots, result);
  KeepProblems(opened.lost_index_files, result);
  CopyProblems(report.damage, result, around.warnings);
  if (result.unreadable != 0) {
    result.exit = ExitCode::kCorrupt;
    result.message = fmt::format(
        "{} places in the repository are damaged; restore what can be "
        "restored, and back up again to mend the rest",
        result.unreadable);
  }
  if (report.unused_packs != 0)
    around.warnings << report.unused_packs
                    << " packs are in no index: the rest of interrupted runs; prune frees them\n";
  return result;
}

}  // namespace holdfast::engine
