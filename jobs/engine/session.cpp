#include "jobs/engine/session.h"

#include <array>
#include <fstream>
#include <set>
#include <utility>

#include <unistd.h>

#include "jobs/protocol/args.h"
#include "jobs/repo/key.h"
#include "jobs/storage/retry.h"
#include "jobs/storage/trace.h"

namespace holdfast::engine {
namespace {

using protocol::ExitCode;

// What an error means at the mover's boundary, where storage and locks are the subject.
ExitCode ExitOf(const Error& error) {
  if (error.code == storage::kNoPlace) return ExitCode::kNoBucket;
  if (error.code == Code::kConflict) return ExitCode::kLocked;
  return protocol::ExitCodeFor(error);
}

Failure NoRepository(const storage::Backend& storage) {
  return {{Code::kNotFound, "there is no repository at " + storage.Location() +
                                "; create it with init, or correct --repo"},
          ExitCode::kNoRepository};
}

std::string Hostname() {
  std::array<char, 256> name{};
  if (::gethostname(name.data(), name.size() - 1) != 0) return "localhost";
  return name.data();
}

// The password is the file's content up to the first line's end: Secrets are often made by editors.
Result<std::string> ReadPasswordFile(const std::string& path) {
  std::ifstream file(path, std::ios::binary);
  if (!file && path == protocol::kPasswordFile)
    return Fail(Code::kInvalid,
                "there is no password: check spec.passwordSecret, the Secret it names and its key");
  if (!file) return Fail(Code::kInvalid, "cannot read the password file " + path);
  std::string password;
  std::getline(file, password);
  if (password.ends_with('\r')) password.pop_back();
  if (password.empty()) return Fail(Code::kInvalid, "the password file " + path + " is empty");
  return password;
}

}  // namespace

Result<std::string> ReadPassword(const std::string& file, const std::string& text) {
  if (!file.empty()) return ReadPasswordFile(file);
  if (!text.empty()) return text;
  return Fail(Code::kInvalid,
              "no password is given; name a file with it, or set the variable that "
              "--help names");
}

Failure::Failure(Error e) : error(std::move(e)), exit(ExitOf(error)) {}

Session::Session(SessionOptions options, std::unique_ptr<storage::Backend> storage)
    : options_(std::move(options)),
      plan_(PlanFor(DetectResources(), storage::IsRemote(options_.location))),
      storage_(std::move(storage)) {}
Session::Session(Session&&) noexcept = default;

Session::~Session() {
  if (lock_) static_cast<void>(lock_->Release());
}

Try<Session> Session::Connect(const SessionOptions& options) {
  if (options.location.empty())
    return tl::make_unexpected(
        Failure({Code::kInvalid, "no repository is named; give --repo or set RESTIC_REPOSITORY"}));
  if (options.storage.ca_file == protocol::kCaFile && !std::ifstream(protocol::kCaFile))
    return tl::make_unexpected(Failure(
        {Code::kInvalid,
         "there is no CA bundle: check spec.s3.caBundle, the object it names and its key"}));
  TRY(auto place, storage::Open(options.location, options.storage));
  auto traced = std::make_unique<storage::Trace>(std::move(place));
  std::unique_ptr<storage::Backend> top = std::move(traced);
  if (options.limits.upload_per_second != 0 || options.limits.download_per_second != 0)
    top = std::make_unique<storage::Limit>(std::move(top), options.limits);
  return Session(options, std::make_unique<storage::Retry>(std::move(top), options.retry));
}

Try<Session> Session::Open(const SessionOptions& options, LockKind lock, std::stop_token stop) {
  TRY(Session session, Connect(options));
  TRY_VOID(session.OpenRepository(stop));
  TRY_VOID(session.TakeLock(lock, stop));
  return session;
}

Result<std::string> Session::Password(const std::stop_token& stop) const {
  if (!options_.password_file.empty()) return ReadPasswordFile(options_.password_file);
  if (!options_.password.empty()) return options_.password;
  if (!options_.storage.rest_token_file.empty())
    return storage::GatewayPassword(options_.location, options_.storage, stop);
  return Fail(Code::kInvalid, "no password is given; use --password-file or set HOLDFAST_PASSWORD");
}

Try<void> Session::OpenRepository(std::stop_token stop) {
  TRY(std::string password, Password(stop));
  auto opened = repo::Repository::Unlock(*storage_, password, plan_.repository, stop);
  Wipe(password);
  if (!opened && opened.error().code == Code::kNotFound)
    return tl::make_unexpected(NoRepository(*storage_));
  if (!opened) return tl::make_unexpected(Failure(std::move(opened).error()));
  if (!*opened)
    return tl::make_unexpected(Failure(
        {Code::kDenied, "the password opens no key of the repository at " + storage_->Location() +
                            ": the password is wrong, or it is somebody else's repository"},
        ExitCode::kWrongPassword));
  key_id_ = (*opened)->key;
  repository_ = std::move((*opened)->repository);
  if (!options_.no_lock) TRY_VOID(repo::RemoveLocksOfTheDead(*repository_, Holder(), stop));
  return {};
}

Try<void> Session::CreateRepository(const repo::InitOptions& options, std::stop_token stop) {
  TRY(std::string password, Password(stop));
  auto made = repo::Repository::Init(*storage_, password, options, stop);
  Wipe(password);
  if (!made) return tl::make_unexpected(Failure(std::move(made).error()));
  repository_ = *std::move(made);
  return {};
}

Try<void> Session::TakeLock(LockKind kind, std::stop_token stop) {
  if (kind == LockKind::kExclusive && options_.no_lock)
    return tl::make_unexpected(Failure(
        {Code::kInvalid, "this needs the repository for itself alone; leave out --no-lock"}));
  if (kind == LockKind::kNone || options_.no_lock) return {};
  repo::LockRequest request = Holder();
  request.exclusive = kind == LockKind::kExclusive;
  request.wait = options_.lock_wait;
  auto lock = repo::Lock::Acquire(*repository_, request, stop);
  if (!lock) return tl::make_unexpected(Failure(std::move(lock).error()));
  lock_ = *std::move(lock);
  return {};
}

repo::LockRequest Session::Holder() const {
  repo::LockRequest request;
  request.holder = options_.holder.empty() ? Hostname() : options_.holder;
  request.dead_holders = options_.dead_holders;
  return request;
}

Result<std::vector<std::string>> Session::OtherHolders(std::stop_token stop) {
  TRY(const auto locks, repo::ListLocks(*repository_, stop));
  const std::string own = Holder().holder;
  std::set<std::string> holders;
  for (const repo::LockInfo& lock : locks) {
    if (lock.hostname != own) holders.insert(lock.hostname);
  }
  return std::vector<std::string>(holders.begin(), holders.end());
}

std::stop_token Session::lost() const { return lock_ ? lock_->lost() : std::stop_token(); }

}  // namespace holdfast::engine
