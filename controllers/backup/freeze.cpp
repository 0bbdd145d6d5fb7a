#include "controllers/backup/freeze.h"

#include <algorithm>

#include <spdlog/fmt/fmt.h>

#include "controllers/backup/staging.h"
#include "controllers/backup/volumes.h"
#include "jobs/protocol/dump_name.h"

namespace holdfast::controllers::backup {
namespace {

using crds::BackupStatus;
using crds::RunState;
using crds::VolumeBackup;

// Nothing of the pod has to be held any more.
bool IsCopied(const BackupStatus& status, const std::string& pod) {
  return std::ranges::all_of(status.volumes, [&](const VolumeBackup& volume) {
    return volume.pod != pod || IsOver(volume) || IsCut(volume);
  });
}

// Dumps begin when nothing is held any more.
bool IsCopiedWhileHeld(const VolumeBackup& volume) {
  return volume.copy_method != crds::CopyMethod::kSnapshot && !protocol::IsDump(volume.claim);
}

// A snapshot that is there already stays, and is kept apart: the run counts as failed.
void GiveUp(const World& world, Plan& plan, std::size_t i, std::string why) {
  if (world.volumes[i].job_is_coming) return;  // it could not be stopped yet
  VolumeBackup& volume = plan.status.volumes[i];
  const auto& job = world.volumes[i].job;
  if (!IsOver(volume) && job && !job->Finished() && !job->deleting) plan.stop.push_back(*job);
  Fail(volume, std::move(why));
}

void GiveUpWhatHooksCost(const World& world, Plan& plan) {
  for (std::size_t i = 0; i < plan.status.volumes.size(); ++i) {
    const VolumeBackup& volume = plan.status.volumes[i];
    if (volume.state == RunState::kFailed || volume.pod.empty()) continue;
    std::string why = hooks::FailureIn(plan.status.hooks, volume.pod);
    if (!why.empty()) GiveUp(world, plan, i, std::move(why));
  }
}

std::vector<std::string> PodsOf(const BackupStatus& status) {
  std::vector<std::string> pods;
  for (const VolumeBackup& volume : status.volumes)
    if (!volume.pod.empty() && std::ranges::find(pods, volume.pod) == pods.end())
      pods.push_back(volume.pod);
  return pods;
}

bool IsBeyondDeadline(const World& world, const BackupStatus& status) {
  const auto limit = hooks::ThawTime(status.hooks);
  return limit && world.now >= *limit && !hooks::IsOver(status.hooks);
}

}  // namespace

bool OwesThaw(const BackupStatus& status) {
  return !status.hooks.runs.empty() && !hooks::IsOver(status.hooks);
}

bool TakeHooks(const World& world, Plan& plan) {
  if (world.policy == nullptr || plan.status.start_time) return false;
  const crds::FreezeHooks& wanted = world.policy->spec.hooks;
  const std::vector<std::string> pods = PodsOf(plan.status);
  crds::BackupHooks resolved;
  if (hooks::CountRuns(wanted, pods.size()) > 0) resolved = hooks::Resolve(wanted, pods);
  if (plan.status.hooks == resolved) return false;
  plan.status.hooks = std::move(resolved);
  return true;
}

std::string TooManyRuns(const World& world, const BackupStatus& status) {
  const std::size_t pods = PodsOf(status).size();
  const std::size_t runs = hooks::CountRuns(world.policy->spec.hooks, pods);
  if (runs <= hooks::kMostRuns) return "";
  return fmt::format(
      "the hooks of BackupPolicy \"{}\" in {} pods make {} runs, more than the {} that one Backup "
      "keeps the record of; put several commands into one hook",
      world.backup.spec.policy, pods, runs, hooks::kMostRuns);
}

std::string WaitsForSlots(const World& world, const BackupStatus& status) {
  if (status.hooks.pre.empty() || status.hooks.runs.empty() || world.repository == nullptr)
    return "";
  if (!world.pruning.empty()) return "waits with its hooks until the repository is pruned";
  const auto limit = static_cast<std::size_t>(world.repository->spec.limits.concurrent_movers);
  const auto held_by_movers =
      static_cast<std::size_t>(std::ranges::count_if(status.volumes, IsCopiedWhileHeld));
  const std::size_t wanted = std::clamp<std::size_t>(held_by_movers, 1, limit);
  if (static_cast<std::size_t>(world.free_slots) >= wanted) return "";
  return fmt::format(
      "waits with its hooks for {} slots of BackupRepository \"{}\" (spec.limits."
      "concurrentMovers), of which {} are free: pods are not held while movers wait",
      wanted, world.repository->metadata.name, world.free_slots);
}

void TakeHookNews(const World& world, Plan& plan) {
  plan.hooks.ended = hooks::TakeNews(plan.status.hooks, world.hook_news, world.now);
  plan.hooks.stored = world.hook_news.ended;
  GiveUpWhatHooksCost(world, plan);
}

void KeepDeadline(const World& world, Plan& plan) {
  if (!IsBeyondDeadline(world, plan.status) ||
      plan.status.hooks.on_deadline != crds::OnError::kFail)
    return;
  for (std::size_t i = 0; i < plan.status.volumes.size(); ++i) {
    const VolumeBackup& volume = plan.status.volumes[i];
    if (IsOver(volume) || IsCut(volume) || volume.pod.empty()) continue;
    GiveUp(world, plan, i,
           fmt::format("pod {} was held for {} and the volume was not copied by then; it was let "
                       "go (spec.hooks.deadline of the policy)",
                       volume.pod, plan.status.hooks.deadline));
  }
}

void StartHooks(const World& world, Plan& plan) {
  if (plan.status.hooks.runs.empty()) return;
  const bool beyond = IsBeyondDeadline(world, plan.status);
  plan.hooks.start = hooks::Start(plan.status.hooks, world.now, beyond,
                                  [&](const auto& pod) { return IsCopied(plan.status, pod); });
  if (beyond && !plan.hooks.start.empty())
    plan.hooks.expired = fmt::format(
        "the pods were held for {} (spec.hooks.deadline) and are let go; {}",
        plan.status.hooks.deadline,
        plan.status.hooks.on_deadline == crds::OnError::kFail
            ? "what was not copied by then failed"
            : "what was not copied by then is copied on although nothing holds it still");
}

bool MayCopy(const BackupStatus& status) { return hooks::IsFrozen(status.hooks); }

bool Abandon(const crds::Backup& backup, const hooks::News& news, TimePoint now, HookPlan& plan,
             BackupStatus& status) {
  if (!backup.status.start_time || !OwesThaw(status)) return true;
  plan.ended = hooks::TakeNews(status.hooks, news, now);
  plan.stored = news.ended;
  plan.start = hooks::Start(status.hooks, now, true, [](const auto&) { return true; });
  return hooks::IsOver(status.hooks);
}

}  // namespace holdfast::controllers::backup
