#include "jobs/engine/content_root.h"
#include "jobs/engine/dumper.h"
#include "jobs/engine/verb.h"

namespace holdfast::engine {

using protocol::MoverResult;

Try<MoverResult> Execute(const DumpRequest& request, const Surroundings& around,
                         std::stop_token stop) {
  MoverResult result;
  TRY(OpenedSnapshot opened,
      OpenOne(around, request.snapshot, request.identity, std::nullopt, stop));
  result.snapshot = opened.snapshot.id.Hex();
  if (request.strip_path) {
    TRY(opened.snapshot,
        FromContentRoot(opened.session.repository(), std::move(opened.snapshot), stop));
  }
  const auto sink = [&](ByteView bytes) -> Result<void> {
    const std::string_view text = AsText(bytes);
    if (around.out.write(text.data(), static_cast<std::streamsize>(text.size()))) return {};
    return Fail(Code::kInternal, "standard output was closed or is full");
  };
  TRY(const DumpReport report, UnderLock(opened.session, stop, [&](std::stop_token inner) {
        return Dump(opened.session.repository(), opened.snapshot.tree, request.path,
                    request.archive, sink, inner);
      }));
  if (!around.out.flush())
    return tl::make_unexpected(
        Failure(Error{Code::kInternal, "standard output was closed or is full"}));
  result.files = report.files;
  result.bytes = report.bytes;
  result.skipped = report.sockets_skipped;
  CopyProblems(report.damaged, result, around.warnings);
  JudgeDamage(result);
  return result;
}

}  // namespace holdfast::engine
