#include "controllers/repository/upkeep_job.h"

#include "base/quantity.h"
#include "controllers/kinds.h"
#include "controllers/labels.h"
#include "controllers/mover_job.h"
#include "controllers/repository/upkeep.h"

namespace holdfast::controllers::repository {
namespace {

// A repository of terabytes is read for hours; maxRepack and readData bound a run.
constexpr std::chrono::hours kDeadline{24};
constexpr int kRetries = 3;

Result<std::vector<std::string>> PruneLine(const crds::BackupRepository& repository,
                                           const Settings& settings) {
  protocol::PruneArgs args;
  args.repository = RepositoryArgsFor(repository, settings);
  args.max_unused = repository.spec.prune->max_unused;
  TRY(args.max_repack, ParseQuantity(repository.spec.prune->max_repack.text));
  return protocol::CommandLine(args);
}

std::vector<std::string> CheckLine(const crds::BackupRepository& repository,
                                   const Settings& settings) {
  protocol::CheckArgs args;
  args.repository = RepositoryArgsFor(repository, settings);
  args.read_data = repository.spec.check->read_data;
  return protocol::CommandLine(args);
}

}  // namespace

Result<Json> BuildChoreJob(const crds::BackupRepository& repository, const ChoreStart& start,
                           const Settings& settings) {
  MoverJob job;
  job.key = {repository.metadata.namespace_, start.job};
  job.owner = ReferenceTo(repository);
  job.labels = {{kVerbLabel, VerbOf(start.chore)}, {kRepositoryLabel, repository.metadata.name}};
  if (start.chore == Chore::kPrune) {
    TRY(job.command_line, PruneLine(repository, settings));
  } else {
    job.command_line = CheckLine(repository, settings);
  }
  job.repository = &repository;
  job.mover = repository.spec.mover;
  job.retries = kRetries;
  job.deadline = kDeadline;
  return BuildMoverJob(job, settings);
}

}  // namespace holdfast::controllers::repository
