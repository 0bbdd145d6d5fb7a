#include <spdlog/fmt/fmt.h>

#include "jobs/engine/verb.h"
#include "jobs/repo/lock.h"

namespace holdfast::engine {
namespace {

using protocol::MoverResult;

}  // namespace

Try<MoverResult> Execute(const UnlockRequest& request, const Surroundings& around,
                         std::stop_token stop) {
  TRY(Session session, Session::Open(around.session, LockKind::kNone, stop));
  TRY(const auto removed,
      repo::RemoveStaleLocks(session.repository(), session.Holder(), request.all, stop));
  for (const repo::LockInfo& lock : removed) {
    if (!around.json)
      around.out << "removed the lock of " << lock.hostname << " since " << FormatTime(lock.time)
                 << '\n';
  }
  MoverResult result;
  result.message = fmt::format("{} locks removed", removed.size());
  return result;
}

}  // namespace holdfast::engine
