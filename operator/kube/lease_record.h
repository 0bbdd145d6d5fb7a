// What a Lease object says about who leads, and the decision whether it may be taken, without I/O.
#pragma once

#include <chrono>
#include <optional>
#include <string>

#include "base/clock.h"
#include "base/json.h"

namespace holdfast::kube {

// The spec of a coordination.k8s.io/v1 Lease.
struct LeaseRecord {
  std::string holder;  // empty after a release
  std::chrono::seconds duration{15};
  std::optional<TimePoint> acquired;
  std::optional<TimePoint> renewed;
  int transitions = 0;
  std::string resource_version;  // of the object; not part of the spec

  friend bool operator==(const LeaseRecord&, const LeaseRecord&) = default;
};

// Fields that are missing or odd read as an empty lease: anybody may take it.
LeaseRecord DecodeLease(const Json& lease);
Json LeaseSpec(const LeaseRecord& record);

// Watches one lease change. Only its own steady clock counts: the times in the record are for
// people, so a holder whose wall clock is wrong neither loses the lease nor keeps it for ever.
class LeaseObserver {
 public:
  using Timer = std::chrono::steady_clock;

  void Observe(const LeaseRecord& record, Timer::time_point now);

  // Whether `identity` may write itself into the lease last observed.
  bool MayTake(const std::string& identity, Timer::time_point now) const;

  const LeaseRecord& record() const { return record_; }

 private:
  LeaseRecord record_;
  Timer::time_point changed_{};
};

}  // namespace holdfast::kube
