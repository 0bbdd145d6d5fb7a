#include "controllers/restore/browse.h"

#include "base/wording.h"
#include "controllers/kinds.h"
#include "controllers/labels.h"
#include "controllers/mover_job.h"
#include "controllers/reasons.h"
#include "controllers/restore/resolve.h"

namespace holdfast::controllers::restore {
namespace {

using crds::RestorePhase;

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

class Browsing {
 public:
  explicit Browsing(const World& world) : world_(world), restore_(world.restore) {
    plan_.status = restore_.status;
  }

  Plan Make() {
    if (restore_.metadata.deletion_timestamp) return std::move(plan_);
    if (IsOver(restore_))
      Settle();
    else
      Advance();
    return std::move(plan_);
  }

 private:
  void Advance() {
    plan_.status.observed_generation = restore_.metadata.generation;
    plan_.status.source = DescribeSource(restore_.spec.source);
    plan_.status.target = DescribeTarget(restore_.spec.target);
    if (!plan_.status.start_time) plan_.status.start_time = world_.now;
    if (plan_.status.repository.empty()) return ResolveSource();
    const auto browser = world_.movers.find(kBrowser);
    if (browser == world_.movers.end()) return Start();
    Follow(browser->second.state);
  }

  void ResolveSource() {
    const auto resolution = Resolve(world_);
    if (!resolution) {
      const Problem& problem = resolution.error();
      if (problem.final || Late()) return Fail(problem.reason, problem.message);
      return Wait(problem.reason, problem.message);
    }
    plan_.status.backup = resolution->backup;
    plan_.status.repository = resolution->repository;
    Wait(reason::kStarted,
         "The pod that reads BackupRepository " + resolution->repository + " is about to start.");
    plan_.requeue = RequeueAt(world_.now);
  }

  void Start() {
    const std::string& name = plan_.status.repository;
    if (Late())
      return Fail(reason::kDeadlineExceeded,
                  "The pod could not start before the deadline (" + restore_.spec.deadline + ").");
    if (!world_.repository)
      return Wait(reason::kRepositoryNotFound,
                  "There is no BackupRepository " + name + " in this namespace.");
    const crds::Condition* ready =
        crds::FindCondition(world_.repository->status.conditions, crds::kReady);
    if (ready == nullptr || ready->status != crds::ConditionStatus::kTrue)
      return Wait(
          reason::kRepositoryNotReady,
          "BackupRepository " + name + " is not ready: " +
              (ready == nullptr ? std::string("it has not been probed yet.") : ready->message));
    plan_.start_browser = true;
    Wait(reason::kStarted, "The pod that reads BackupRepository " + name + " is starting.");
  }

  void Follow(const MoverState& state) {
    plan_.status.pod.clear();
    switch (state.phase) {
      case MoverPhase::kWaiting:
        plan_.status.phase = RestorePhase::kPending;
        return Wait(state.reason.empty() ? reason::kStarted : state.reason,
                    state.message.empty() ? "The pod that reads BackupRepository " +
                                                plan_.status.repository + " is starting."
                                          : state.message);
      case MoverPhase::kRunning:
        return Stay(state.pod);
      case MoverPhase::kSucceeded:
        return Succeed();
      case MoverPhase::kFailed:
        return Fail(state.reason.empty() ? reason::kFailed : state.reason, state.message);
    }
  }

  // Said once for each pod, so that what the source has become meanwhile changes nothing.
  void Stay(const std::string& pod) {
    plan_.status.pod = pod;
    plan_.requeue = AwaitChange();
    if (restore_.status.phase == RestorePhase::kBrowsing && restore_.status.pod == pod) return;
    plan_.status.phase = RestorePhase::kBrowsing;
    const std::string command =
        "kubectl -n " + restore_.metadata.namespace_ + " exec " + pod + " -- holdfast-mover ";
    std::string message =
        "Pod " + pod + " reads BackupRepository " + plan_.status.repository + " and stays for " +
        restore_.spec.target.browse->period +
        ". See what there "
        "is with: " +
        command +
        "snapshots; and with \"ls --strip-path SNAPSHOT /\" and \"dump --strip-path "
        "SNAPSHOT /FILE\" instead of snapshots.";
    if (const auto resolution = Resolve(world_); resolution && !resolution->volumes.empty())
      message += " The source's snapshots: " + Named(resolution->volumes) + ".";
    crds::SetReady(plan_.status.conditions, Verdict(reason::kBrowsing, message), world_.now);
    plan_.events.push_back({kube::EventType::kNormal, reason::kBrowsing, message});
  }

  void Succeed() {
    End(RestorePhase::kSucceeded);
    crds::SetReady(plan_.status.conditions,
                   Verdict(reason::kSucceeded, "The pod stayed for its time, and has ended."),
                   world_.now);
  }

  void Fail(const std::string& why, const std::string& message) {
    End(RestorePhase::kFailed);
    crds::SetStalled(plan_.status.conditions, Verdict(why, message), world_.now);
    plan_.events.push_back({kube::EventType::kWarning, why, message});
  }

  void End(RestorePhase phase) {
    plan_.status.phase = phase;
    plan_.status.pod.clear();
    plan_.status.completion_time = world_.now;
    const TimePoint started = plan_.status.start_time.value_or(world_.now);
    plan_.status.duration =
        HumanDuration(std::chrono::duration_cast<std::chrono::seconds>(world_.now - started));
    plan_.requeue = RequeueAt(world_.now);  // for the Job
  }

  void Settle() {
    for (const auto& [name, mover] : world_.movers)
      if (mover.job.Finished() && !mover.job.expires) plan_.expire.push_back(mover.job);
  }

  void Wait(const std::string& why, const std::string& message) {
    crds::SetReconciling(plan_.status.conditions, Verdict(why, message), world_.now);
    plan_.requeue = RequeueAt(Deadline());
  }

  crds::Verdict Verdict(const std::string& why, const std::string& message) const {
    return {restore_.metadata.generation, why, message};
  }
  TimePoint Deadline() const {
    return DeadlineOf(restore_, plan_.status.start_time.value_or(world_.now));
  }
  bool Late() const { return world_.now >= Deadline(); }

  const World& world_;
  const crds::Restore& restore_;
  Plan plan_;
};

}  // namespace

Plan DecideBrowse(const World& world) { return Browsing(world).Make(); }

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
