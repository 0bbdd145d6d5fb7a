#include "jobs/engine/key_ring.h"
#include "jobs/engine/verb.h"

namespace holdfast::engine {
namespace {

using protocol::MoverResult;

Result<std::string> Change(const KeyRequest& request, Session& session, const Clock& clock,
                           std::stop_token stop) {
  repo::Repository& repository = session.repository();
  if (request.action == KeyRequest::Action::kRemove) {
    TRY(const repo::Id id, RemoveKey(repository, request.id, session.key_id(), stop));
    return "key " + id.Short() + " removed";
  }
  TRY(std::string password, ReadPassword(request.new_password_file, request.new_password));
  const auto id = request.action == KeyRequest::Action::kAdd
                      ? AddKey(repository, password, clock.Now(), stop)
                      : ChangeKey(repository, password, session.key_id(), clock.Now(), stop);
  Wipe(password);
  if (!id) return tl::make_unexpected(id.error());
  return "key " + id->Short() +
         (request.action == KeyRequest::Action::kAdd ? " added" : " saved; the old one is removed");
}

}  // namespace

// Adding disturbs nobody; removing could shut out somebody who is just opening the repository.
Try<MoverResult> Execute(const KeyRequest& request, const Surroundings& around,
                         std::stop_token stop) {
  MoverResult result;
  using Action = KeyRequest::Action;
  const bool alone = request.action == Action::kRemove || request.action == Action::kPasswd;
  TRY(Session session,
      Session::Open(around.session, alone ? LockKind::kExclusive : LockKind::kShared, stop));
  if (request.action == Action::kList) {
    TRY(const auto keys, ListKeys(session.repository(), stop));
    PrintKeys(around.out, keys, session.key_id(), around.json);
    return result;
  }
  TRY(result.message, UnderLock(session, stop, [&](std::stop_token inner) {
        return Change(request, session, around.clock, inner);
      }));
  return result;
}

}  // namespace holdfast::engine
