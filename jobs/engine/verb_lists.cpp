#include "jobs/engine/listing.h"
#include "jobs/engine/selection.h"
#include "jobs/engine/verb.h"

namespace holdfast::engine {
namespace {

using protocol::MoverResult;

}  // namespace

Try<MoverResult> Execute(const SnapshotsRequest& request, const Surroundings& around,
                         std::stop_token stop) {
  TRY(Session session, Session::Open(around.session, LockKind::kShared, stop));
  TRY(Snapshots snapshots, session.repository().ListSnapshots(stop));
  std::erase_if(snapshots, [&](const repo::Snapshot& snapshot) {
    return !Matches(snapshot, request.identity) ||
           (!request.tag.empty() && !HasTag(snapshot, request.tag));
  });
  PrintSnapshots(around.out, snapshots, around.json);
  MoverResult result;
  result.snapshots = snapshots.size();
  return result;
}

Try<MoverResult> Execute(const LsRequest& request, const Surroundings& around,
                         std::stop_token stop) {
  MoverResult result;
  TRY(OpenedSnapshots opened, OpenReadable(around, stop));
  repo::Repository& repository = opened.session.repository();
  TRY(const repo::Snapshot snapshot,
      Select(repository, opened.snapshots, request.snapshot, request.identity, std::nullopt, stop));
  result.snapshot = snapshot.id.Hex();
  TRY_VOID(PrintTree(around.out, repository, snapshot, request.path, request.long_format,
                     around.json, stop));
  return result;
}

}  // namespace holdfast::engine
