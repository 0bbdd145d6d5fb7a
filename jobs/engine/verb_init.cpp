#include "jobs/engine/verb.h"

namespace holdfast::engine {
namespace {

using protocol::ExitCode;
using protocol::MoverResult;

Try<repo::InitOptions> InitOptionsOf(const InitRequest& request, std::stop_token stop) {
  repo::InitOptions options;
  options.version = request.version;
  if (!request.chunker_from) return options;
  TRY(Session from, Session::Open(*request.chunker_from, LockKind::kNone, stop));
  options.chunker_polynomial = from.repository().config().chunker_polynomial;
  return options;
}

}  // namespace

Try<MoverResult> Execute(const InitRequest& request, const Surroundings& around,
                         std::stop_token stop) {
  MoverResult result;
  TRY(Session session, Session::Connect(around.session));
  bool create = !request.open_only && !request.if_missing;
  if (!create) {
    const auto opened = session.OpenRepository(stop);
    create = !opened && opened.error().exit == ExitCode::kNoRepository && request.if_missing;
    if (!opened && !create) return tl::make_unexpected(opened.error());
  }
  if (create) {
    TRY(const repo::InitOptions options, InitOptionsOf(request, stop));
    TRY_VOID(session.CreateRepository(options, stop));
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
