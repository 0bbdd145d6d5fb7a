#include "controllers/restore/ending.h"

#include <algorithm>

#include "base/wording.h"
#include "controllers/reasons.h"
#include "controllers/restore/child.h"
#include "controllers/restore/hook_stages.h"
#include "controllers/restore/in_place.h"
#include "controllers/restore/mover_jobs.h"
#include "controllers/restore/progress.h"

namespace holdfast::controllers::restore {
namespace {

using crds::RestorePhase;
using crds::RestoreStatus;
using crds::RunState;
using crds::VolumeRestore;
using protocol::ExitCode;

// Claims are not watched. Looked at while the Job of a failed mover stays for its log.
constexpr std::chrono::seconds kLookAtClaims{15};

// Codes with which a mover ends before it has opened a snapshot.
bool EndsBeforeWriting(ExitCode code) {
  switch (code) {
    case ExitCode::kUsage:
    case ExitCode::kNoRepository:
    case ExitCode::kLocked:
    case ExitCode::kWrongPassword:
    case ExitCode::kNothingFound:
    case ExitCode::kNotSupported:
      return true;
    default:
      return false;
  }
}

std::string Shortcomings(const Draft& d) {
  std::string text;
  for (const crds::RestoreStep& step : d.plan.status.steps)
    if (step.name == kResolveStep && !step.message.empty()) text += " " + step.message;
  for (const VolumeRestore& volume : d.plan.status.volumes)
    if (!volume.message.empty()) text += " Claim " + volume.claim + ": " + Sentence(volume.message);
  return text + FailuresOfHooks(d.plan.status.hooks);
}

std::string StaysDown(const Draft& d, const std::string& spoiled) {
  return "StatefulSet " + d.SetName() + " stays at 0 replicas, because the restore wrote to " +
         spoiled + " and did not finish.";
}

std::string ScaleCommand(const Draft& d) {
  return "kubectl scale statefulset " + d.SetName() +
         " --replicas=" + std::to_string(d.plan.status.original_replicas.value_or(0));
}

// Where no pod ran, as with a standby, there is no size to go back to.
bool HadPods(const Draft& d) { return d.plan.status.original_replicas.value_or(0) > 0; }

// A Restore that follows makes the next one itself, and says when.
std::string HowToGoOn(const Draft& d) {
  if (IsOfFollower(d.restore)) return "";
  const std::string again = " To go on, put the cause right and create another Restore";
  if (!HadPods(d)) return again + ".";
  return again + ", which also scales it back to " +
         std::to_string(*d.plan.status.original_replicas) +
         "; or, if you know better: " + ScaleCommand(d) + ".";
}

// The claims that may be neither what they were nor what the snapshot is, as "a, b"; with one of
// them, also those that are restored already: the volumes of a StatefulSet belong together.
std::string HalfWritten(const Draft& d) {
  // What movers wrote that have gone since, their successors do not tell.
  const bool again = std::ranges::any_of(d.plan.status.steps,
                                         [](const auto& step) { return step.name == kAgainStep; });
  std::string claims;
  for (const VolumeRestore& volume : d.plan.status.volumes) {
    const auto mover = d.world.movers.find(volume.claim);
    const bool written = mover != d.world.movers.end()
                             ? MayHaveWritten(mover->second)
                             : volume.state == RunState::kRunning || Ended(volume);
    if (written || again) claims += (claims.empty() ? "" : ", ") + volume.claim;
  }
  return claims;
}

void LeaveDown(Draft& d, const std::string& spoiled) {
  const std::string message = "Restore " + d.restore.metadata.name +
                              " was deleted before it was over, and the size that it had found "
                              "with it. " +
                              StaysDown(d, spoiled) + " To go on, create another Restore" +
                              (HadPods(d) ? ", and then: " + ScaleCommand(d) : ".");
  d.Announce(kube::EventType::kWarning, reason::kLeftScaledDown, message);
  d.Announce(kube::EventType::kWarning, reason::kLeftScaledDown, message, true);
}

// A mover that has not begun must not begin after the pods are back. True when all are gone.
bool StopMovers(Draft& d) {
  for (const auto& [claim, mover] : d.world.movers)
    if (!mover.job.deleting && !mover.job.Finished()) d.plan.remove.push_back(mover.job);
  const bool gone = NoneAtWork(d);
  if (!gone) d.plan.requeue = d.LookAgain();
  return gone;
}

// Midway. False while movers have still to be stopped.
bool Abandon(Draft& d) {
  crds::RestoreStatus& status = d.plan.status;
  const crds::RestoreStatus before = status;
  RecordVolumes(d.world, status);
  const std::string spoiled = HalfWritten(d);
  const bool whole = AllSucceeded(d) && !status.volumes.empty();
  status = before;  // it goes with the object
  if (!whole && !spoiled.empty()) {
    LeaveDown(d, spoiled);
    return true;
  }
  if (!whole && !StopMovers(d)) return false;
  ScaleBack(d);
  return true;
}

// The claim that the Job's mover was to fill; nullptr when it was not looked at.
const ClaimState* ClaimFilledBy(const Draft& d, const JobView& job) {
  for (const VolumeRestore& volume : d.restore.status.volumes)
    if (volume.job == job.key.name)
      if (const auto claim = d.world.claims.find(volume.claim); claim != d.world.claims.end())
        return &claim->second;
  return nullptr;
}

}  // namespace

void Close(Draft& d, RestorePhase phase, RunState step) {
  d.plan.status.phase = phase;
  d.plan.status.completion_time = d.world.now;
  d.plan.status.eta.clear();
  for (crds::RestoreStep& open : d.plan.status.steps)
    if (open.state == RunState::kRunning) {
      open.state = step;
      open.completion_time = d.world.now;
    }
}

void End(Draft& d, RestorePhase phase, RunState step) {
  Close(d, phase, step);
  const TimePoint started = d.plan.status.start_time.value_or(d.world.now);
  d.plan.status.duration =
      HumanDuration(std::chrono::duration_cast<std::chrono::seconds>(d.world.now - started));
  if (d.plan.status.estimate && phase == RestorePhase::kSucceeded)
    d.plan.status.estimate->error = ErrorOf(d.plan.status);
  // Once more, for the finalizer and the Jobs: what is recorded first cannot be forgotten.
  d.plan.requeue = RequeueAt(d.world.now);
}

void Succeed(Draft& d) {
  End(d, RestorePhase::kSucceeded, RunState::kSucceeded);
  d.plan.status.progress = "100%";
  const std::string message = "Restored " + Counted(d.plan.status.volumes.size(), "volume") +
                              (d.plan.status.size.empty() ? "" : ", " + d.plan.status.size + ",") +
                              " from " + d.Origin() +
                              (d.restore.spec.verify ? ", and verified." : ".") + Shortcomings(d);
  d.Ready(reason::kSucceeded, message);
  d.Announce(kube::EventType::kNormal, reason::kSucceeded, message);
}

void FailMovers(Draft& d) {
  const auto failed =
      std::find_if(d.plan.status.volumes.begin(), d.plan.status.volumes.end(),
                   [](const auto& volume) { return volume.state == RunState::kFailed; });
  const auto mover = d.world.movers.find(failed->claim);
  const std::string why =
      mover == d.world.movers.end() ? reason::kFailed : mover->second.state.reason;
  for (VolumeRestore& volume : d.plan.status.volumes)
    if (!Ended(volume)) volume.state = RunState::kSkipped;
  GiveUp(d, why.empty() ? reason::kFailed : why.c_str(), Failures(d).substr(1));
}

// Over for good. Whatever was scaled goes back, or stays, by what may be half written.
void GiveUp(Draft& d, const char* why, std::string message) {
  if (!LetGo(d)) return;
  End(d, RestorePhase::kFailed, RunState::kFailed);
  d.plan.scale.reset();
  d.plan.start.clear();
  d.plan.create_claims.clear();
  const std::string spoiled = HalfWritten(d);
  if (spoiled.empty()) {
    if (ScaleBack(d))
      message += " Nothing was written, and StatefulSet " + d.SetName() + " has its size back.";
    else
      message += " Nothing was written.";
    return d.Condemn(why, message);
  }
  if (!InPlace(d.restore)) {
    message += " The restore wrote to " + spoiled +
               " and did not finish: do not use that before another Restore has succeeded.";
    return d.Condemn(why, message);
  }
  d.BeginStep(kScaleUpStep, "left at 0 replicas");
  d.FindStep(kScaleUpStep)->state = RunState::kSkipped;
  const std::string stays = StaysDown(d, spoiled) + HowToGoOn(d);
  d.Condemn(why, message + " " + stays);
  d.Announce(kube::EventType::kWarning, reason::kLeftScaledDown, stays, true);
}

void FailUp(Draft& d, const char* why, const std::string& what) {
  hooks::SkipStage(d.plan.status.hooks, crds::HookStage::kPost, "the StatefulSet did not come up",
                   [](const std::string&) { return true; });
  End(d, RestorePhase::kFailed, RunState::kFailed);
  d.Condemn(why, "The volumes are restored, but " + what);
}

void Unwind(Draft& d) {
  if (!d.HasFinalizer()) return;
  if (!IsOver(d.restore)) {
    TakeHookNews(d);
    if (!LetGo(d) || (d.plan.status.original_replicas && !Abandon(d))) return;
  }
  d.plan.remove_finalizer = true;
}

void Settle(Draft& d) {
  d.plan.remove_finalizer = d.HasFinalizer();
  for (const auto& [name, mover] : d.world.movers) {
    if (!mover.job.Finished() || mover.job.deleting) continue;
    const ClaimState* claim = ClaimFilledBy(d, mover.job);
    if (claim != nullptr && claim->deleting) {
      d.plan.remove.push_back(mover.job);
      continue;
    }
    if (!mover.job.expires) d.plan.expire.push_back(mover.job);
    if (claim != nullptr && claim->exists && mover.job.broken)
      d.plan.requeue = RequeueAt(d.world.now + kLookAtClaims);
  }
}

bool LeftAtZero(const crds::Restore& restore) {
  if (restore.status.phase != RestorePhase::kFailed) return false;
  for (const crds::RestoreStep& step : restore.status.steps)
    if (step.name == kScaleUpStep && step.state == RunState::kSkipped) return true;
  return false;
}

bool MayHaveWritten(const Mover& mover) {
  const MoverState& state = mover.state;
  switch (state.phase) {
    case MoverPhase::kWaiting:
      return mover.job.failed > 0;
    case MoverPhase::kRunning:
    case MoverPhase::kSucceeded:
      return true;
    // An earlier pod of several may have got further than the last one.
    case MoverPhase::kFailed:
      return mover.job.failed > 1 || !state.result || !EndsBeforeWriting(state.result->exit);
  }
  return true;
}

}  // namespace holdfast::controllers::restore
