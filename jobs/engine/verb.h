// What the verbs' implementations share (verb_*.cpp); verbs.h is for everybody else.
#pragma once

#include <functional>
#include <optional>
#include <stop_token>
#include <string>
#include <utility>
#include <vector>

#include "jobs/engine/verbs.h"

namespace holdfast::engine {

using Snapshots = std::vector<repo::Snapshot>;

// One per request; each opens the repository, does its work under the right lock and fills a
// result.
Try<protocol::MoverResult> Execute(const InitRequest& request, const Surroundings& around,
                                   std::stop_token stop);
Try<protocol::MoverResult> Execute(const BackupRequest& request, const Surroundings& around,
                                   std::stop_token stop);
Try<protocol::MoverResult> Execute(const RestoreRequest& request, const Surroundings& around,
                                   std::stop_token stop);
Try<protocol::MoverResult> Execute(const ForgetRequest& request, const Surroundings& around,
                                   std::stop_token stop);
Try<protocol::MoverResult> Execute(const PruneRequest& request, const Surroundings& around,
                                   std::stop_token stop);
Try<protocol::MoverResult> Execute(const CopyRequest& request, const Surroundings& around,
                                   std::stop_token stop);
Try<protocol::MoverResult> Execute(const KeyRequest& request, const Surroundings& around,
                                   std::stop_token stop);
Try<protocol::MoverResult> Execute(const MigrateRequest& request, const Surroundings& around,
                                   std::stop_token stop);
Try<protocol::MoverResult> Execute(const CheckRequest& request, const Surroundings& around,
                                   std::stop_token stop);
Try<protocol::MoverResult> Execute(const UnlockRequest& request, const Surroundings& around,
                                   std::stop_token stop);
Try<protocol::MoverResult> Execute(const SnapshotsRequest& request, const Surroundings& around,
                                   std::stop_token stop);
Try<protocol::MoverResult> Execute(const BackupsRequest& request, const Surroundings& around,
                                   std::stop_token stop);
Try<protocol::MoverResult> Execute(const LsRequest& request, const Surroundings& around,
                                   std::stop_token stop);

Try<protocol::MoverResult> Execute(const FindRequest& request, const Surroundings& around,
                                   std::stop_token stop);
Try<protocol::MoverResult> Execute(const DumpRequest& request, const Surroundings& around,
                                   std::stop_token stop);
Try<protocol::MoverResult> Execute(const DiffRequest& request, const Surroundings& around,
                                   std::stop_token stop);
Try<protocol::MoverResult> Execute(const StatsRequest& request, const Surroundings& around,
                                   std::stop_token stop);
Try<protocol::MoverResult> Execute(const UndeleteRequest& request, const Surroundings& around,
                                   std::stop_token stop);
Try<protocol::MoverResult> Execute(const WatchRequest& request, const Surroundings& around,
                                   std::stop_token stop);
Try<protocol::MoverResult> Execute(const StayRequest& request, const Surroundings& around,
                                   std::stop_token stop);

// Stops the work when the caller asks or when the lock is lost: then others may think us dead.
class Work {
 public:
  Work(std::stop_token outer, std::stop_token lost)
      : lost_(lost),
        on_outer_(std::move(outer), [this] { source_.request_stop(); }),
        on_lost_(std::move(lost), [this] { source_.request_stop(); }) {}

  std::stop_token stop() const { return source_.get_token(); }
  bool lock_was_lost() const { return lost_.stop_requested(); }

 private:
  std::stop_source source_;
  std::stop_token lost_;
  std::stop_callback<std::function<void()>> on_outer_;
  std::stop_callback<std::function<void()>> on_lost_;
};

Error LockLost();

// Runs `body` with a stop token that also ends with the session's lock, and says so.
template <typename Body>
auto UnderLock(Session& session, std::stop_token stop, Body body) {
  Work work(std::move(stop), session.lost());
  auto outcome = body(work.stop());
  if (!outcome && work.lock_was_lost()) outcome = tl::make_unexpected(LockLost());
  return outcome;
}

struct OpenedSnapshots {
  Session session;
  Snapshots snapshots;
  ProblemList lost_snapshots = {}, lost_index_files = {};  // which cannot be read
};

// The snapshots are listed before the index is loaded, so that the index knows all they need.
// Corrupt when any of them is damaged: who writes must know everything.
Try<OpenedSnapshots> OpenAll(const Surroundings& around, LockKind lock, std::stop_token stop);
// The same for who reads: goes on with what is not damaged, and warns of the rest.
Try<OpenedSnapshots> OpenDamaged(const Surroundings& around, std::stop_token stop);
// And looks into the packs for what lost index files listed.
Try<OpenedSnapshots> OpenReadable(const Surroundings& around, std::stop_token stop);

// The snapshots that a verb is about, counted. A damaged one may be meant unless all are named.
Result<Snapshots> ChooseReadable(OpenedSnapshots& opened, const SnapshotFilter& filter,
                                 protocol::MoverResult& result, std::stop_token stop);

// "latest" of an identity, not after `as_of`; or by id. NotFound.
Result<repo::Snapshot> Select(repo::Repository& repository, const Snapshots& snapshots,
                              const std::string& name, const protocol::Identity& identity,
                              std::optional<TimePoint> as_of, std::stop_token stop);

struct OpenedSnapshot {
  Session session;
  repo::Snapshot snapshot;
};

// OpenReadable and Select.
Try<OpenedSnapshot> OpenOne(const Surroundings& around, const std::string& name,
                            const protocol::Identity& identity, std::optional<TimePoint> as_of,
                            std::stop_token stop);

// "4a5b:/sub/folder" names a directory in the snapshot, as in restic.
std::pair<std::string, std::optional<std::string>> SplitSnapshotName(const std::string& name);

// Counts and keeps what went wrong with single entries, and was said already.
void KeepProblems(const ProblemList& problems, protocol::MoverResult& result);
// Says it too.
void CopyProblems(const ProblemList& problems, protocol::MoverResult& result,
                  std::ostream& warnings);
// Exit code 23 and a message, if the verb had to leave anything out.
void JudgeDamage(protocol::MoverResult& result);

}  // namespace holdfast::engine
