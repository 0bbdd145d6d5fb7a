// Tries again what may work the second time.
#pragma once

#include <chrono>
#include <memory>

#include "jobs/storage/decorator.h"
#include "jobs/storage/sleeper.h"

namespace holdfast::storage {

// The longest wait before attempt n + 1 is first_delay * 2^(n - 1), never above max_delay; the real
// one is anything from zero to that ("full jitter"), so that movers hit by the same outage do not
// return together. With these values the eleven waits sum to at most 5 minutes (0.5 + 1 + ... + 32
// + 4 * 60 seconds), to half of that on average.
struct RetryOptions {
  int attempts = 12;
  std::chrono::milliseconds first_delay{500};
  std::chrono::milliseconds max_delay{60'000};
  // No attempt starts later than this after the first one.
  std::chrono::milliseconds total{600'000};
};

// Only errors that IsRetryable, and not kNoPlace. The last error is returned, with the number of
// attempts.
class Retry final : public Decorator {
 public:
  // `sleeper` must outlive it.
  explicit Retry(std::unique_ptr<Backend> inner, RetryOptions options = {},
                 Sleeper& sleeper = SystemSleeper());

  // An attempt may have stored the object although its answer was lost: AlreadyExists after a
  // failed attempt is success when the object has exactly these bytes.
  Result<void> Save(const Handle& handle, ByteView data, std::stop_token stop) override;
  Result<void> Replace(const Handle& handle, ByteView data, std::stop_token stop) override;
  Result<Bytes> Load(const Handle& handle, std::uint64_t offset, std::uint64_t length,
                     std::stop_token stop) override;
  Result<void> LoadInto(const Handle& handle, std::uint64_t offset, std::span<std::uint8_t> into,
                        std::stop_token stop) override;
  Result<FileInfo> Stat(const Handle& handle, std::stop_token stop) override;
  // Collects the whole listing (about 150 bytes per object) before the first visit, as a listing
  // that fails half-way starts over; errors of `visit` are not retried.
  Result<void> List(FileType type, const std::function<Result<void>(const FileInfo&)>& visit,
                    std::stop_token stop) override;
  Result<void> Remove(const Handle& handle, std::stop_token stop) override;
  Result<std::uint64_t> RemoveLeftovers(std::stop_token stop) override;
  Result<std::optional<TimePoint>> RetainedUntil(const Handle& handle,
                                                 std::stop_token stop) override;
  Result<void> Retain(const Handle& handle, TimePoint until, std::stop_token stop) override;
  Result<void> ListVersions(const std::function<Result<void>(const ObjectVersion&)>& visit,
                            std::stop_token stop) override;
  Result<void> RemoveVersion(const ObjectVersion& version, std::stop_token stop) override;
  Result<void> RestoreVersion(const ObjectVersion& version, std::stop_token stop) override;

 private:
  template <typename Attempt>
  auto Repeat(const Attempt& attempt, const std::stop_token& stop) -> decltype(attempt());
  Result<void> WaitBefore(int attempt, Sleeper::Time start, const Error& error,
                          const std::stop_token& stop);

  const RetryOptions options_;
  Sleeper& sleeper_;
};

}  // namespace holdfast::storage
