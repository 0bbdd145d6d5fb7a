#include "jobs/engine/verb.h"

namespace holdfast::engine {
namespace {

using protocol::ExitCode;
using protocol::MoverResult;

}  // namespace

Try<MoverResult> Execute(const InitRequest& request, const Surroundings& around,
                         std::stop_token stop) {
  MoverResult result;
  TRY(Session session, Session::Connect(around.session));
  const auto opened = request.open_only || request.if_missing ? session.OpenRepository(stop)
                                                              : session.CreateRepository(stop);
  result.created = opened && !request.open_only && !request.if_missing;
  const bool absent = !opened && opened.error().exit == ExitCode::kNoRepository;
  if (!opened && !(absent && request.if_missing)) return tl::make_unexpected(opened.error());
  if (absent) {
    TRY_VOID(session.CreateRepository(stop));
    result.created = true;
  }
  repo::Repository& repository = session.repository();
  TRY(result.lock_holders, session.OtherHolders(stop));
  result.repository_id = repository.config().id;
  for (const auto type :
       {storage::FileType::kPack, storage::FileType::kIndex, storage::FileType::kSnapshot}) {
    TRY(const auto files, repository.ListFiles(type, stop));
    for (const auto& file : files) result.stored_bytes += file.size;
    if (type == storage::FileType::kSnapshot) result.snapshots = files.size();
  }
  return result;
}

}  // namespace holdfast::engine
