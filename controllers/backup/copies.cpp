#include "controllers/backup/copies.h"

#include <algorithm>

#include "base/quantity.h"
#include "controllers/backup/manifests.h"
#include "controllers/kinds.h"
#include "controllers/labels.h"
#include "controllers/mover_job.h"
#include "controllers/reasons.h"

namespace holdfast::controllers::backup {
namespace {

using crds::BackupCopy;
using crds::RunState;

// Between two attempts, doubled each time. The Job itself tries a few times more.
constexpr std::chrono::minutes kFirstPause{10};
constexpr std::chrono::hours kLongestPause{6};
// A slot's end is told; this is for what is missed.
constexpr std::chrono::minutes kLookAgain{5};
constexpr int kRetries = 3;
constexpr std::chrono::hours kDeadline{24};

bool IsDone(const BackupCopy& copy) {
  return copy.state == RunState::kSucceeded || copy.state == RunState::kSkipped;
}

std::chrono::seconds PauseAfter(std::int64_t attempts) {
  std::chrono::seconds pause = kFirstPause;
  for (std::int64_t i = 1; i < attempts && pause < kLongestPause; ++i) pause *= 2;
  return std::min<std::chrono::seconds>(pause, kLongestPause);
}

// Manifests only with a volume.
std::vector<std::string> GoodSnapshots(const crds::BackupStatus& status) {
  std::vector<std::string> snapshots;
  for (const crds::VolumeBackup& volume : status.volumes)
    if (volume.state == RunState::kSucceeded && !volume.snapshot.empty())
      snapshots.push_back(volume.snapshot);
  if (snapshots.empty()) return snapshots;
  for (const crds::ManifestsBackup& manifests : status.manifests)
    if (!manifests.snapshot.empty()) snapshots.push_back(manifests.snapshot);
  return snapshots;
}

std::string NotReady(const crds::BackupRepository* repository, const std::string& name) {
  if (repository == nullptr) return "there is no BackupRepository \"" + name + "\"";
  const auto* ready = crds::FindCondition(repository->status.conditions, crds::kReady);
  if (ready != nullptr && ready->status == crds::ConditionStatus::kTrue) return "";
  return "BackupRepository \"" + name + "\" is not ready" +
         (ready == nullptr ? "" : ": " + ready->message);
}

// Why no Job can be made now; empty when one can. One that runs has its slot.
std::string Obstacle(const World& world, const CopyWorld& seen, bool running) {
  if (auto why = NotReady(world.copy_source, world.backup.status.repository); !why.empty())
    return why;
  if (auto why = NotReady(seen.destination, seen.repository); !why.empty()) return why;
  if (!Accepts(*seen.destination, world.backup.status))
    return "BackupRepository \"" + seen.repository +
           "\" takes no Secrets (spec.acceptsSecrets), and there are some among the manifests";
  if (seen.free_slots > 0 || running) return "";
  return "waits for one of the limits.concurrentMovers of BackupRepository \"" + seen.repository +
         "\"";
}

void Finish(const World& world, const MoverState& mover, BackupCopy& copy) {
  const bool good = mover.phase == MoverPhase::kSucceeded;
  if (copy.state == RunState::kFailed && !good) return;  // recorded already
  copy.state = good ? RunState::kSucceeded : RunState::kFailed;
  copy.completion_time = std::chrono::floor<std::chrono::seconds>(world.now);
  copy.message = good ? "" : mover.message;
  if (good && mover.result)
    copy.message = HumanBytes(mover.result->bytes_added) + " are new in the repository";
}

// Made anew when its Job is gone without a word: somebody removed it.
void Start(const World& world, const CopyWorld& seen, BackupCopy& copy, Plan& plan) {
  const bool running = copy.state == RunState::kRunning;
  const std::string obstacle = Obstacle(world, seen, running);
  if (!obstacle.empty()) {
    if (copy.state != RunState::kFailed) copy.message = obstacle;
    plan.requeue = Sooner(plan.requeue, RequeueAt(world.now + kLookAgain));
    return;
  }
  if (!running) ++copy.attempts;
  copy.state = RunState::kRunning;
  copy.message.clear();
  plan.start_copies.push_back(copy.repository);
}

void Follow(const World& world, const CopyWorld& seen, BackupCopy& copy, Plan& plan) {
  if (seen.run && seen.run->job.Finished()) {
    Finish(world, seen.run->state, copy);
  } else if (seen.run) {
    copy.state = RunState::kRunning;
    copy.message = seen.run->state.message;
  }
  const bool waits = copy.state != RunState::kRunning || !seen.run;
  if (IsDone(copy) || !waits) return;
  if (IsDue(copy, seen.destination, world.now))
    Start(world, seen, copy, plan);
  else
    plan.requeue =
        Sooner(plan.requeue, RequeueAt(*copy.completion_time + PauseAfter(copy.attempts)));
}

}  // namespace

void OweCopies(const crds::BackupPolicy& policy, crds::BackupStatus& status) {
  if (GoodSnapshots(status).empty()) return;
  for (const std::string& repository : policy.spec.copy_to) {
    BackupCopy copy;
    copy.repository = repository;
    status.copies.push_back(std::move(copy));
  }
}

bool OwesCopies(const crds::BackupStatus& status) {
  return !std::ranges::all_of(status.copies, IsDone);
}

bool IsDue(const BackupCopy& copy, const crds::BackupRepository* destination, TimePoint now) {
  if (IsDone(copy)) return false;
  if (copy.state != RunState::kFailed || !copy.completion_time) return true;
  if (now >= *copy.completion_time + PauseAfter(copy.attempts)) return true;
  const auto* ready = destination == nullptr
                          ? nullptr
                          : crds::FindCondition(destination->status.conditions, crds::kReady);
  return ready != nullptr && ready->status == crds::ConditionStatus::kTrue &&
         ready->last_transition_time > copy.completion_time;
}

void DecideCopies(const World& world, Plan& plan) {
  for (std::size_t i = 0; i < world.copies.size(); ++i) {
    BackupCopy& copy = plan.status.copies[i];
    if (!IsDone(copy)) Follow(world, world.copies[i], copy, plan);
  }
}

std::string CopyJobName(const crds::Backup& backup, const BackupCopy& copy) {
  return JobName(backup.metadata.name,
                 "copy-" + RepositoryDigits(copy.repository) + "-" +
                     std::to_string(std::max<std::int64_t>(copy.attempts, 1)));
}

Result<Json> BuildCopyJob(const crds::Backup& backup, const BackupCopy& copy,
                          const crds::BackupRepository& source,
                          const crds::BackupRepository& destination, const Settings& settings) {
  protocol::CopyArgs args;
  args.repository = RepositoryArgsFor(destination, settings);
  args.from = FromArgsFor(source, settings);
  args.repository.download_per_second = args.from.download_per_second;  // what is read comes there
  args.snapshots = GoodSnapshots(backup.status);

  MoverJob job;
  job.key = {backup.metadata.namespace_, CopyJobName(backup, copy)};
  job.owner = ReferenceTo(backup);
  job.labels = {{kVerbLabel, kCopyVerb},
                {kBackupLabel, backup.metadata.name},
                {kPolicyLabel, backup.spec.policy},
                {kRepositoryLabel, destination.metadata.name}};
  job.command_line = protocol::CommandLine(args);
  job.repository = &destination;
  job.from = &source;
  job.mover = destination.spec.mover;
  job.retries = kRetries;
  job.deadline = kDeadline;
  return BuildMoverJob(job, settings);
}

}  // namespace holdfast::controllers::backup
