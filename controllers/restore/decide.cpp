#include "controllers/restore/decide.h"

#include "base/hash.h"
#include "base/wording.h"
#include "controllers/mover_job.h"
#include "controllers/reasons.h"
#include "controllers/restore/browse.h"
#include "controllers/restore/draft.h"
#include "controllers/restore/ending.h"
#include "controllers/restore/follow.h"
#include "controllers/restore/hook_stages.h"
#include "controllers/restore/in_place.h"
#include "controllers/restore/lost_claims.h"
#include "controllers/restore/mover_jobs.h"
#include "controllers/restore/occupants.h"
#include "controllers/restore/progress.h"
#include "controllers/restore/resolve.h"

namespace holdfast::controllers::restore {
namespace {

constexpr std::size_t kNameDigits = 8;
constexpr std::chrono::hours kDefaultDeadline{24};

void WaitForEarlier(Draft& d) {
  const std::string message = "Restore " + d.world.earlier + " has the same target and came first.";
  if (d.Late()) return GiveUp(d, reason::kWaitingForRestore, message);
  d.Wait(reason::kWaitingForRestore, message);
  d.plan.requeue = d.LookAgain();
}

void ResolveSource(Draft& d) {
  if (HooksCannotRun(d)) return;
  if (!d.world.earlier.empty()) return WaitForEarlier(d);
  const auto resolution = Resolve(d.world);
  if (!resolution) {
    const Problem& problem = resolution.error();
    if (problem.final || d.Late()) return GiveUp(d, problem.reason.c_str(), problem.message);
    return d.Wait(problem.reason.c_str(), problem.message);
  }
  d.plan.status.backup = resolution->backup;
  d.plan.status.repository = resolution->repository;
  d.plan.status.volumes = resolution->volumes;
  d.BeginStep(kResolveStep, resolution->note);
  d.EndStep(kResolveStep);
  if (!resolution->note.empty())
    d.Announce(kube::EventType::kNormal, reason::kStarted, resolution->note);
  d.Progressing(reason::kRestoring, "Restoring " + Counted(resolution->volumes.size(), "volume") +
                                        " from " + d.Origin() + ". " + resolution->note);
  d.plan.requeue = RequeueAt(d.world.now);
}

// Claims that name it are filled by Restores of their own (controllers/populator).
void DescribeClaims(Draft& d) {
  d.plan.status.start_time.reset();
  if (!d.settings.populator_enabled)
    return d.Stall(
        reason::kPopulatorDisabled,
        "Claims are not filled in this cluster: the chart's populator.enabled is false.");
  d.plan.status.phase = crds::RestorePhase::kTemplate;
  d.Ready(reason::kReady, "Fills claims whose spec.dataSourceRef names it, each when it is made.");
  d.plan.requeue = AwaitChange();
}

// Once, before anything is done; what is found out later is not foreseen any more.
void Foresee(Draft& d) {
  if (d.world.prospect && !d.plan.status.estimate && d.world.movers.empty())
    d.plan.status.estimate = EstimateOf(d.world.prospect->load, d.world.prospect->pace);
}

bool Prepare(Draft& d) {
  return RepositoryReady(d) && (InPlace(d.restore) ? PrepareSet(d) : true) && Detached(d) &&
         ClaimsExist(d);
}

void Advance(Draft& d) {
  d.Open();
  if (d.restore.spec.target.populator) return DescribeClaims(d);
  if (d.plan.status.volumes.empty()) return ResolveSource(d);
  RecordVolumes(d.world, d.plan.status);
  RecordSums(d.world, d.plan.status);
  Foresee(d);
  TakeHookNews(d);
  if (FindsTampering(d)) return;
  RestoreAgain(d);
  if (AllSucceeded(d)) return InPlace(d.restore) ? ScaleUp(d) : Succeed(d);
  if (AnyFailed(d) && NoneAtWork(d)) return FailMovers(d);
  if (d.Late() && NoneAtWork(d))
    return GiveUp(d, reason::kDeadlineExceeded,
                  "The Restore could not start before its deadline (" + d.restore.spec.deadline +
                      "). " + d.LastWords());
  if (!AnyFailed(d) && MissingMover(d) && !Prepare(d)) return;
  RunMovers(d);
  KeepDown(d);
}

}  // namespace

Plan Decide(const World& world, const Settings& settings) {
  if (world.restore.spec.mode == crds::RestoreMode::kFollow) return DecideFollow(world, settings);
  if (world.restore.spec.target.browse) return DecideBrowse(world, settings);
  Draft draft(world, settings);
  if (world.restore.metadata.deletion_timestamp)
    Unwind(draft);
  else if (IsOver(world.restore))
    Settle(draft);
  else
    Advance(draft);
  return std::move(draft.plan);
}

TimePoint DeadlineOf(const crds::Restore& restore, TimePoint started) {
  return started + ParseDuration(restore.spec.deadline).value_or(kDefaultDeadline);
}

std::string MoverName(const crds::Restore& restore, const std::string& claim) {
  return JobName(restore.metadata.name,
                 "restore-" + ShortHash(restore.metadata.uid + "/" + claim, kNameDigits));
}

}  // namespace holdfast::controllers::restore
