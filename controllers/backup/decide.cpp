#include "controllers/backup/decide.h"

#include <algorithm>

#include "controllers/backup/blockers.h"
#include "controllers/backup/ending.h"
#include "controllers/backup/freeze.h"
#include "controllers/backup/imported.h"
#include "controllers/backup/manifests.h"
#include "controllers/backup/mover_jobs.h"
#include "controllers/backup/staging.h"
#include "controllers/backup/totals.h"
#include "controllers/backup/volumes.h"
#include "controllers/policy/check.h"
#include "controllers/reasons.h"

namespace holdfast::controllers::backup {
namespace {

using crds::BackupPhase;
using crds::BackupStatus;
using crds::VolumeBackup;

// Slots and claims also become free in ways that no watch tells.
constexpr std::chrono::seconds kWaitPeriod{30};

void Continue(const World& world, const Wait& wait, BackupStatus& status) {
  const bool started = status.start_time.has_value();
  if (started) status.phase = BackupPhase::kRunning;
  SetProgress(world.volumes, status);
  SetSums(status);
  Wait told = wait;
  if (told.reason.empty())
    told = {reason::kRunning,
            std::to_string(CountOver(status)) + " of " + VolumesAndDumps(status) + " done"};
  crds::SetReconciling(status.conditions,
                       {world.backup.metadata.generation, told.reason, told.message}, world.now);
}

// A run that has begun goes on by what it resolved, whatever becomes of policy and StatefulSet; but
// a volume that has no mover yet needs them to make one.
bool CanStartMovers(const World& world) {
  return world.policy != nullptr && world.repository != nullptr;
}

// What hooks have to do with it, in the condition's words.
void TellOfHooks(const BackupStatus& status, Wait& wait) {
  if (!MayCopy(status))
    wait = {reason::kFreezing, "pre hooks are being run; no volume is read before they have ended"};
  else if (OwesThaw(status) && AllOver(status))
    wait = {reason::kThawing, "the volumes are read; post hooks are being run"};
}

// When to look again at a run that goes on.
TimePoint NextLook(const World& world, const Plan& plan, std::chrono::seconds period) {
  if (BecameReady(world, plan)) return world.now;  // slots are counted for what is stored as ready
  TimePoint next = world.now + period;
  for (const VolumeBackup& volume : plan.status.volumes)
    if (AwaitsSnapshot(plan.status, volume)) next = std::min(next, world.now + kStagingPeriod);
  const bool owes = OwesThaw(plan.status);
  for (const auto& time : {hooks::NextTry(plan.status.hooks), hooks::ThawTime(plan.status.hooks)})
    if (owes && time && *time > world.now) next = std::min(next, *time);
  return next;
}

void Stage(const World& world, Plan& plan, Wait& wait) {
  const std::string waits = StageVolumes(world, plan);
  if (!waits.empty() && wait.reason.empty()) wait = {reason::kStaging, waits};
}

Plan Run(const World& world, const Settings& settings, Plan plan) {
  Wait wait;
  TakeHookNews(world, plan);
  UpdateVolumes(world, plan, wait);
  FollowStagedClaims(world, plan);
  const bool copies = CanStartMovers(world) && MayCopy(plan.status);
  if (copies) Stage(world, plan, wait);
  KeepDeadline(world, plan);
  if (!CanStartMovers(world)) FailUnstarted(world, plan);
  if (copies) StartVolumes(world, plan, wait);
  StartHooks(world, plan);
  TellOfHooks(plan.status, wait);
  const bool any_job =
      std::ranges::any_of(world.volumes, [](const auto& v) { return v.job || v.job_is_coming; });
  const bool moves = any_job || !plan.start.empty() || !plan.cut.empty() ||
                     !plan.cut_groups.empty() || !plan.hooks.start.empty();
  if (!plan.status.start_time && moves)
    plan.status.start_time = std::chrono::floor<std::chrono::seconds>(world.now);
  if (AllOver(plan.status) && !OwesThaw(plan.status)) {
    Finish(world, plan.status);
    return plan;
  }
  Continue(world, wait, plan.status);
  plan.requeue = RequeueAt(NextLook(world, plan, moves ? settings.progress_period : kWaitPeriod));
  if (const auto left = RemoveStaged(world, plan))
    plan.requeue = Sooner(plan.requeue, RequeueAt(*left));
  return plan;
}

Plan Block(const World& world, const Blocker& blocker, Plan plan) {
  const crds::Verdict verdict = {world.backup.metadata.generation, blocker.finding.reason,
                                 blocker.finding.message};
  if (blocker.stalled)
    crds::SetStalled(plan.status.conditions, verdict, world.now);
  else
    crds::SetReconciling(plan.status.conditions, verdict, world.now);
  plan.requeue = RequeueAt(world.now + kWaitPeriod);
  return plan;
}

// Writes the hooks down before the first is started, and does not freeze what would then wait.
Plan Prepare(const World& world, const Settings& settings, Plan plan) {
  if (const std::string many = TooManyRuns(world, plan.status); !many.empty())
    return Block(world, {{reason::kInvalidSpec, many}}, std::move(plan));
  if (const auto finding = ChooseCopyMethods(world, plan))
    return Block(world, {*finding}, std::move(plan));
  if (TakeHooks(world, plan) || !IsStored(world, plan)) {
    plan.requeue = RequeueAt(world.now);
    return plan;
  }
  const std::string waits = WaitsForSlots(world, plan.status);
  if (waits.empty()) return Run(world, settings, std::move(plan));
  const char* why = world.pruning.empty() ? reason::kWaitingForSlot : reason::kWaitingForPrune;
  Continue(world, {why, waits}, plan.status);
  plan.requeue = RequeueAt(world.now + kWaitPeriod);
  return plan;
}

// Resolved once, and written down before the first mover starts: a replica more or less must not
// change what this run is about.
Plan Resolve(const World& world, Plan plan) {
  plan.status.volumes = ResolveVolumes(*world.policy, world.stateful_sets, world.claims);
  plan.status.repository = world.policy->spec.repository;
  WantManifests(*world.policy, world.stateful_sets, plan.status);
  if (plan.status.volumes.empty())
    return Block(world,
                 {{reason::kNoVolumes, NameTargets(*world.policy, world.stateful_sets) +
                                           " has no replicas and left no claims behind"}},
                 std::move(plan));
  // Claims that a StatefulSet without replicas has left behind.
  if (const std::size_t count = plan.status.volumes.size(); count > kMostVolumes) {
    plan.status.volumes.clear();
    plan.status.manifests.clear();
    return Block(world, {TooManyVolumes(*world.policy, count)}, std::move(plan));
  }
  Continue(world, {}, plan.status);
  plan.requeue = RequeueAt(world.now);
  return plan;
}

}  // namespace

void AddStartFailure(Plan& plan, const World& world, const std::string& claim, const Error& error) {
  const auto volume = std::ranges::find(plan.status.volumes, claim, &VolumeBackup::claim);
  const bool job = std::ranges::find(plan.start, claim) != plan.start.end();
  if (volume != plan.status.volumes.end()) {
    if (job) volume->job.clear();
    volume->message = error.message;
  }
  const char* word = !job                                 ? reason::kStagingRefused
                     : error.code == Code::kAlreadyExists ? reason::kJobNameTaken
                                                          : reason::kJobRefused;
  crds::SetReconciling(plan.status.conditions,
                       {world.backup.metadata.generation, word, claim + ": " + error.message},
                       world.now);
}

Plan Decide(const World& world, const Settings& settings) {
  Plan plan;
  plan.status = world.backup.status;
  if (IsOver(world.backup.status)) return CleanUp(world, std::move(plan));
  plan.status.observed_generation = world.backup.metadata.generation;
  if (world.backup.spec.imported) {
    TakeImported(world, plan.status);
    return plan;
  }
  if (!world.backup.status.volumes.empty() && world.backup.status.start_time)
    return Run(world, settings, std::move(plan));
  if (const auto blocker = FindBlocker(world)) return Block(world, *blocker, std::move(plan));
  if (world.backup.status.volumes.empty()) return Resolve(world, std::move(plan));
  return Prepare(world, settings, std::move(plan));
}

}  // namespace holdfast::controllers::backup
