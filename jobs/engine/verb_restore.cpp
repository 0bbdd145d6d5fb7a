#include <algorithm>

#include <spdlog/fmt/fmt.h>

#include "jobs/engine/content_root.h"
#include "jobs/engine/manifests.h"
#include "jobs/engine/verb.h"

namespace holdfast::engine {
namespace {

using protocol::ExitCode;
using protocol::MoverResult;

void JudgeRestore(const RestoreReport& report, MoverResult& result) {
  if (report.mismatched.count() != 0) {
    result.exit = ExitCode::kVerifyFailed;
    result.message = fmt::format(
        "{} files differ from the snapshot after they were written; check "
        "the volume's disk and restore again",
        report.mismatched.count());
  } else if (report.failed.count() != 0) {
    result.exit = report.damaged ? ExitCode::kCorrupt : ExitCode::kFailed;
    result.message =
        fmt::format("{} entries could not be restored; {}", report.failed.count(),
                    report.damaged ? "the repository is damaged, run check"
                                   : "run as a user that may write them, or choose --path");
  }
}

Result<void> CheckHoldsNoSecrets(const repo::Snapshot& snapshot) {
  if (std::ranges::find(snapshot.tags, kContainsSecrets) == snapshot.tags.end()) return {};
  return Fail(Code::kNotSupported,
              "snapshot " + snapshot.id.Short() +
                  " holds Secrets, which are not written into a volume; get them with restic or "
                  "holdfast-mover and the repository's password");
}

}  // namespace

Try<MoverResult> Execute(const RestoreRequest& request, const Surroundings& around,
                         std::stop_token stop) {
  MoverResult result;
  TRY_VOID(CheckTarget(request.restore.target));
  const auto [name, subfolder] = SplitSnapshotName(request.snapshot);
  TRY(OpenedSnapshot opened, OpenOne(around, name, request.identity, request.as_of, stop));
  result.snapshot = opened.snapshot.id.Hex();
  if (request.refuse_secrets) TRY_VOID(CheckHoldsNoSecrets(opened.snapshot));
  RestoreOptions options = request.restore;
  // While one thread waits for a store behind a network, another writes.
  options.threads =
      std::max<std::size_t>(opened.session.plan().threads,
                            static_cast<std::size_t>(opened.session.plan().repository.uploads));
  if (subfolder) {
    options.root = subfolder;
  } else if (request.strip_path) {
    TRY(options.root, ContentRoot(opened.session.repository(), opened.snapshot, stop));
  }
  TRY(const RestoreReport report, UnderLock(opened.session, stop, [&](std::stop_token inner) {
        return Restore(opened.session.repository(), opened.snapshot, options, around.meter, inner);
      }));
  around.meter.Finish();
  result.files = report.files;
  result.files_changed = report.files_written;
  result.bytes = report.bytes;
  result.bytes_read = report.bytes_fetched;
  result.bytes_added = report.bytes_written;
  result.metadata_failures = report.metadata_failures;
  CopyProblems(report.failed, result, around.warnings);
  CopyProblems(report.mismatched, result, around.warnings);
  JudgeRestore(report, result);
  return result;
}

}  // namespace holdfast::engine
