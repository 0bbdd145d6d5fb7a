// The hooks of one Backup or Restore as a state machine in its status: which run in which pod is
// due, and what came of those that ended. Pure; what is due is run by the Runner, and only once the
// status that says so is stored:
//
//   Pending --status written--> Running --ended--> Succeeded | Failed
//   Pending --nothing to thaw, or something before it failed--> Skipped
//
// A run that the status calls Running and that the Runner does not know was started, or was about
// to be, by an operator that is gone. A pre hook counts as failed then and is not run again; a post
// hook is run again, so that post hooks run at least once.
#pragma once

#include <chrono>
#include <cstdint>
#include <functional>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "base/clock.h"
#include "base/error.h"
#include "crds/types/backup.h"
#include "crds/types/parts.h"

namespace holdfast::controllers::hooks {

// More do not fit into one object with what is kept of each.
inline constexpr std::size_t kMostRuns = 512;

// A post hook that could not be run at all (no connection, the kubelet is away) is tried again for
// so long.
inline constexpr std::chrono::minutes kPatience{15};

// One attempt that ended.
struct Outcome {
  std::size_t run = 0;  // index in HookRuns::runs
  std::string container;
  std::string container_id;
  Result<int> exit_code = 0;
  std::string stdout_tail;
  std::string stderr_tail;
  TimePoint time{};  // of its end
};

// What the Runner knows of one object's runs.
struct News {
  std::vector<Outcome> ended;
  std::set<std::size_t> running;
};

// All runs pending, for these pods.
crds::BackupHooks Resolve(const crds::FreezeHooks& hooks, const std::vector<std::string>& pods);

crds::HookRuns Resolve(const crds::Hooks& hooks, const std::vector<std::string>& pods);

// How many runs that makes.
std::size_t CountRuns(const crds::FreezeHooks& hooks, std::size_t pods);
std::size_t CountRuns(const crds::Hooks& hooks, std::size_t pods);

const crds::Hook& HookOf(const crds::HookRuns& hooks, const crds::HookRun& run);

// How much of each stream is kept of each run: all of them together fit into one object.
std::size_t TailLimit(const crds::HookRuns& hooks);

// When the post hooks are run, come what may; nullopt while nothing is frozen.
std::optional<TimePoint> ThawTime(const crds::BackupHooks& hooks);

// Enters what ended and what was lost; returns the runs that are over now.
std::vector<std::size_t> TakeNews(crds::HookRuns& hooks, const News& news, TimePoint now);

// Every pre hook is over, in every pod.
bool IsFrozen(const crds::HookRuns& hooks);
// Everything is over.
bool IsOver(const crds::HookRuns& hooks);
// `run` has ended, well or not, or will not be run.
bool IsOver(const crds::HookRun& run);

// Why the volumes of `pod` are given up: a hook failed that may not, or the pod was started anew
// while it was to be held; empty for no reason.
std::string FailureIn(const crds::BackupHooks& hooks, const std::string& pod);

// The runs to start now, which become Running. Pre hooks of all pods until `abandon`; post hooks of
// a pod once `copied` says that nothing of it has to be held any more, or a pre hook of it failed.
// `abandon` lets go: what has not begun is skipped, post hooks become due.
std::vector<std::size_t> Start(crds::BackupHooks& hooks, TimePoint now, bool abandon,
                               const std::function<bool(const std::string& pod)>& copied);

// When a post hook that could not be run is to be tried again; nullopt when none waits.
std::optional<TimePoint> NextTry(const crds::HookRuns& hooks);

// --- One stage after the other, with something in between: a Restore's ---

// "pre hook 0 (fsfreeze ...) in pod db-0"
std::string Describe(const crds::HookRun& run);

// No run of `stage` is left.
bool IsOver(const crds::HookRuns& hooks, crds::HookStage stage);

// The first of `stage` that failed and may not; nullptr for none.
const crds::HookRun* FindFailure(const crds::HookRuns& hooks, crds::HookStage stage);

// The runs of `stage` to start now, in each pod one after the other, which become Running.
std::vector<std::size_t> StartStage(crds::HookRuns& hooks, crds::HookStage stage, TimePoint now);

// What has not begun of `stage` will not be run, in the pods for which `applies`; `why` becomes its
// message.
void SkipStage(crds::HookRuns& hooks, crds::HookStage stage, const std::string& why,
               const std::function<bool(const std::string& pod)>& applies);

// A pre hook has begun in the pod.
bool HasBegun(const crds::HookRuns& hooks, const std::string& pod);

// Nothing was there that could be spoken to: no such pod, or its container did not run.
bool FoundNothing(const Outcome& outcome);

}  // namespace holdfast::controllers::hooks
