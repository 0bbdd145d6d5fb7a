#include "controllers/policy/job_builder.h"

#include "controllers/labels.h"
#include "controllers/mover_job.h"

namespace holdfast::controllers::policy {
namespace {

// Removing needs the repository for itself, so it may have to wait for other policies' movers: six
// attempts are ten minutes of Kubernetes' own backoff (10 s, doubled each time).
constexpr int kRetries = 6;
constexpr std::chrono::seconds kDeadline = std::chrono::hours(1);

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
  MoverJob job;
  job.key = {owner.namespace_, start.job};
  job.owner_api_version = crds::kApiVersion;
  job.owner_kind = crds::InfoOf<crds::BackupPolicy>().kind;
  job.owner_name = owner.name;
  job.owner_uid = owner.uid;
  job.labels = {{kVerbLabel, "forget"},
                {kPolicyLabel, owner.name},
                {kRepositoryLabel, repository.metadata.name},
                {kClaimLabel, start.claim},
                {kRoundLabel, start.round}};
  job.command_line = protocol::CommandLine(args);
  job.repository = &repository;
  job.mover = world.policy.spec.mover;
  job.retries = kRetries;
  job.deadline = kDeadline;
  return BuildMoverJob(job, settings);
}

}  // namespace holdfast::controllers::policy
