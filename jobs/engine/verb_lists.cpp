#include "jobs/engine/content_root.h"
#include "jobs/engine/listing.h"
#include "jobs/engine/news.h"
#include "jobs/engine/selection.h"
#include "jobs/engine/verb.h"

namespace holdfast::engine {
namespace {

using protocol::MoverResult;

void TellOfDamage(const std::vector<Error>& damaged, const Surroundings& around,
                  MoverResult& result) {
  ProblemList lost;
  for (const Error& error : damaged) lost.Add("the repository", error.message);
  CopyProblems(lost, result, around.warnings);
  JudgeDamage(result);
}

}  // namespace

Try<MoverResult> Execute(const SnapshotsRequest& request, const Surroundings& around,
                         std::stop_token stop) {
  TRY(Session session, Session::Open(around.session, LockKind::kShared, stop));
  std::vector<Error> damaged;
  TRY(Snapshots snapshots, session.repository().ListSnapshots(stop, &damaged));
  TRY(snapshots, Choose(session.repository(), std::move(snapshots),
                        {{}, request.identity, request.tag}, stop));
  PrintSnapshots(around.out, snapshots, around.json);
  MoverResult result;
  result.snapshots = snapshots.size();
  TellOfDamage(damaged, around, result);
  return result;
}

// What is damaged is warned of and left out; the rest is worth having.
Try<MoverResult> Execute(const BackupsRequest& request, const Surroundings& around,
                         std::stop_token stop) {
  TRY(Session session, Session::Open(around.session, LockKind::kNone, stop));
  MoverResult result;
  if (!request.unlike.empty()) {
    TRY(const bool news, AwaitNews(session.repository(), session.storage(), request,
                                   storage::SystemSleeper(), stop));
    result.seen = request.unlike;
    if (!news) return result;
  }
  TRY_VOID(session.TakeLock(LockKind::kShared, stop));
  std::vector<Error> damaged;
  TRY(const Snapshots snapshots, session.repository().ListSnapshots(stop, &damaged));
  RecordList list = ListRecords(snapshots, request);
  result.more = list.more;
  result.seen = protocol::DigestOf(list.records);
  PrintRecords(around.out, list.records, around.json);
  for (const auto& record : list.records) result.snapshots += record.volumes.size();
  TellOfDamage(damaged, around, result);
  return result;
}

Try<MoverResult> Execute(const LsRequest& request, const Surroundings& around,
                         std::stop_token stop) {
  MoverResult result;
  TRY(OpenedSnapshot opened,
      OpenOne(around, request.snapshot, request.identity, std::nullopt, stop));
  result.snapshot = opened.snapshot.id.Hex();
  if (request.strip_path) {
    TRY(opened.snapshot,
        FromContentRoot(opened.session.repository(), std::move(opened.snapshot), stop));
  }
  TRY(const ProblemList damaged,
      PrintTree(around.out, opened.session.repository(), opened.snapshot, request.path,
                {request.long_format, around.json, request.recurse}, stop));
  CopyProblems(damaged, result, around.warnings);
  JudgeDamage(result);
  return result;
}

}  // namespace holdfast::engine
