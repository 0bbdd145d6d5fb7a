#include <spdlog/fmt/fmt.h>

#include "jobs/engine/undelete.h"
#include "jobs/engine/verb.h"

namespace holdfast::engine {

using protocol::MoverResult;

// Without opening the repository: its config and keys may be what is missing.
Try<MoverResult> Execute(const UndeleteRequest& request, const Surroundings& around,
                         std::stop_token stop) {
  MoverResult result;
  TRY(Session session, Session::Connect(around.session));
  TRY(const UndeleteReport report, Undelete(session.storage(), request.undelete, around.out, stop));
  const char* would = request.undelete.dry_run ? "would be " : "";
  result.message = fmt::format(
      "{} objects that were removed {}brought back, {} versions on top of others {}undone",
      report.markers, would, report.replaced, would);
  if (report.copied != 0)
    result.message += fmt::format(
        ", {} objects copied over versions that the store holds or the keys may not remove",
        report.copied);
  return result;
}

}  // namespace holdfast::engine
