#include "jobs/engine/object_lock.h"
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

// Until when what is in use is retained. A store that ignores the order for a new repository would
// ignore it for ever.
Result<std::string> RetainedUntil(repo::Repository& repository, bool created, TimePoint now,
                                  std::stop_token stop) {
  TRY(const auto retained, LookAtRetention(repository, now, stop));
  if (!retained) return std::string();
  if (retained->config_until) return FormatTime(*retained->config_until);
  if (!created) return std::string();
  return Fail(Code::kNotSupported,
              repository.storage().Location() +
                  " was told to retain the new repository and does not say that it does: use a "
                  "bucket with S3 Object Lock, and keys that may s3:GetObjectRetention");
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
  TRY(result.retained_until, RetainedUntil(repository, result.created, around.clock.Now(), stop));
  for (const auto type :
       {storage::FileType::kPack, storage::FileType::kIndex, storage::FileType::kSnapshot}) {
    TRY(const auto files, repository.ListFiles(type, stop));
    for (const auto& file : files) result.stored_bytes += file.size;
    if (type == storage::FileType::kSnapshot) result.snapshots = files.size();
  }
  return result;
}

}  // namespace holdfast::engine
