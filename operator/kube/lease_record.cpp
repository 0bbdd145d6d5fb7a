#include "operator/kube/lease_record.h"

namespace holdfast::kube {
namespace {

std::optional<TimePoint> FindTime(const Json& lease, std::string_view field) {
  const Result<TimePoint> time = ParseTime(FindString(lease, {"spec", field}));
  return time ? std::optional(*time) : std::nullopt;
}

}  // namespace

LeaseRecord DecodeLease(const Json& lease) {
  LeaseRecord record;
  record.holder = FindString(lease, {"spec", "holderIdentity"});
  record.duration =
      std::chrono::seconds(FindInt(lease, {"spec", "leaseDurationSeconds"}).value_or(0));
  record.acquired = FindTime(lease, "acquireTime");
  record.renewed = FindTime(lease, "renewTime");
  record.transitions = static_cast<int>(FindInt(lease, {"spec", "leaseTransitions"}).value_or(0));
  record.resource_version = FindString(lease, {"metadata", "resourceVersion"});
  return record;
}

Json LeaseSpec(const LeaseRecord& record) {
  Json spec = {{"holderIdentity", record.holder},
               {"leaseDurationSeconds", record.duration.count()},
               {"leaseTransitions", record.transitions}};
  if (record.acquired) spec["acquireTime"] = FormatTimeMicros(*record.acquired);
  if (record.renewed) spec["renewTime"] = FormatTimeMicros(*record.renewed);
  return spec;
}

void LeaseObserver::Observe(const LeaseRecord& record, Timer::time_point now) {
  if (record == record_) return;
  record_ = record;
  changed_ = now;
}

bool LeaseObserver::MayTake(const std::string& identity, Timer::time_point now) const {
  if (record_.holder.empty() || record_.holder == identity) return true;
  return now - changed_ >= record_.duration;
}

}  // namespace holdfast::kube
