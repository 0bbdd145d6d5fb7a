// Something that a service hands out for a while: keys of a role, an access token. It is fetched
// when first needed, kept, and fetched again shortly before it expires.
#pragma once

#include <functional>
#include <mutex>
#include <optional>
#include <utility>

#include "base/clock.h"
#include "base/error.h"

namespace holdfast::storage {

// Fetched anew when it expires sooner than this: a request that was just signed still arrives.
inline constexpr std::chrono::minutes kRenewBefore{5};

// Safe from many threads: one of them fetches, the others wait for it.
template <typename T>
class Expiring {
 public:
  struct Lease {
    T value;
    TimePoint until;
  };

  // `clock` must outlive it.
  explicit Expiring(const Clock& clock) : clock_(clock) {}

  // A failed renewal is no error while the old value still holds.
  template <typename Fetch>
  Result<T> Get(const Fetch& fetch) {
    const std::scoped_lock lock(mutex_);
    if (lease_ && clock_.Now() < lease_->until - kRenewBefore) return lease_->value;
    Result<Lease> fetched = fetch();
    if (fetched) lease_ = *std::move(fetched);
    const bool still_good = lease_ && clock_.Now() < lease_->until;
    if (!fetched && !still_good) return tl::make_unexpected(std::move(fetched).error());
    return lease_->value;
  }

  // Forgets the value, unless another thread renewed it since `refused` was handed out.
  void Drop(const T& refused) {
    const std::scoped_lock lock(mutex_);
    if (lease_ && lease_->value == refused) lease_.reset();
  }

 private:
  const Clock& clock_;
  std::mutex mutex_;
  std::optional<Lease> lease_;  // guarded by mutex_
};

}  // namespace holdfast::storage
