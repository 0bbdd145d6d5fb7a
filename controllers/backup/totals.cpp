#include "controllers/backup/totals.h"

#include <algorithm>

#include "base/quantity.h"
#include "controllers/policy/check.h"
#include "jobs/protocol/dump_name.h"

namespace holdfast::controllers::backup {
namespace {

using crds::RunState;

struct Sum {
  double done = 0;
  double total = 0;
  double rate = 0;
  int known = 0;
  int unknown = 0;
};

void Add(Sum& sum, const crds::VolumeBackup& volume, const VolumeWorld& world) {
  if (volume.state == RunState::kSucceeded || volume.state == RunState::kFailed) {
    if (volume.bytes == 0) return;
    sum.done += static_cast<double>(volume.bytes);
    sum.total += static_cast<double>(volume.bytes);
    ++sum.known;
  } else if (world.progress && world.progress->bytes_total != 0) {
    sum.done += static_cast<double>(world.progress->bytes_done);
    sum.total += static_cast<double>(world.progress->bytes_total);
    sum.rate += static_cast<double>(world.progress->bytes_per_second);
    ++sum.known;
  } else {
    ++sum.unknown;
  }
}

// 99 at most: 100% is for what is over.
std::string Percent(double done, double total) {
  const double percent = std::min(99.0, 100 * done / total);
  return std::to_string(static_cast<int>(percent)) + "%";
}

std::string PerSecond(double bytes) { return HumanBytes(static_cast<std::uint64_t>(bytes)) + "/s"; }

}  // namespace

int CountOver(const crds::BackupStatus& status) {
  return static_cast<int>(
      std::ranges::count_if(status.volumes, [](const auto& volume) { return IsOver(volume); }));
}

bool AllOver(const crds::BackupStatus& status) {
  return std::ranges::all_of(status.volumes, [](const auto& volume) { return IsOver(volume); });
}

std::string VolumesAndDumps(const crds::BackupStatus& status) {
  const auto dumps = static_cast<std::size_t>(std::ranges::count_if(
      status.volumes, [](const auto& volume) { return protocol::IsDump(volume.claim); }));
  return controllers::VolumesAndDumps(status.volumes.size() - dumps, dumps);
}

void SetProgress(const std::vector<VolumeWorld>& volumes, crds::BackupStatus& status) {
  Sum sum;
  for (std::size_t i = 0; i < volumes.size(); ++i) Add(sum, status.volumes[i], volumes[i]);
  // A look that learns nothing, between two movers for instance, leaves what was shown.
  if (sum.known == 0 || sum.total <= 0) return;
  const double total = sum.total + sum.unknown * (sum.total / sum.known);
  status.eta.clear();
  status.throughput = sum.rate > 0 ? PerSecond(sum.rate) : "";
  status.progress = Percent(sum.done, total);
  if (sum.rate > 0)
    status.eta = HumanDuration(std::chrono::seconds(
        static_cast<std::int64_t>(std::max(0.0, total - sum.done) / sum.rate)));
}

void SetSums(crds::BackupStatus& status) {
  std::int64_t files = 0, bytes = 0, read = 0, added = 0, unreadable = 0;
  bool any = false;
  for (const crds::VolumeBackup& volume : status.volumes) {
    if (volume.snapshot.empty()) continue;
    any = true;
    files += volume.files;
    bytes += volume.bytes;
    read += volume.bytes_read;
    added += volume.bytes_added;
    unreadable += volume.unreadable;
  }
  if (any) {
    status.files = files;
    status.bytes = bytes;
    status.size = HumanBytes(static_cast<std::uint64_t>(bytes));
    status.bytes_read = read;
    status.bytes_added = added;
    status.added = HumanBytes(static_cast<std::uint64_t>(added));
    status.unreadable = unreadable;
  }
  if (!IsOver(status)) return;
  status.eta.clear();
  status.throughput.clear();
  status.progress = status.phase == crds::BackupPhase::kSucceeded ? "100%" : "";
  if (!status.start_time || !status.completion_time) return;
  const auto took = std::chrono::duration_cast<std::chrono::seconds>(*status.completion_time -
                                                                     *status.start_time);
  status.duration = HumanDuration(took);
  if (read > 0 && took.count() > 0)
    status.throughput = PerSecond(static_cast<double>(read) / static_cast<double>(took.count()));
}

}  // namespace holdfast::controllers::backup
