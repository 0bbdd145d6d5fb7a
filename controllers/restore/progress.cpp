#include "controllers/restore/progress.h"

#include <algorithm>

#include "base/quantity.h"
#include "base/wording.h"

namespace holdfast::controllers::restore {
namespace {

std::int64_t Signed(std::uint64_t value) { return static_cast<std::int64_t>(value); }

std::string Percent(std::uint64_t done, std::uint64_t total) {
  return std::to_string(std::min<std::uint64_t>(100, done * 100 / total)) + "%";
}

void RecordResult(const protocol::MoverResult& result, crds::VolumeRestore& volume) {
  if (!result.snapshot.empty()) volume.snapshot = result.snapshot;
  volume.files = Signed(result.files);
  volume.bytes = Signed(result.bytes);
  volume.bytes_read = Signed(result.bytes_read);
  volume.bytes_written = Signed(result.bytes_added);
  if (result.duration_ms > 0)
    volume.bytes_per_second = Signed(result.bytes * 1000 / result.duration_ms);
  volume.metadata_failures = Signed(result.metadata_failures);
}

void RecordSuccess(const MoverState& state, bool maps_owners, crds::VolumeRestore& volume) {
  volume.state = crds::RunState::kSucceeded;
  volume.progress = "100%";
  if (volume.metadata_failures == 0) return;
  volume.message =
      Counted(static_cast<std::uint64_t>(volume.metadata_failures),
              "owner, mode, time or attribute", "owners, modes, times or attributes") +
      " could not be set" +
      (state.result && !state.result->message.empty() ? ": " + state.result->message : "");
  if (maps_owners)
    volume.message +=
        "; spec.owners gives files to others than the mover's own user and groups only where the "
        "mover is root (spec.mover.securityContext.runAsUser: 0)";
}

void RecordVolume(const Mover& mover, bool maps_owners, crds::VolumeRestore& volume) {
  const MoverState& state = mover.state;
  volume.job = mover.job.key.name;
  volume.pod = state.pod;
  volume.node = state.node;
  volume.attempts = state.attempts;
  if (state.result) RecordResult(*state.result, volume);
  switch (state.phase) {
    case MoverPhase::kWaiting:
      volume.state = crds::RunState::kPending;
      volume.message = state.message;
      break;
    case MoverPhase::kRunning:
      volume.state = crds::RunState::kRunning;
      volume.message.clear();
      if (mover.progress && mover.progress->bytes_total > 0)
        volume.progress = Percent(mover.progress->bytes_done, mover.progress->bytes_total);
      break;
    case MoverPhase::kSucceeded:
      volume.message.clear();
      RecordSuccess(state, maps_owners, volume);
      break;
    case MoverPhase::kFailed:
      volume.state = crds::RunState::kFailed;
      volume.message = state.message;
      break;
  }
}

}  // namespace

void RecordVolumes(const World& world, crds::RestoreStatus& status) {
  const crds::RestoreOwners& owners = world.restore.spec.owners;
  const bool maps_owners = !owners.uids.empty() || !owners.gids.empty();
  for (crds::VolumeRestore& volume : status.volumes) {
    const auto mover = world.movers.find(volume.claim);
    // What is to be restored once more has nothing to record until its mover begins anew.
    const bool spoiled = volume.state == crds::RunState::kSkipped;
    if (!Ended(volume) && !spoiled && mover != world.movers.end())
      RecordVolume(mover->second, maps_owners, volume);
  }
}

void RecordSums(const World& world, crds::RestoreStatus& status) {
  protocol::Progress sum;
  std::uint64_t slowest = 0;
  std::int64_t files = 0;
  std::int64_t bytes = 0;
  bool all_known = true;
  bool any_ended = false;
  for (const crds::VolumeRestore& volume : status.volumes) {
    const auto mover = world.movers.find(volume.claim);
    files += volume.files;
    bytes += volume.bytes;
    if (Ended(volume)) {
      any_ended = true;
      sum.bytes_done += static_cast<std::uint64_t>(volume.bytes);
      sum.bytes_total += static_cast<std::uint64_t>(volume.bytes);
    } else if (mover != world.movers.end() && mover->second.progress &&
               mover->second.progress->bytes_total > 0) {
      sum.bytes_done += mover->second.progress->bytes_done;
      sum.bytes_total += mover->second.progress->bytes_total;
      sum.bytes_per_second += mover->second.progress->bytes_per_second;
      slowest = std::max(slowest, mover->second.progress->eta_seconds.value_or(0));
    } else {
      all_known = false;
    }
  }
  // A share of an unknown whole would go backwards once the whole is known.
  if (all_known && sum.bytes_total > 0) status.progress = Percent(sum.bytes_done, sum.bytes_total);
  status.eta = slowest > 0 ? HumanDuration(std::chrono::seconds(slowest)) : "";
  if (sum.bytes_per_second > 0) status.throughput = HumanBytes(sum.bytes_per_second) + "/s";
  if (!any_ended) return;
  status.files = files;
  status.bytes = bytes;
  status.size = HumanBytes(static_cast<std::uint64_t>(bytes));
}

}  // namespace holdfast::controllers::restore
