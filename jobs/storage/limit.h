// Bounds the bytes per second that cross a backend, up and down apart.
#pragma once

#include <memory>
#include <mutex>

#include "jobs/storage/decorator.h"
#include "jobs/storage/sleeper.h"

namespace holdfast::storage {

struct Limits {
  std::uint64_t upload_per_second = 0;    // bytes; 0 is no limit
  std::uint64_t download_per_second = 0;  // bytes; 0 is no limit
};

// A pace kept by booking: each transfer starts when those before it are paid for, so no single one
// is slowed down but their average keeps to the rate. Safe from many threads.
class Pace {
 public:
  Pace(std::uint64_t bytes_per_second, Sleeper& sleeper);

  // Waits until all earlier bookings are paid for, and books `bytes`. Cancelled on stop.
  Result<void> Take(std::uint64_t bytes, const std::stop_token& stop);
  // Books what was transferred already, without waiting.
  void Charge(std::uint64_t bytes);

 private:
  // Returns when the booking starts.
  Sleeper::Time Book(std::uint64_t bytes);

  const std::uint64_t rate_;
  Sleeper& sleeper_;
  std::mutex mutex_;
  Sleeper::Time paid_until_;  // guarded by mutex_
};

class Limit final : public Decorator {
 public:
  // `sleeper` must outlive it.
  Limit(std::unique_ptr<Backend> inner, Limits limits, Sleeper& sleeper = SystemSleeper());

  Result<void> Save(const Handle& handle, ByteView data, std::stop_token stop) override;
  Result<void> Replace(const Handle& handle, ByteView data, std::stop_token stop) override;
  Result<Bytes> Load(const Handle& handle, std::uint64_t offset, std::uint64_t length,
                     std::stop_token stop) override;
  Result<void> LoadInto(const Handle& handle, std::uint64_t offset, std::span<std::uint8_t> into,
                        std::stop_token stop) override;

 private:
  Pace up_;
  Pace down_;
};

}  // namespace holdfast::storage
