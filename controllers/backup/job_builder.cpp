#include "controllers/backup/job_builder.h"

#include <algorithm>

#include "controllers/backup/manifests.h"
#include "controllers/backup/staging.h"
#include "controllers/backup/volumes.h"
#include "controllers/kinds.h"
#include "controllers/labels.h"
#include "controllers/mover_job.h"

namespace holdfast::controllers::backup {
namespace {

protocol::BackupType TypeOf(crds::BackupType type) {
  switch (type) {
    case crds::BackupType::kFull:
      return protocol::BackupType::kFull;
    case crds::BackupType::kDifferential:
      return protocol::BackupType::kDifferential;
    case crds::BackupType::kIncremental:
      return protocol::BackupType::kIncremental;
  }
  return protocol::BackupType::kIncremental;
}

// The mover adds type= itself.
std::vector<std::string> TagsOf(const World& world, const crds::VolumeBackup& volume) {
  const std::string& ns = world.backup.metadata.namespace_;
  std::vector<std::string> tags = {"backup=" + ns + "/" + world.backup.metadata.name,
                                   "policy=" + ns + "/" + world.policy->metadata.name};
  if (const std::string set = SetNameOf(world, volume); !set.empty())
    tags.push_back("statefulset=" + set);
  if (!volume.pod.empty()) tags.push_back("pod=" + volume.pod);
  if (const crds::Dump* dump = FindDump(world.policy->spec, volume.claim))
    tags.push_back("dump=" + dump->name);
  // By it whoever reads the repository alone knows when all are there.
  tags.push_back("volumes=" + std::to_string(world.backup.status.volumes.size()));
  return tags;
}

// The policy was checked: its durations can be read.
protocol::DumpArgs DumpArgsOf(const crds::Dump& dump) {
  return {dump.file_name.empty() ? dump.name : dump.file_name,
          ParseDuration(dump.timeout).value_or(std::chrono::seconds(0))};
}

protocol::BackupArgs ArgsOf(const World& world, const crds::VolumeBackup& volume,
                            const Settings& settings) {
  protocol::BackupArgs args;
  args.repository = RepositoryArgsFor(*world.repository, settings);
  args.identity = {settings.cluster_name,
                   "/" + world.backup.metadata.namespace_ + "/" + volume.claim};
  args.type = TypeOf(world.backup.spec.type);
  args.tags = TagsOf(world, volume);
  args.excludes = world.policy->spec.target.exclude;
  args.unreadable_fail =
      world.policy->spec.failure_policy.unreadable_files == crds::UnreadableFiles::kFail;
  if (const crds::Dump* dump = FindDump(world.policy->spec, volume.claim))
    args.dump = DumpArgsOf(*dump);
  return args;
}

bool IsDevice(const World& world, const std::string& claim) {
  const auto seen = std::ranges::find(world.volumes, claim, &VolumeWorld::claim);
  return seen != world.volumes.end() && seen->source.block;
}

}  // namespace

Result<Json> BuildJob(const Observed& observed, const crds::VolumeBackup& volume,
                      const Settings& settings) {
  const World& world = observed.world;
  const crds::FailurePolicy& failure = world.policy->spec.failure_policy;
  MoverJob job;
  job.key = {world.backup.metadata.namespace_, JobNameFor(world.backup, volume.claim)};
  job.owner = ReferenceTo(world.backup);
  job.labels = {{kVerbLabel, "backup"},
                {kBackupLabel, world.backup.metadata.name},
                {kPolicyLabel, world.policy->metadata.name},
                {kRepositoryLabel, world.repository->metadata.name},
                {kClaimLabel, volume.claim}};
  protocol::BackupArgs args = ArgsOf(world, volume, settings);
  const manifests::Bundle* bundle = BundleFor(world, volume.claim);
  if (bundle != nullptr && bundle->problem.empty()) {
    args.manifests_path = protocol::ManifestsPath(job.key.ns, bundle->stateful_set);
    job.objects = bundle->objects;
    job.config_maps = bundle->config_maps;
    job.secrets = bundle->secrets;
  }
  job.command_line = protocol::CommandLine(args);
  job.repository = world.repository;
  job.dump = FindDump(world.policy->spec, volume.claim);
  if (job.dump == nullptr) job.claim = IsStaged(volume) ? job.key.name : volume.claim;
  job.claim_is_staged = IsStaged(volume);
  job.claim_is_device = IsDevice(world, volume.claim);
  job.node = volume.node;
  if (const auto found = observed.security.find(volume.claim); found != observed.security.end())
    job.inherited = found->second;
  job.mover = world.policy->spec.mover;
  job.retries = static_cast<int>(failure.retries);
  if (const auto deadline = ParseDuration(failure.deadline)) job.deadline = *deadline;
  return BuildMoverJob(job, settings);
}

}  // namespace holdfast::controllers::backup
