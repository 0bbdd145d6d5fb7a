// restic's locks: many readers and writers, or one that removes (FORMAT.md, "Locks").
//
// restic calls a lock stale by its age. We know better for our own: a lock's hostname is its
// holder, and the operator tells every mover which holders are dead (docs/design/0002). Locks of
// the dead are removed at once; all others stand until they are 30 minutes old and somebody calls
// RemoveStaleLocks.
#pragma once

#include <chrono>
#include <condition_variable>
#include <memory>
#include <mutex>
#include <stop_token>
#include <string>
#include <thread>
#include <vector>

#include "base/clock.h"
#include "base/error.h"
#include "jobs/repo/id.h"
#include "jobs/repo/repository.h"

namespace holdfast::repo {

inline constexpr std::chrono::minutes kLockRefresh{5};
inline constexpr std::chrono::minutes kLockStaleAfter{30};

struct LockInfo {
  Id id;  // the file's name; not part of the JSON
  TimePoint time{};
  bool exclusive = false;
  std::string hostname, username;
  int pid = 0;
  std::uint32_t uid = 0, gid = 0;
};

std::string EncodeLock(const LockInfo& lock);
// Corrupt when malformed. `id` is left null.
Result<LockInfo> DecodeLock(ByteView text);

struct LockRequest {
  bool exclusive = false;
  // Who we are, written into the lock as its hostname: "<cluster>/<namespace>/<pod>" in a mover's
  // pod, this machine's name in a run by hand.
  std::string holder;
  // Holders known to be gone for good. Nobody who is not named here is taken for dead: a list made
  // a moment ago cannot know who started since.
  std::vector<std::string> dead_holders;
  const Clock* clock = nullptr;  // the system's when not given
  // Between creating the lock and looking again. None is needed where a listing shows what was
  // stored before it, as every supported store does (docs/design/0004).
  std::chrono::milliseconds settle{0};
  // How long to wait while others stand in the way, looking again every `poll`. Meanwhile there is
  // no lock of ours, so that nobody is kept out by somebody who only waits.
  std::chrono::milliseconds wait{0};
  std::chrono::milliseconds poll{2000};
};

// A held lock; refreshed in the background every kLockRefresh, removed when it goes. The repository
// must outlive it. Not for use from two threads at once, except `lost`.
class Lock {
 public:
  // Conflict, naming the holder and since when, when another lock stands in the way for longer than
  // `request.wait` (the mover exits 11); those of dead holders do not, and are removed. On any
  // Error the lock file is gone again, or was never there.
  static Result<std::unique_ptr<Lock>> Acquire(Repository& repository, const LockRequest& request,
                                               std::stop_token stop);
  // Releases; an Error in that is dropped: the lock then ages, or its holder is seen dead.
  ~Lock();

  // Removes the lock file also when a stop was requested. Success when released already.
  Result<void> Release();

  // A stop is requested here once the lock could not be refreshed for kLockStaleAfter, or was
  // removed by somebody: the work under it must end, others may think it dead.
  std::stop_token lost() const { return lost_.get_token(); }

  // Refreshes now, as the background thread does.
  Result<void> Refresh();

 private:
  Lock(Repository& repository, LockInfo info, const Clock& clock);
  static Result<std::unique_ptr<Lock>> TryOnce(Repository& repository, const LockRequest& request,
                                               std::stop_token stop);
  Result<void> RefreshNow(std::stop_token stop);
  void RefreshLoop(std::stop_token stop);

  Repository& repository_;
  const Clock& clock_;
  std::mutex mutex_;
  std::condition_variable_any wake_;
  LockInfo info_;
  bool held_ = true;
  std::stop_source lost_;
  std::jthread refresher_;
};

// Every lock there is; files that are empty or vanish meanwhile are left out.
Result<std::vector<LockInfo>> ListLocks(Repository& repository, std::stop_token stop);

// Removes the locks of `request.dead_holders`, and no others; contacts nothing when there are none.
// A lock that cannot be read is left: nobody knows whose it is.
Result<void> RemoveLocksOfTheDead(Repository& repository, const LockRequest& request,
                                  std::stop_token stop);

// For `unlock`: removes the locks of `request.dead_holders` and every lock older than
// kLockStaleAfter; with `all`, every lock. Returns those removed.
Result<std::vector<LockInfo>> RemoveStaleLocks(Repository& repository, const LockRequest& request,
                                               bool all, std::stop_token stop);

}  // namespace holdfast::repo
