// A backend that misbehaves once, at a chosen operation: a crash, a lost write, a torn object.
// A test runs a story once to count its operations, then once per operation with a fault there,
// and each time looks at what the backend beneath still holds.
#pragma once

#include <atomic>

#include "jobs/storage/backend.h"

namespace holdfast::fakes {

enum class FaultKind {
  kFail,        // nothing happens, and the caller hears so
  kLoseAnswer,  // it happens, but the caller hears that it failed
  kTruncate,    // half of the bytes are stored or returned: Save fails, Load succeeds
  kLose,        // a Save or Remove that says it worked does nothing; a Load fails
};

struct Fault {
  FaultKind kind = FaultKind::kFail;
  std::uint64_t at = 0;  // which operation, the first is 1; 0 is none
  // Power loss: each later operation fails too.
  bool dead_after = false;
  Code code = Code::kUnavailable;
};

// Every call is one operation. Safe from many threads.
class FaultBackend final : public storage::Backend {
 public:
  // `inner` must outlive it, so that the test can look at it afterwards.
  FaultBackend(storage::Backend& inner, Fault fault) : inner_(inner), fault_(fault) {}

  std::uint64_t operations() const { return operations_; }

  Result<void> Save(const storage::Handle& handle, ByteView data, std::stop_token stop) override;
  Result<void> Replace(const storage::Handle& handle, ByteView data, std::stop_token stop) override;
  Result<Bytes> Load(const storage::Handle& handle, std::uint64_t offset, std::uint64_t length,
                     std::stop_token stop) override;
  Result<storage::FileInfo> Stat(const storage::Handle& handle, std::stop_token stop) override;
  Result<void> List(storage::FileType type,
                    const std::function<Result<void>(const storage::FileInfo&)>& visit,
                    std::stop_token stop) override;
  Result<void> Remove(const storage::Handle& handle, std::stop_token stop) override;
  Result<std::uint64_t> RemoveLeftovers(std::stop_token stop) override;
  std::optional<std::chrono::seconds> RetentionPeriod() const override {
    return inner_.RetentionPeriod();
  }
  Result<std::optional<TimePoint>> RetainedUntil(const storage::Handle& handle,
                                                 std::stop_token stop) override;
  Result<void> Retain(const storage::Handle& handle, TimePoint until,
                      std::stop_token stop) override;
  std::string Location() const override { return inner_.Location(); }

 private:
  // Counts the operation. What is to go wrong with it; nothing when all is well.
  const Fault* Next();
  Error Broken() const;

  storage::Backend& inner_;
  const Fault fault_;
  const Fault dead_{FaultKind::kFail};
  std::atomic<std::uint64_t> operations_{0};
};

}  // namespace holdfast::fakes
