#include "jobs/repo/lock.h"

#include <algorithm>
#include <optional>
#include <utility>

#include <spdlog/fmt/fmt.h>
#include <unistd.h>

#include "base/json.h"
#include "base/log.h"
#include "jobs/repo/json_text.h"

namespace holdfast::repo {
namespace {

using storage::FileType;

// After a failed refresh: soon enough to try many times before the lock counts as stale.
constexpr std::chrono::seconds kRetryRefresh{30};

const Clock& ClockOf(const LockRequest& request) {
  static const SystemClock system;
  return request.clock != nullptr ? *request.clock : system;
}

bool HolderIsDead(const LockInfo& lock, const LockRequest& request) {
  return std::ranges::find(request.dead_holders, lock.hostname) != request.dead_holders.end();
}

bool IsStale(const LockInfo& lock, const LockRequest& request, TimePoint now) {
  return HolderIsDead(lock, request) || now - lock.time > kLockStaleAfter;
}

// nullopt when the file was empty (a torn upload) or vanished meanwhile.
Result<std::optional<LockInfo>> ReadLock(Repository& repository, const FileEntry& file,
                                         std::stop_token stop) {
  if (file.size == 0) return std::nullopt;
  const Result<Bytes> text = repository.LoadFile(FileType::kLock, file, stop);
  if (!text && IsAbsent(text.error())) return std::nullopt;
  if (!text) return tl::make_unexpected(text.error());
  Result<LockInfo> lock = DecodeLock(*text);
  if (!lock)
    return tl::make_unexpected(WithContext("lock " + file.id.Short(), std::move(lock).error()));
  lock->id = file.id;
  return *std::move(lock);
}

Error InTheWay(const LockInfo& other, TimePoint now) {
  const auto age = std::chrono::duration_cast<std::chrono::seconds>(now - other.time);
  return {
      Code::kConflict,
      fmt::format("the repository is locked {}by {} (process {}, user {}) since {}, {} ago",
                  other.exclusive ? "exclusively " : "", other.hostname, other.pid, other.username,
                  FormatTime(other.time), HumanDuration(std::max(age, std::chrono::seconds(0))))};
}

Result<void> RemoveDead(Repository& repository, const LockInfo& lock, std::stop_token stop) {
  Log(spdlog::level::info, "lock", "removing the lock of a holder that is gone",
      {{"holder", lock.hostname}, {"lock", lock.id.Short()}});
  return repository.RemoveFile(FileType::kLock, lock.id, stop);
}

// Conflict when a lock other than `own` stands in the way; removes those of the dead.
Result<void> CheckOthers(Repository& repository, const LockRequest& request, const Id& own,
                         std::stop_token stop) {
  TRY(const std::vector<FileEntry> files, repository.ListFiles(FileType::kLock, stop));
  for (const FileEntry& file : files) {
    if (file.id == own) continue;
    TRY(const std::optional<LockInfo> lock, ReadLock(repository, file, stop));
    if (!lock) continue;
    if (HolderIsDead(*lock, request)) {
      TRY_VOID(RemoveDead(repository, *lock, stop));
    } else if (request.exclusive || lock->exclusive) {
      return tl::make_unexpected(InTheWay(*lock, ClockOf(request).Now()));
    }
  }
  return {};
}

Result<void> Pause(std::chrono::milliseconds time, std::stop_token stop) {
  std::mutex mutex;
  std::unique_lock lock(mutex);
  std::condition_variable_any wake;
  wake.wait_for(lock, stop, time, [] { return false; });
  if (stop.stop_requested()) return Fail(Code::kCancelled, "stopped while locking");
  return {};
}

LockInfo NewLock(const LockRequest& request) {
  LockInfo info;
  info.time = ClockOf(request).Now();
  info.exclusive = request.exclusive;
  info.hostname = request.holder;
  info.username = "holdfast";
  info.pid = getpid();
  info.uid = getuid();
  info.gid = getgid();
  return info;
}

}  // namespace

std::string EncodeLock(const LockInfo& lock) {
  std::string text;
  JsonObjectWriter object(text);
  object.String("time", FormatTimeNanos(lock.time));
  object.Bool("exclusive", lock.exclusive);
  object.String("hostname", lock.hostname);
  object.String("username", lock.username);
  object.Number("pid", static_cast<std::uint64_t>(lock.pid));
  object.NumberUnlessZero("uid", lock.uid);
  object.NumberUnlessZero("gid", lock.gid);
  object.Close();
  return text;
}

Result<LockInfo> DecodeLock(ByteView text) {
  const Result<Json> json = ParseJson(AsText(text));
  if (!json) return Fail(Code::kCorrupt, "not a JSON document");
  const Result<TimePoint> time = ParseTime(FindString(*json, {"time"}));
  const Json* exclusive = Find(*json, {"exclusive"});
  if (!time || exclusive == nullptr || !exclusive->is_boolean())
    return Fail(Code::kCorrupt, "a lock lacks its time or kind");
  LockInfo lock;
  lock.time = *time;
  lock.exclusive = exclusive->get<bool>();
  lock.hostname = FindString(*json, {"hostname"});
  lock.username = FindString(*json, {"username"});
  lock.pid = static_cast<int>(FindInt(*json, {"pid"}).value_or(0));
  lock.uid = static_cast<std::uint32_t>(FindInt(*json, {"uid"}).value_or(0));
  lock.gid = static_cast<std::uint32_t>(FindInt(*json, {"gid"}).value_or(0));
  return lock;
}

Lock::Lock(Repository& repository, LockInfo info, const Clock& clock)
    : repository_(repository), clock_(clock), info_(std::move(info)) {}

Result<std::unique_ptr<Lock>> Lock::Acquire(Repository& repository, const LockRequest& request,
                                            std::stop_token stop) {
  if (request.holder.empty()) return Fail(Code::kInvalid, "a lock needs the name of its holder");
  const auto deadline = std::chrono::steady_clock::now() + request.wait;
  while (true) {
    auto lock = TryOnce(repository, request, stop);
    const auto left = std::chrono::duration_cast<std::chrono::milliseconds>(
        deadline - std::chrono::steady_clock::now());
    if (lock || lock.error().code != Code::kConflict || left.count() <= 0) return lock;
    Log(spdlog::level::info, "lock", "waiting", {{"reason", lock.error().message}});
    TRY_VOID(Pause(std::min(left, request.poll), stop));
  }
}

Result<std::unique_ptr<Lock>> Lock::TryOnce(Repository& repository, const LockRequest& request,
                                            std::stop_token stop) {
  TRY_VOID(CheckOthers(repository, request, Id(), stop));
  LockInfo info = NewLock(request);
  const SealedFile file = repository.SealFile(AsBytes(EncodeLock(info)));
  info.id = file.id;
  // From here on the destructor removes the file, also when saving it failed half-way.
  std::unique_ptr<Lock> lock(new Lock(repository, std::move(info), ClockOf(request)));
  TRY_VOID(repository.SaveSealed(FileType::kLock, file, stop));
  TRY_VOID(Pause(request.settle, stop));
  TRY_VOID(CheckOthers(repository, request, file.id, stop));
  lock->refresher_ =
      std::jthread([raw = lock.get()](std::stop_token end) { raw->RefreshLoop(end); });
  return lock;
}

Lock::~Lock() { (void)Release(); }

Result<void> Lock::Release() {
  refresher_ = {};  // stops and joins
  const std::lock_guard guard(mutex_);
  if (!held_) return {};
  // Without the caller's stop token: a lock must go also when the work is cut short.
  TRY_VOID(repository_.RemoveFile(FileType::kLock, info_.id, {}));
  held_ = false;
  return {};
}

Result<void> Lock::Refresh() { return RefreshNow({}); }

// A new file first, then the old one is removed: at no time is there none.
Result<void> Lock::RefreshNow(std::stop_token stop) {
  const std::lock_guard guard(mutex_);
  const auto old = repository_.storage().Stat({FileType::kLock, info_.id.Hex()}, stop);
  if (!old) {
    if (IsAbsent(old.error())) lost_.request_stop();
    return tl::make_unexpected(WithContext("own lock " + info_.id.Short(), old.error()));
  }
  LockInfo fresh = info_;
  fresh.time = clock_.Now();
  const SealedFile file = repository_.SealFile(AsBytes(EncodeLock(fresh)));
  if (auto saved = repository_.SaveSealed(FileType::kLock, file, stop); !saved) {
    (void)repository_.RemoveFile(FileType::kLock, file.id, {});
    return saved;
  }
  fresh.id = std::exchange(info_, fresh).id;
  info_.id = file.id;
  return repository_.RemoveFile(FileType::kLock, fresh.id, {});
}

void Lock::RefreshLoop(std::stop_token stop) {
  std::chrono::seconds pause = kLockRefresh;
  std::mutex mutex;
  std::unique_lock guard(mutex);
  while (!wake_.wait_for(guard, stop, pause, [&] { return lost_.stop_requested(); }) &&
         !stop.stop_requested()) {
    const Result<void> refreshed = RefreshNow(stop);
    pause = refreshed ? std::chrono::seconds(kLockRefresh) : kRetryRefresh;
    if (refreshed) continue;
    Log(spdlog::level::warn, "lock", "the lock could not be refreshed",
        {{"error", refreshed.error().message}});
    const std::lock_guard state(mutex_);
    if (clock_.Now() - info_.time > kLockStaleAfter) lost_.request_stop();
  }
}

Result<std::vector<LockInfo>> ListLocks(Repository& repository, std::stop_token stop) {
  TRY(const std::vector<FileEntry> files, repository.ListFiles(FileType::kLock, stop));
  std::vector<LockInfo> locks;
  for (const FileEntry& file : files) {
    TRY(std::optional<LockInfo> lock, ReadLock(repository, file, stop));
    if (lock) locks.push_back(*std::move(lock));
  }
  return locks;
}

Result<void> RemoveLocksOfTheDead(Repository& repository, const LockRequest& request,
                                  std::stop_token stop) {
  if (request.dead_holders.empty()) return {};
  TRY(const std::vector<FileEntry> files, repository.ListFiles(FileType::kLock, stop));
  for (const FileEntry& file : files) {
    const Result<std::optional<LockInfo>> lock = ReadLock(repository, file, stop);
    if (!lock && lock.error().code != Code::kCorrupt) return tl::make_unexpected(lock.error());
    if (!lock || !lock->has_value() || !HolderIsDead(**lock, request)) continue;
    TRY_VOID(RemoveDead(repository, **lock, stop));
  }
  return {};
}

Result<std::vector<LockInfo>> RemoveStaleLocks(Repository& repository, const LockRequest& request,
                                               bool all, std::stop_token stop) {
  TRY(const std::vector<FileEntry> files, repository.ListFiles(FileType::kLock, stop));
  const TimePoint now = ClockOf(request).Now();
  std::vector<LockInfo> removed;
  for (const FileEntry& file : files) {
    Result<std::optional<LockInfo>> lock = ReadLock(repository, file, stop);
    if (!lock && !all) return tl::make_unexpected(std::move(lock).error());
    const bool known = lock && lock->has_value();
    if (!all && !(known && IsStale(**lock, request, now))) continue;
    TRY_VOID(repository.RemoveFile(FileType::kLock, file.id, stop));
    LockInfo info = known ? **std::move(lock) : LockInfo();
    info.id = file.id;
    removed.push_back(std::move(info));
  }
  return removed;
}

}  // namespace holdfast::repo
