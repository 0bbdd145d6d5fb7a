// An open repository for one run of a verb: storage with its decorators, key, lock.
#pragma once

#include <chrono>
#include <memory>
#include <optional>
#include <stop_token>
#include <string>
#include <vector>

#include "base/error.h"
#include "jobs/engine/resources.h"
#include "jobs/protocol/exit_code.h"
#include "jobs/repo/lock.h"
#include "jobs/repo/repository.h"
#include "jobs/storage/backend.h"
#include "jobs/storage/limit.h"
#include "jobs/storage/open.h"
#include "jobs/storage/retry.h"

namespace holdfast::engine {

// An Error and the mover's exit code, where the code alone does not tell (a wrong password is
// Denied, a lock in the way is Conflict).
struct Failure {
  Error error;
  protocol::ExitCode exit;

  // NOLINTNEXTLINE(google-explicit-constructor): TRY passes Errors on.
  Failure(Error e);
  Failure(Error e, protocol::ExitCode code) : error(std::move(e)), exit(code) {}
};

template <typename T>
using Try = tl::expected<T, Failure>;

struct SessionOptions {
  std::string location;
  std::string password_file;  // empty: `password`
  std::string password;       // empty too: the gateway's, where storage.rest_token_file is set
  storage::OpenOptions storage;
  storage::Limits limits;
  storage::RetryOptions retry;
  bool no_lock = false;
  std::chrono::seconds lock_wait{0};  // for others' locks in the way of ours
  std::string holder;  // who we are in locks; empty: this machine's name, as restic has it
  // Holders known to be gone: their locks, and only theirs, are removed when the repository is
  // opened, unless `no_lock`.
  std::vector<std::string> dead_holders;
};

// The password in the file, up to its first line's end; without a file `text`. The caller wipes it.
// Invalid, saying what is missing.
Result<std::string> ReadPassword(const std::string& file, const std::string& text);

// kExclusive is for what removes or replaces objects that others may be reading or relying on; it
// cannot be had with `no_lock`.
enum class LockKind { kNone, kShared, kExclusive };

// Not safe from many threads.
class Session {
 public:
  // The storage only; nothing is contacted.
  static Try<Session> Connect(const SessionOptions& options);
  // Connect, unlock with the password, and take the lock. Exit codes as protocol/exit_code.h says.
  static Try<Session> Open(const SessionOptions& options, LockKind lock, std::stop_token stop);

  Session(Session&&) noexcept;
  Session& operator=(Session&&) = delete;
  ~Session();

  // Afterwards repository() may be called.
  Try<void> OpenRepository(std::stop_token stop);
  Try<void> CreateRepository(const repo::InitOptions& options, std::stop_token stop);
  Try<void> TakeLock(LockKind kind, std::stop_token stop);

  // How much of this machine the work may take.
  const WorkPlan& plan() const { return plan_; }
  repo::Repository& repository() { return *repository_; }
  storage::Backend& storage() { return *storage_; }

  // The key file that the password opened; only after OpenRepository.
  const repo::Id& key_id() const { return key_id_; }

  repo::LockRequest Holder() const;
  // The hostnames of all locks there are, each once, without our own.
  Result<std::vector<std::string>> OtherHolders(std::stop_token stop);
  // A stop is requested here when the lock is lost; never without a lock.
  std::stop_token lost() const;

 private:
  Session(SessionOptions options, std::unique_ptr<storage::Backend> storage);
  Result<std::string> Password(const std::stop_token& stop) const;

  SessionOptions options_;
  WorkPlan plan_;
  std::unique_ptr<storage::Backend> storage_;
  repo::Id key_id_;
  std::unique_ptr<repo::Repository> repository_;
  std::unique_ptr<repo::Lock> lock_;  // goes first: it uses the repository
};

}  // namespace holdfast::engine
