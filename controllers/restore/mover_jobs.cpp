#include "controllers/restore/mover_jobs.h"

#include <algorithm>

#include "base/wording.h"
#include "controllers/reasons.h"
#include "controllers/restore/progress.h"

namespace holdfast::controllers::restore {
namespace {

using crds::RestorePhase;
using crds::RestoreStatus;
using crds::RunState;
using crds::VolumeRestore;

void StartMovers(Draft& d) {
  const auto limit = d.world.repository ? d.world.repository->spec.limits.concurrent_movers : 0;
  std::int64_t at_work = 0;
  for (const auto& [claim, mover] : d.world.movers)
    at_work += mover.job.Finished() || mover.state.ended ? 0 : 1;
  if (d.world.movers.empty())
    d.Announce(kube::EventType::kNormal, reason::kStarted,
               "Restoring " + Counted(d.plan.status.volumes.size(), "volume") + " from " +
                   d.Origin() + ".");
  for (VolumeRestore& volume : d.plan.status.volumes) {
    if (Ended(volume) || d.world.movers.contains(volume.claim) ||
        at_work >= std::max<std::int64_t>(limit, 1))
      continue;
    volume.job = MoverName(d.restore, volume.claim);
    d.plan.start.push_back(volume.claim);
    ++at_work;
  }
}

// A mover that cannot start says why, in the Restore's own condition.
bool Stuck(Draft& d) {
  for (const auto& [claim, mover] : d.world.movers) {
    if (mover.state.phase != MoverPhase::kWaiting || mover.state.reason.empty()) continue;
    d.Progressing(mover.state.reason.c_str(), "Claim " + claim + ": " + mover.state.message +
                                                  (mover.state.message.ends_with('.') ? "" : "."));
    return true;
  }
  return false;
}

// What somebody did meanwhile (in_place.cpp).
std::string Remark(Draft& d) {
  const std::string& message = d.FindStep(kRestoreStep)->message;
  return message.empty() ? "" : " Meanwhile: " + message;
}

}  // namespace

void RunMovers(Draft& d) {
  d.plan.status.phase = RestorePhase::kRestoring;
  d.BeginStep(kRestoreStep, "");
  if (!AnyFailed(d)) StartMovers(d);
  if (!Stuck(d))
    d.Progressing(reason::kRestoring, "Restoring " +
                                          Counted(d.plan.status.volumes.size(), "volume") +
                                          " from " + d.Origin() + "." + Failures(d) + Remark(d));
  d.plan.requeue = RequeueAt(d.world.now + d.settings.progress_period);
}

bool AllSucceeded(const Draft& d) {
  return std::all_of(d.plan.status.volumes.begin(), d.plan.status.volumes.end(),
                     [](const auto& volume) { return volume.state == RunState::kSucceeded; });
}

bool AnyFailed(const Draft& d) {
  return std::any_of(d.plan.status.volumes.begin(), d.plan.status.volumes.end(),
                     [](const auto& volume) { return volume.state == RunState::kFailed; });
}

bool NoneAtWork(const Draft& d) {
  return std::all_of(d.world.movers.begin(), d.world.movers.end(),
                     [](const auto& mover) { return mover.second.job.Finished(); });
}

bool MissingMover(const Draft& d) {
  return std::any_of(d.plan.status.volumes.begin(), d.plan.status.volumes.end(),
                     [&](const VolumeRestore& volume) {
                       return !Ended(volume) && !d.world.movers.contains(volume.claim);
                     });
}

std::string Failures(const Draft& d) {
  std::string text;
  for (const VolumeRestore& volume : d.plan.status.volumes)
    if (volume.state == RunState::kFailed)
      text += " Claim " + volume.claim +
              " failed: " + Stopped(volume.message);  // it may begin with a path
  return text;
}

}  // namespace holdfast::controllers::restore
