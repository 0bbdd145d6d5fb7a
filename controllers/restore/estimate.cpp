#include "controllers/restore/estimate.h"

#include <algorithm>
#include <cstdlib>
#include <tuple>

#include "base/quantity.h"
#include "controllers/restore/steps.h"

namespace holdfast::controllers::restore {
namespace {

using std::chrono::seconds;

constexpr std::size_t kLastRestores = 5;
// What is smaller says more about opening a repository than about moving data.
constexpr std::int64_t kLeastBytes = 16 << 20;
// Where nothing was measured yet: what one stream of an object store gives, or more.
constexpr std::int64_t kAssumedRate = 50 << 20;
// A Job's controller, the scheduler, a kubelet that has the image, the repository's key.
constexpr seconds kAssumedStart{5};

bool Succeeded(const crds::Restore& restore) {
  return restore.status.phase == crds::RestorePhase::kSucceeded && restore.status.completion_time;
}

// The last ones that succeeded, the newest first.
Restores Latest(Restores past) {
  std::erase_if(past, [](const auto& restore) { return !Succeeded(*restore); });
  std::ranges::sort(past, [](const auto& a, const auto& b) {
    return std::tie(a->status.completion_time, a->metadata.name) >
           std::tie(b->status.completion_time, b->metadata.name);
  });
  if (past.size() > kLastRestores) past.resize(kLastRestores);
  return past;
}

bool TellsTheRate(const crds::VolumeRestore& volume) {
  return volume.bytes >= kLeastBytes && volume.bytes_written >= volume.bytes / 2 &&
         volume.bytes_per_second > 0;
}

// Of the mover alone, without its pod's start.
double SecondsOf(const crds::VolumeRestore& volume) {
  return static_cast<double>(volume.bytes) / static_cast<double>(volume.bytes_per_second);
}

const crds::RestoreStep* StepOf(const crds::Restore& restore, const std::string& name) {
  const auto& steps = restore.status.steps;
  const auto found = std::ranges::find(steps, name, &crds::RestoreStep::name);
  return found != steps.end() && found->start_time && found->completion_time ? &*found : nullptr;
}

seconds Between(TimePoint from, TimePoint to) {
  return std::max(seconds(0), std::chrono::duration_cast<seconds>(to - from));
}

// What the step took beside its movers. nullopt where volumes had to wait for one another.
std::optional<seconds> StartOf(const crds::Restore& restore, std::int64_t slots) {
  const crds::RestoreStep* step = StepOf(restore, kRestoreStep);
  const auto& volumes = restore.status.volumes;
  if (step == nullptr || static_cast<std::int64_t>(volumes.size()) > slots) return std::nullopt;
  double longest = 0;
  for (const crds::VolumeRestore& volume : volumes)
    if (volume.bytes_per_second > 0) longest = std::max(longest, SecondsOf(volume));
  const seconds taken = Between(*step->start_time, *step->completion_time);
  return std::max(seconds(0), taken - seconds(static_cast<std::int64_t>(longest)));
}

// The smallest of them: one that took longer pulled the image, or waited for a node.
seconds MeasuredStart(const Restores& latest, std::int64_t slots) {
  std::optional<seconds> start;
  for (const auto& restore : latest)
    if (const auto one = StartOf(*restore, slots)) start = std::min(start.value_or(*one), *one);
  return start.value_or(kAssumedStart);
}

std::optional<TimePoint> FirstStart(const crds::RestoreStatus& status) {
  std::optional<TimePoint> first;
  for (const crds::RestoreStep& step : status.steps)
    if (step.name != kResolveStep && step.start_time)
      first = std::min(first.value_or(*step.start_time), *step.start_time);
  return first;
}

std::optional<seconds> AroundOf(const Restores& latest, const std::string& stateful_set) {
  for (const auto& restore : latest) {
    const crds::RestoreStep* step = StepOf(*restore, kRestoreStep);
    const auto first = FirstStart(restore->status);
    if (restore->spec.target.stateful_set != stateful_set || step == nullptr || !first) continue;
    return Between(*first, *restore->status.completion_time) -
           Between(*step->start_time, *step->completion_time);
  }
  return std::nullopt;
}

std::optional<std::int64_t> RateOf(const crds::Backup& backup) {
  const crds::BackupStatus& status = backup.status;
  if (!status.start_time || !status.completion_time) return std::nullopt;
  const std::int64_t bytes = status.bytes_read.value_or(0);
  const std::int64_t took =
      std::max<std::int64_t>(1, Between(*status.start_time, *status.completion_time).count());
  if (bytes < kLeastBytes) return std::nullopt;
  return bytes / took;
}

std::string Rate(std::int64_t bytes_per_second) {
  return HumanBytes(static_cast<std::uint64_t>(bytes_per_second)) + "/s";
}

// The volumes in their order, each by the slot that is free first.
std::int64_t SecondsOf(const Load& load, const Pace& pace) {
  const std::int64_t most = static_cast<std::int64_t>(load.volumes.size());
  const std::int64_t slots =
      std::clamp<std::int64_t>(load.slots, 1, std::max<std::int64_t>(1, most));
  std::vector<std::int64_t> busy_until(static_cast<std::size_t>(slots), 0);
  for (const std::int64_t bytes : load.volumes) {
    const std::int64_t transfer = (bytes + pace.bytes_per_second - 1) / pace.bytes_per_second;
    *std::ranges::min_element(busy_until) += pace.start.count() + transfer;
  }
  return *std::ranges::max_element(busy_until);
}

}  // namespace

std::optional<std::int64_t> MeasuredRate(const Restores& past) {
  double bytes = 0;
  double taken = 0;
  for (const auto& restore : Latest(past))
    for (const crds::VolumeRestore& volume : restore->status.volumes) {
      if (!TellsTheRate(volume)) continue;
      bytes += static_cast<double>(volume.bytes);
      taken += SecondsOf(volume);
    }
  if (taken <= 0) return std::nullopt;
  return std::max<std::int64_t>(1, static_cast<std::int64_t>(bytes / taken));
}

Pace PaceOf(const crds::BackupRepository& repository, const crds::Backup* backup,
            const Restores& past, const std::string& stateful_set) {
  const Restores latest = Latest(past);
  Pace pace;
  pace.start = MeasuredStart(latest, repository.spec.limits.concurrent_movers);
  if (!stateful_set.empty()) pace.around = AroundOf(latest, stateful_set);
  if (const auto& measured = repository.status.restore_bytes_per_second;
      measured && *measured > 0) {
    pace.bytes_per_second = *measured;
    pace.basis = "the last restores from this repository, " + Rate(*measured) + " a volume";
  } else if (const auto backed_up = backup == nullptr ? std::nullopt : RateOf(*backup)) {
    pace.bytes_per_second = *backed_up;
    pace.basis = "the speed of the Backup, " + Rate(*backed_up) +
                 ": nothing of some size has been restored from this repository yet";
  } else {
    pace.bytes_per_second = kAssumedRate;
    pace.basis = "an assumed " + Rate(kAssumedRate) +
                 " a volume: nothing of some size has been restored from this repository yet";
  }
  return pace;
}

crds::RestoreEstimate EstimateOf(const Load& load, const Pace& pace) {
  crds::RestoreEstimate estimate;
  for (const std::int64_t bytes : load.volumes) estimate.bytes += bytes;
  estimate.bytes_per_second = pace.bytes_per_second;
  estimate.seconds = SecondsOf(load, pace);
  estimate.basis = pace.basis;
  if (load.in_place && pace.around) estimate.seconds += pace.around->count();
  if (load.in_place && !pace.around)
    estimate.basis += "; without the time that the pods take to stop and to start";
  estimate.duration = HumanDuration(seconds(estimate.seconds));
  return estimate;
}

std::string Expectation(const crds::RestoreEstimate& estimate) {
  return "Expected to take " + estimate.duration + ", with " +
         HumanBytes(static_cast<std::uint64_t>(estimate.bytes)) + " to read at most.";
}

std::string ErrorOf(const crds::RestoreStatus& status) {
  const auto first = FirstStart(status);
  if (!status.estimate || !status.completion_time || !first) return "";
  const seconds took = Between(*first, *status.completion_time);
  const std::string text = "took " + HumanDuration(took);
  const std::int64_t expected = status.estimate->seconds;
  if (took.count() == expected) return text + ", as expected";
  const std::int64_t off = std::abs(took.count() - expected);
  const std::string share = expected > 0 ? std::to_string(off * 100 / expected) + " % "
                                         : HumanDuration(seconds(off)) + " ";
  return text + ", " + share + (took.count() < expected ? "less" : "more");
}

}  // namespace holdfast::controllers::restore
