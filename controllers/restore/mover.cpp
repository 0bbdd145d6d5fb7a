#include "controllers/restore/mover.h"

#include <algorithm>

#include "controllers/kinds.h"
#include "controllers/labels.h"
#include "controllers/mover_job.h"
#include "controllers/restore/decide.h"

namespace holdfast::controllers::restore {
namespace {

// Kubernetes refuses 0, and a mover that was only just allowed to start may as well try.
constexpr std::chrono::seconds kLeastTime{60};

std::string OverwriteWord(crds::Overwrite overwrite) {
  switch (overwrite) {
    case crds::Overwrite::kAlways:
      return "always";
    case crds::Overwrite::kIfChanged:
      return "if-changed";
    case crds::Overwrite::kNever:
      return "never";
  }
  return "always";
}

std::vector<std::pair<std::uint32_t, std::uint32_t>> Pairs(
    const std::vector<crds::IdMapping>& mappings) {
  std::vector<std::pair<std::uint32_t, std::uint32_t>> pairs;
  for (const crds::IdMapping& id : mappings)
    pairs.emplace_back(static_cast<std::uint32_t>(id.from), static_cast<std::uint32_t>(id.to));
  return pairs;
}

std::chrono::seconds TimeLeft(const World& world) {
  const TimePoint started = world.restore.status.start_time.value_or(world.now);
  return std::max(kLeastTime, std::chrono::duration_cast<std::chrono::seconds>(
                                  DeadlineOf(world.restore, started) - world.now));
}

}  // namespace

protocol::RestoreArgs ArgsFor(const World& world, const crds::VolumeRestore& volume,
                              const Settings& settings) {
  const crds::RestoreSpec& spec = world.restore.spec;
  protocol::RestoreArgs args;
  args.repository = RepositoryArgsFor(*world.repository, settings);
  args.snapshot = volume.snapshot;
  if (args.snapshot.empty()) {
    args.identity = {spec.source.host, spec.source.path};
    const auto until =
        spec.source.as_of ? spec.source.as_of : world.restore.metadata.creation_timestamp;
    args.as_of = FormatTime(until.value_or(world.now));
  }
  args.paths = spec.paths;
  args.overwrite = OverwriteWord(spec.overwrite);
  args.delete_extra = spec.delete_extra;
  args.verify = spec.verify;
  args.uids = Pairs(spec.owners.uids);
  args.gids = Pairs(spec.owners.gids);
  return args;
}

Result<Json> BuildMover(const World& world, const crds::VolumeRestore& volume,
                        const crds::MoverSecurityContext& inherited, bool device,
                        const Settings& settings) {
  const crds::Restore& restore = world.restore;
  MoverJob job;
  job.key = {restore.metadata.namespace_, MoverName(restore, volume.claim)};
  job.owner = ReferenceTo(restore);
  job.labels = {{kVerbLabel, "restore"},
                {kRestoreLabel, restore.metadata.name},
                {kRepositoryLabel, restore.status.repository},
                {kClaimLabel, volume.claim}};
  job.command_line = protocol::CommandLine(ArgsFor(world, volume, settings));
  job.repository = &*world.repository;
  job.claim = volume.claim;
  job.claim_read_only = false;
  job.claim_is_device = device;
  job.inherited = inherited;
  job.mover = restore.spec.mover;
  job.retries = static_cast<int>(restore.spec.retries);
  job.deadline = TimeLeft(world);
  return BuildMoverJob(job, settings);
}

}  // namespace holdfast::controllers::restore
