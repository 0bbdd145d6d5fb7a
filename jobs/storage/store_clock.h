// The store's time, learnt from its answers: a node's clock may be wrong, and signatures carry a
// time.
#pragma once

#include <atomic>

#include "base/clock.h"
#include "jobs/storage/http.h"

namespace holdfast::storage {

// Safe from many threads.
class StoreClock final : public Clock {
 public:
  // `clock` must outlive it.
  explicit StoreClock(const Clock& clock) : clock_(clock) {}

  TimePoint Now() const override { return clock_.Now() + std::chrono::seconds(skew_seconds_); }

  // Takes over the time of a refusal's Date header; whether that is news (by more than a minute),
  // so that the same request, signed anew, may succeed.
  bool Learn(const HttpResponse& response);

 private:
  const Clock& clock_;
  std::atomic<std::int64_t> skew_seconds_{0};  // the store's clock minus ours
};

}  // namespace holdfast::storage
