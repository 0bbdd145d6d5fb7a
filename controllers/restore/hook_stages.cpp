#include "controllers/restore/hook_stages.h"

#include <algorithm>

#include "base/wording.h"
#include "controllers/reasons.h"
#include "controllers/restore/ending.h"
#include "controllers/restore/in_place.h"
#include "controllers/restore/resolve.h"

namespace holdfast::controllers::restore {
namespace {

using crds::HookRun;
using crds::HookRuns;
using crds::HookStage;
using crds::RunState;

// The Runner calls when a hook has ended; this is for a call that was lost.
constexpr std::chrono::seconds kLookAtHooks{5};
constexpr std::chrono::hours kLongestTimeout{24 * 7};
constexpr std::size_t kMostFailuresTold = 3;

bool AnyPod(const std::string&) { return true; }

std::string Message(const HookRun& run) {
  return Sentence(hooks::Describe(run) + " failed: " + run.message);
}

// The pods of the volumes, as many as the StatefulSet has.
std::vector<std::string> PodsOfVolumes(const Draft& d) {
  std::vector<std::string> pods;
  const int end = d.world.set->first_ordinal + static_cast<int>(SizeToHave(d));
  for (const crds::VolumeRestore& volume : d.plan.status.volumes) {
    const auto name = ParseClaimName(volume.claim, *d.world.set);
    if (!name || name->ordinal >= end) continue;
    std::string pod = d.SetName() + "-" + std::to_string(name->ordinal);
    if (std::ranges::find(pods, pod) == pods.end()) pods.push_back(std::move(pod));
  }
  return pods;
}

// True when there are hooks, and pods for them; then they are to be stored before one is started.
bool TakeHooks(Draft& d) {
  if (HooksCannotRun(d)) return true;
  const std::vector<std::string> pods = PodsOfVolumes(d);
  const std::size_t runs = hooks::CountRuns(d.restore.spec.hooks, pods.size());
  if (runs == 0) return false;
  if (runs > hooks::kMostRuns) {
    d.Stall(reason::kInvalidSpec,
            "spec.hooks make " + std::to_string(runs) + " runs in " + Counted(pods.size(), "pod") +
                ", more than the " + std::to_string(hooks::kMostRuns) +
                " that one Restore keeps the record of; put several commands into one hook.");
    return true;
  }
  d.plan.status.hooks = hooks::Resolve(d.restore.spec.hooks, pods);
  d.plan.add_finalizer = !d.HasFinalizer();
  if (!d.plan.status.hooks.pre.empty()) d.BeginStep(kPreHooksStep, "");
  d.Progressing(reason::kRunningHooks,
                "Pre hooks are run before StatefulSet " + d.SetName() + " is scaled down.");
  d.plan.requeue = RequeueAt(d.world.now);
  return true;
}

void StartDue(Draft& d, HookStage stage) {
  HookRuns& hooks = d.plan.status.hooks;
  d.plan.hooks.start = hooks::StartStage(hooks, stage, d.world.now);
  const TimePoint later = d.world.now + kLookAtHooks;
  d.plan.requeue = RequeueAt(std::min(hooks::NextTry(hooks).value_or(later), later));
}

// Which run, for the condition.
std::string AtWork(const HookRuns& hooks) {
  std::string text;
  for (const HookRun& run : hooks.runs)
    if (run.state == RunState::kRunning) text += (text.empty() ? "" : ", ") + hooks::Describe(run);
  return text.empty() ? "" : ": " + text;
}

// A pre hook that found nobody there.
void SkipAbsent(Draft& d) {
  HookRuns& hooks = d.plan.status.hooks;
  for (const hooks::Outcome& outcome : d.world.hook_news.ended) {
    if (outcome.run >= hooks.runs.size() || !hooks::FoundNothing(outcome)) continue;
    HookRun& run = hooks.runs[outcome.run];
    if (run.stage != HookStage::kPre || run.state != RunState::kRunning) continue;
    run.state = RunState::kSkipped;
    run.container = outcome.container;
    run.completion_time = std::chrono::floor<std::chrono::seconds>(outcome.time);
    run.message = "the pod did not run: " + outcome.exit_code.error().message;
  }
}

bool HasRunning(const HookRuns& hooks) {
  return std::ranges::any_of(hooks.runs,
                             [](const HookRun& run) { return run.state == RunState::kRunning; });
}

}  // namespace

bool HooksCannotRun(Draft& d) {
  const crds::RestoreSpec& spec = d.restore.spec;
  if (spec.hooks.pre.empty() && spec.hooks.post.empty()) return false;
  if (spec.target.stateful_set.empty()) {
    d.Stall(reason::kInvalidSpec,
            "spec.hooks runs commands in the pods of a StatefulSet, and this target has none; name "
            "one in spec.target.statefulSet, or create the Restore without spec.hooks.");
    return true;
  }
  if (!d.settings.hooks_enabled) {
    d.Stall(reason::kHooksDisabled,
            "spec.hooks runs commands in pods, which is switched off in this cluster; create the "
            "Restore without it, or ask whoever installed Holdfast to set hooks.enabled in the "
            "chart's values.");
    return true;
  }
  for (const auto* stage : {&spec.hooks.pre, &spec.hooks.post})
    for (const crds::Hook& hook : *stage) {
      const auto timeout = ParseDuration(hook.timeout);
      if (timeout && timeout->count() > 0 && *timeout <= kLongestTimeout) continue;
      d.Stall(reason::kInvalidSpec,
              "A timeout in spec.hooks, \"" + hook.timeout + "\", is not between 1s and 7d.");
      return true;
    }
  return false;
}

void TakeHookNews(Draft& d) {
  HookRuns& hooks = d.plan.status.hooks;
  if (hooks.runs.empty()) return;
  SkipAbsent(d);
  d.plan.hooks.ended = hooks::TakeNews(hooks, d.world.hook_news, d.world.now);
  d.plan.hooks.stored = d.world.hook_news.ended;
}

bool PreHooksDone(Draft& d) {
  HookRuns& hooks = d.plan.status.hooks;
  if (hooks.runs.empty()) return !TakeHooks(d);
  if (const HookRun* failed = hooks::FindFailure(hooks, HookStage::kPre)) {
    GiveUp(d, reason::kHookFailed, Message(*failed));
    return false;
  }
  if (hooks::IsOver(hooks, HookStage::kPre)) {
    if (!hooks.pre.empty()) d.EndStep(kPreHooksStep);
    return true;
  }
  if (!d.HasFinalizer()) {
    d.plan.add_finalizer = true;
    d.plan.requeue = RequeueAt(d.world.now);
    return false;
  }
  StartDue(d, HookStage::kPre);
  d.Progressing(reason::kRunningHooks, "Pre hooks are run before StatefulSet " + d.SetName() +
                                           " is scaled down" + AtWork(hooks) + ".");
  return false;
}

bool PostHooksDone(Draft& d) {
  HookRuns& hooks = d.plan.status.hooks;
  if (hooks.runs.empty() || hooks.post.empty()) return true;
  d.BeginStep(kPostHooksStep, "");
  const HookRun* failed = hooks::FindFailure(hooks, HookStage::kPost);
  if (failed != nullptr) {
    hooks::SkipStage(hooks, HookStage::kPost, "a post hook failed that may not", AnyPod);
    if (!HasRunning(hooks)) {
      FailUp(d, reason::kHookFailed,
             hooks::Describe(*failed) + " failed: " + failed->message + "; StatefulSet " +
                 d.SetName() + " is up.");
      return false;
    }
  } else if (hooks::IsOver(hooks, HookStage::kPost)) {
    d.EndStep(kPostHooksStep);
    return true;
  }
  StartDue(d, HookStage::kPost);
  d.Progressing(reason::kRunningHooks, "The volumes are restored and StatefulSet " + d.SetName() +
                                           " is up; post hooks are run" + AtWork(hooks) + ".");
  return false;
}

bool LetGo(Draft& d) {
  HookRuns& hooks = d.plan.status.hooks;
  if (hooks.runs.empty()) return true;
  if (d.plan.status.original_replicas) {
    hooks::SkipStage(hooks, HookStage::kPost, "the volumes were not restored", AnyPod);
    return true;
  }
  hooks::SkipStage(hooks, HookStage::kPre, "the Restore was given up before", AnyPod);
  d.Progressing(reason::kRunningHooks,
                "The Restore is given up; post hooks are run in the pods where a pre hook had "
                "begun.");
  if (!hooks::IsOver(hooks, HookStage::kPre)) {
    d.plan.requeue = RequeueAt(d.world.now + kLookAtHooks);
    return false;
  }
  hooks::SkipStage(hooks, HookStage::kPost, "no pre hook had begun in the pod",
                   [&](const std::string& pod) { return !hooks::HasBegun(hooks, pod); });
  StartDue(d, HookStage::kPost);
  if (!hooks::IsOver(hooks, HookStage::kPost)) {
    d.BeginStep(kPostHooksStep, "in the pods where a pre hook had begun");
    return false;
  }
  if (d.FindStep(kPostHooksStep) != nullptr) d.EndStep(kPostHooksStep);
  return true;
}

std::string FailuresOfHooks(const HookRuns& hooks) {
  std::string text;
  std::size_t told = 0;
  for (const HookRun& run : hooks.runs)
    if (run.state == RunState::kFailed && ++told <= kMostFailuresTold) text += " " + Message(run);
  if (told > kMostFailuresTold)
    text += " " + Counted(told - kMostFailuresTold, "more hook") + " failed: status.hooks.";
  return text;
}

}  // namespace holdfast::controllers::restore
