#include "controllers/repository/probe_job.h"

#include "controllers/kinds.h"
#include "controllers/labels.h"
#include "controllers/mover_job.h"

namespace holdfast::controllers::repository {

// Opening takes seconds. The rest is for a missing Secret or a full cluster to be put right; after
// it the probe is made again.
constexpr std::chrono::minutes kDeadline{15};

// A probe is to tell how things are, not to outlast an outage.
constexpr std::chrono::seconds kRetryFor{10};

Result<Json> BuildProbeJob(const crds::BackupRepository& repository,
                           const crds::BackupRepository* chunker_from, const ProbeStart& start,
                           const Settings& settings) {
  protocol::InitArgs args;
  args.repository = RepositoryArgsFor(repository, settings);
  args.repository.dead_holders = start.dead_holders;
  args.repository.retry_for = kRetryFor;
  args.create = start.create;
  const bool cuts_alike = start.create && chunker_from != nullptr;
  if (cuts_alike) args.chunker_from = FromArgsFor(*chunker_from, settings);

  MoverJob job;
  if (cuts_alike) job.from = chunker_from;
  job.key = {repository.metadata.namespace_, start.name};
  job.owner = ReferenceTo(repository);
  job.labels = {{kVerbLabel, "probe"},
                {kRepositoryLabel, repository.metadata.name},
                {kGenerationLabel, std::to_string(repository.metadata.generation)},
                {kAttemptLabel, std::to_string(start.attempt)}};
  if (!start.dead_holders.empty()) job.labels[kRemovesLocksLabel] = "true";
  job.command_line = protocol::CommandLine(args);
  job.repository = &repository;
  job.mover = repository.spec.mover;
  job.retries = 0;
  job.deadline = kDeadline;
  return BuildMoverJob(job, settings);
}

}  // namespace holdfast::controllers::repository
