#include "controllers/restore/browse.h"

#include "base/wording.h"
#include "controllers/kinds.h"
#include "controllers/labels.h"
#include "controllers/mover_job.h"
#include "controllers/reasons.h"
#include "controllers/restore/draft.h"
#include "controllers/restore/ending.h"
#include "controllers/restore/resolve.h"

namespace holdfast::controllers::restore {
namespace {

using crds::RestorePhase;
using crds::RunState;

// For image and scheduler, beside the period that the pod then stays.
constexpr std::chrono::minutes kTimeToStart{5};
constexpr std::chrono::minutes kDefaultPeriod{10};
// Who looks wants to know soon that somebody else works in the repository alone.
constexpr std::chrono::seconds kLockWait{60};
constexpr std::size_t kMostSnapshotsNamed = 5;
constexpr std::size_t kShortId = 8;

std::chrono::seconds PeriodOf(const crds::Restore& restore) {
  return ParseDuration(restore.spec.target.browse->period).value_or(kDefaultPeriod);
}

// "data-mysql-0 4a5b6c7d, data-mysql-1 0f1e2d3c"
std::string Named(const std::vector<crds::VolumeRestore>& volumes) {
  std::vector<std::string> names;
  for (const crds::VolumeRestore& volume : volumes)
    names.push_back((volume.claim.empty() ? "" : volume.claim + " ") +
                    volume.snapshot.substr(0, kShortId));
  return NameSome(names, kMostSnapshotsNamed);
}

std::string Starting(const Draft& d) {
  return "The pod that reads BackupRepository " + d.plan.status.repository + " is starting.";
}

void Fail(Draft& d, const std::string& why, const std::string& message) {
  d.plan.status.pod.clear();
  End(d, RestorePhase::kFailed, RunState::kFailed);
  d.Condemn(why.c_str(), message);
}

void ResolveSource(Draft& d) {
  const auto resolution = Resolve(d.world);
  if (!resolution) {
    const Problem& problem = resolution.error();
    if (problem.final || d.Late()) return Fail(d, problem.reason, problem.message);
    return d.Wait(problem.reason.c_str(), problem.message);
  }
  d.plan.status.backup = resolution->backup;
  d.plan.status.repository = resolution->repository;
  d.Wait(reason::kStarted,
         "The pod that reads BackupRepository " + resolution->repository + " is about to start.");
  d.plan.requeue = RequeueAt(d.world.now);
}

void Start(Draft& d) {
  if (d.Late())
    return Fail(d, reason::kDeadlineExceeded,
                "The pod could not start before the deadline (" + d.restore.spec.deadline + ").");
  if (!RepositoryReady(d)) return;
  d.plan.start_browser = true;
  d.Wait(reason::kStarted, Starting(d));
}

std::string HowToLook(const Draft& d, const std::string& pod) {
  const std::string command =
      "kubectl -n " + d.restore.metadata.namespace_ + " exec " + pod + " -- holdfast-mover ";
  return "Pod " + pod + " reads BackupRepository " + d.plan.status.repository + " and stays for " +
         d.restore.spec.target.browse->period + ". See what there is with: " + command +
         "snapshots; and with \"ls --strip-path SNAPSHOT /\" and \"dump --strip-path SNAPSHOT "
         "/FILE\" instead of snapshots.";
}

// Said once for each pod, so that what the source has become meanwhile changes nothing.
void Stay(Draft& d, const std::string& pod) {
  d.plan.status.pod = pod;
  d.plan.requeue = AwaitChange();
  if (d.restore.status.phase == RestorePhase::kBrowsing && d.restore.status.pod == pod) return;
  d.plan.status.phase = RestorePhase::kBrowsing;
  std::string message = HowToLook(d, pod);
  if (const auto resolution = Resolve(d.world); resolution && !resolution->volumes.empty())
    message += " The source's snapshots: " + Named(resolution->volumes) + ".";
  d.Ready(reason::kBrowsing, message);
  d.Announce(kube::EventType::kNormal, reason::kBrowsing, message);
}

void Follow(Draft& d, const MoverState& state) {
  d.plan.status.pod.clear();
  switch (state.phase) {
    case MoverPhase::kWaiting:
      d.plan.status.phase = RestorePhase::kPending;
      return d.Wait(state.reason.empty() ? reason::kStarted : state.reason.c_str(),
                    state.message.empty() ? Starting(d) : state.message);
    case MoverPhase::kRunning:
      return Stay(d, state.pod);
    case MoverPhase::kSucceeded:
      End(d, RestorePhase::kSucceeded, RunState::kSucceeded);
      return d.Ready(reason::kSucceeded, "The pod stayed for its time, and has ended.");
    case MoverPhase::kFailed:
      return Fail(d, state.reason.empty() ? reason::kFailed : state.reason, state.message);
  }
}

void Advance(Draft& d) {
  d.Open();
  if (d.plan.status.repository.empty()) return ResolveSource(d);
  const auto browser = d.world.movers.find(kBrowser);
  if (browser == d.world.movers.end()) return Start(d);
  Follow(d, browser->second.state);
}

}  // namespace

Plan DecideBrowse(const World& world, const Settings& settings) {
  Draft draft(world, settings);
  if (world.restore.metadata.deletion_timestamp) return std::move(draft.plan);
  if (IsOver(world.restore))
    Settle(draft);
  else
    Advance(draft);
  return std::move(draft.plan);
}

Result<Json> BuildBrowser(const World& world, const Settings& settings) {
  const crds::Restore& restore = world.restore;
  protocol::RepositoryArgs repository = RepositoryArgsFor(*world.repository, settings);
  repository.lock_wait = kLockWait;
  MoverJob job;
  job.key = {restore.metadata.namespace_, MoverName(restore, kBrowser)};
  job.owner = ReferenceTo(restore);
  job.labels = {{kVerbLabel, kBrowseVerb},
                {kRestoreLabel, restore.metadata.name},
                {kRepositoryLabel, restore.status.repository}};
  job.command_line = protocol::CommandLine(protocol::StayArgs{PeriodOf(restore)});
  job.options_for_others = protocol::RepositoryWords(repository);
  job.repository = &*world.repository;
  job.mover = restore.spec.mover;
  job.retries = static_cast<int>(restore.spec.retries);
  job.deadline = PeriodOf(restore) + kTimeToStart;
  return BuildMoverJob(job, settings);
}

}  // namespace holdfast::controllers::restore
