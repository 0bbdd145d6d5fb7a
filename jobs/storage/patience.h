// Stores that ask for time: what Retry-After says holds for every request of the process.
#pragma once

#include <mutex>

#include "jobs/storage/http.h"
#include "jobs/storage/sleeper.h"

namespace holdfast::storage {

// The longest pause that a store is granted: it bounds how late a run notices that it should give
// up, and a header is not trusted with more.
inline constexpr std::chrono::seconds kLongestPause{60};

// Safe from many threads.
class Patience {
 public:
  // `sleeper` must outlive it.
  explicit Patience(Sleeper& sleeper) : sleeper_(sleeper) {}

  // Waits out what Heed was told. Cancelled on stop.
  Result<void> Wait(const std::stop_token& stop);
  // Reads Retry-After (RFC 9110 section 10.2.3) of refusals that ask to come again: 408, 429 and
  // those from 500. Each caller waits up to a quarter longer than asked, so that movers that were
  // told the same do not return together.
  void Heed(const HttpResponse& response);

 private:
  Sleeper& sleeper_;
  std::mutex mutex_;
  Sleeper::Time not_before_{};  // guarded by mutex_
};

// Nothing when the header is absent or neither a number of seconds nor a date. A date counts from
// the answer's own Date, so that no clock of ours matters.
std::optional<std::chrono::seconds> RetryAfter(const HttpResponse& response);

}  // namespace holdfast::storage
