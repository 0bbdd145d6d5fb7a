#include "controllers/policy/job_builder.h"

#include <algorithm>

#include "controllers/kinds.h"
#include "controllers/labels.h"
#include "controllers/mover_job.h"

namespace holdfast::controllers::policy {
namespace {

// Removing needs the repository for itself, so it may have to wait for other policies' movers: six
// attempts are ten minutes of Kubernetes' own backoff (10 s, doubled each time).
constexpr int kRetries = 6;
constexpr std::chrono::seconds kDeadline = std::chrono::hours(1);

// Each attempt begins where the first did, so that nothing is missed; for ever if it must be, for a
// pod may be lost now and then in the weeks that a watcher waits.
constexpr int kWatchRetries = 100;

// Enough for 65536 directories (verb_watch.cpp); it takes no time while nothing happens.
crds::ResourceRequirements WatcherResources() {
  crds::ResourceRequirements resources;
  resources.requests["cpu"].text = "10m";
  resources.requests["memory"].text = "32Mi";
  resources.limits["memory"].text = "256Mi";
  return resources;
}

MoverJob JobOf(const crds::BackupPolicy& policy, const std::string& name) {
  MoverJob job;
  job.key = {policy.metadata.namespace_, name};
  job.owner = ReferenceTo(policy);
  job.mover = policy.spec.mover;
  return job;
}

}  // namespace

Result<Json> BuildForgetJob(const World& world, const ForgetStart& start,
                            const Settings& settings) {
  const crds::ObjectMeta& owner = world.policy.metadata;
  const crds::BackupRepository& repository =
      start.copies_in.empty() ? *world.repository : *world.copies.at(start.copies_in);
  protocol::ForgetArgs args;
  args.copies = !start.copies_in.empty();
  args.repository = RepositoryArgsFor(repository, settings);
  args.identity = {settings.cluster_name, "/" + owner.namespace_ + "/" + start.claim};
  args.tag = "policy=" + owner.namespace_ + "/" + owner.name;
  args.snapshots = start.snapshots;
  MoverJob job = JobOf(world.policy, start.job);
  job.labels = {{kVerbLabel, "forget"},
                {kPolicyLabel, owner.name},
                {kRepositoryLabel, repository.metadata.name},
                {kClaimLabel, start.claim},
                {kRoundLabel, start.round}};
  job.command_line = protocol::CommandLine(args);
  job.repository = &repository;
  job.retries = kRetries;
  job.deadline = kDeadline;
  return BuildMoverJob(job, settings);
}

Result<Json> BuildWatchJob(const World& world, const WatchStart& start, const Settings& settings) {
  const crds::BackupPolicySpec& spec = world.policy.spec;
  protocol::WatchArgs args;
  TRY(args.quiet_period, ParseDuration(spec.continuous->quiet_period));
  TRY(args.max_interval, ParseDuration(spec.continuous->max_interval));
  if (start.since) args.since = FormatTimeNanos(*start.since);
  args.excludes = spec.target.exclude;
  MoverJob job = JobOf(world.policy, start.job);
  job.labels = {{kVerbLabel, kWatchVerb},
                {kPolicyLabel, world.policy.metadata.name},
                {kClaimLabel, start.claim},
                {kNodeLabel, start.node}};
  job.command_line = protocol::CommandLine(args);
  job.claim = start.claim;
  job.node = start.node;
  job.inherited = std::ranges::find(world.mounts, start.claim, &Mount::claim)->security;
  job.mover.resources = WatcherResources();
  job.retries = kWatchRetries;
  return BuildMoverJob(job, settings);
}

}  // namespace holdfast::controllers::policy
