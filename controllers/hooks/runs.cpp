#include "controllers/hooks/runs.h"

#include <algorithm>

#include <spdlog/fmt/fmt.h>

namespace holdfast::controllers::hooks {
namespace {

using crds::BackupHooks;
using crds::HookRun;
using crds::HookRuns;
using crds::HookStage;
using crds::OnError;
using crds::RunState;

// Of the command, in the status and in events.
constexpr std::size_t kMostCommand = 100;
// Of all tails of one Backup together: an object has to stay below 1.5 MiB.
constexpr std::size_t kMostTails = 256UL * 1024;
constexpr std::size_t kMostTail = 2048;
constexpr std::chrono::seconds kFirstPause{2};
constexpr std::chrono::seconds kLongestPause{60};

std::string Abbreviated(const std::vector<std::string>& command) {
  std::string text;
  for (const std::string& word : command) text += (text.empty() ? "" : " ") + word;
  if (text.size() <= kMostCommand) return text;
  std::size_t end = kMostCommand;
  while (end > 0 && (static_cast<unsigned char>(text[end]) & 0xC0) == 0x80) --end;  // whole letters
  return text.substr(0, end) + "...";
}

void AddRuns(HookRuns& hooks, HookStage stage, const std::string& pod) {
  const auto& list = stage == HookStage::kPre ? hooks.pre : hooks.post;
  for (std::size_t i = 0; i < list.size(); ++i) {
    HookRun run;
    run.stage = stage;
    run.index = static_cast<std::int64_t>(i);
    run.pod = pod;
    run.command = Abbreviated(list[i].command);
    hooks.runs.push_back(std::move(run));
  }
}

bool IsPre(const HookRun& run) { return run.stage == HookStage::kPre; }

// The command may not even have begun, so that another attempt is worth it.
bool NeverRan(const Error& error) {
  return error.code == Code::kUnavailable || error.code == Code::kInternal ||
         error.code == Code::kDenied || error.code == Code::kCancelled;
}

void Fail(HookRun& run, TimePoint now, std::string message) {
  run.state = RunState::kFailed;
  run.completion_time = std::chrono::floor<std::chrono::seconds>(now);
  run.message = std::move(message);
}

void Enter(HookRun& run, const Outcome& outcome) {
  run.container = outcome.container;
  if (!outcome.container_id.empty()) run.container_id = outcome.container_id;
  run.stdout_tail = outcome.stdout_tail;
  run.stderr_tail = outcome.stderr_tail;
  run.completion_time = std::chrono::floor<std::chrono::seconds>(outcome.time);
  run.message.clear();
  run.exit_code.reset();
  if (!outcome.exit_code) {
    const Error& error = outcome.exit_code.error();
    const bool again = !IsPre(run) && NeverRan(error) && outcome.time < *run.start_time + kPatience;
    run.state = again ? RunState::kPending : RunState::kFailed;
    run.message = error.message;
    return;
  }
  run.exit_code = *outcome.exit_code;
  run.state = *outcome.exit_code == 0 ? RunState::kSucceeded : RunState::kFailed;
  if (*outcome.exit_code != 0)
    run.message = fmt::format("it ended with exit code {}", *outcome.exit_code);
}

void EnterLost(HookRun& run, TimePoint now) {
  if (IsPre(run))
    Fail(run, now,
         "the operator that ran it was stopped meanwhile; how it ended is not known, and it is not "
         "run again");
  else
    run.state = RunState::kPending;
}

std::optional<TimePoint> TryTime(const HookRun& run) {
  if (IsPre(run) || run.state != RunState::kPending || run.attempts == 0 || !run.completion_time)
    return std::nullopt;
  return *run.completion_time + std::min(kFirstPause * run.attempts, kLongestPause);
}

// The runs of one pod, in order.
class Pod {
 public:
  Pod(HookRuns& hooks, const std::string& name) : hooks_(hooks), name_(name) {}

  // The pre hook that makes copying pointless.
  bool IsBroken() const {
    return AnyOf(HookStage::kPre, [this](const HookRun& run) {
      return run.state == RunState::kFailed && HookOf(hooks_, run).on_error == OnError::kFail;
    });
  }
  // Something may be frozen: a pre hook began, or only post hooks were asked for.
  bool OwesThaw() const {
    return hooks_.pre.empty() ||
           AnyOf(HookStage::kPre, [](const HookRun& run) { return run.attempts > 0; });
  }
  bool IsFrozen() const {
    return !AnyOf(HookStage::kPre, [](const HookRun& run) { return !IsOver(run); });
  }

  void Skip(HookStage stage, const std::string& why = "") {
    for (HookRun& run : hooks_.runs)
      if (run.pod == name_ && run.stage == stage && run.state == RunState::kPending &&
          run.attempts == 0) {
        run.state = RunState::kSkipped;
        run.message = why;
      }
  }

  // The first that is not over, if it is not running and its time has come.
  std::optional<std::size_t> Next(HookStage stage, TimePoint now) const {
    for (std::size_t i = 0; i < hooks_.runs.size(); ++i) {
      const HookRun& run = hooks_.runs[i];
      if (run.pod != name_ || run.stage != stage || IsOver(run)) continue;
      if (run.state == RunState::kRunning || TryTime(run) > now) return std::nullopt;
      return i;
    }
    return std::nullopt;
  }

 private:
  template <typename Test>
  bool AnyOf(HookStage stage, Test test) const {
    return std::ranges::any_of(hooks_.runs, [&](const HookRun& run) {
      return run.pod == name_ && run.stage == stage && test(run);
    });
  }

  HookRuns& hooks_;
  const std::string& name_;
};

std::vector<std::string> PodsOf(const HookRuns& hooks) {
  std::vector<std::string> pods;
  for (const HookRun& run : hooks.runs)
    if (std::ranges::find(pods, run.pod) == pods.end()) pods.push_back(run.pod);
  return pods;
}

// A container that was started anew has forgotten what its pre hooks did.
std::string RestartedIn(const HookRuns& hooks, const std::string& pod) {
  for (const HookRun& pre : hooks.runs) {
    if (pre.pod != pod || !IsPre(pre) || pre.state != RunState::kSucceeded ||
        HookOf(hooks, pre).on_error != OnError::kFail)
      continue;
    for (const HookRun& post : hooks.runs)
      if (post.pod == pod && !IsPre(post) && post.container == pre.container &&
          !post.container_id.empty() && post.container_id != pre.container_id)
        return fmt::format(
            "container {} of pod {} was started anew after its pre hooks, so that nothing held "
            "the volume still while it was read",
            pre.container, pod);
  }
  return "";
}

void Begin(HookRuns& hooks, const std::vector<std::size_t>& start, TimePoint now) {
  for (const std::size_t i : start) {
    HookRun& run = hooks.runs[i];
    run.state = RunState::kRunning;
    if (!run.start_time) run.start_time = std::chrono::floor<std::chrono::seconds>(now);
    ++run.attempts;
  }
}

bool AnyPre(const HookRuns& hooks, const std::vector<std::size_t>& runs) {
  return std::ranges::any_of(runs, [&](std::size_t i) { return IsPre(hooks.runs[i]); });
}

}  // namespace

std::string Describe(const HookRun& run) {
  return fmt::format("{} hook {} ({}) in pod {}", IsPre(run) ? "pre" : "post", run.index,
                     run.command, run.pod);
}

crds::HookRuns Resolve(const crds::Hooks& hooks, const std::vector<std::string>& pods) {
  HookRuns resolved;
  resolved.pre = hooks.pre;
  resolved.post = hooks.post;
  for (const std::string& pod : pods) {
    AddRuns(resolved, HookStage::kPre, pod);
    AddRuns(resolved, HookStage::kPost, pod);
  }
  return resolved;
}

BackupHooks Resolve(const crds::FreezeHooks& hooks, const std::vector<std::string>& pods) {
  BackupHooks resolved;
  static_cast<HookRuns&>(resolved) = Resolve(crds::Hooks{hooks.pre, hooks.post}, pods);
  resolved.deadline = hooks.deadline;
  resolved.on_deadline = hooks.on_deadline;
  return resolved;
}

std::size_t CountRuns(const crds::FreezeHooks& hooks, std::size_t pods) {
  return (hooks.pre.size() + hooks.post.size()) * pods;
}

std::size_t CountRuns(const crds::Hooks& hooks, std::size_t pods) {
  return (hooks.pre.size() + hooks.post.size()) * pods;
}

const crds::Hook& HookOf(const HookRuns& hooks, const HookRun& run) {
  return (IsPre(run) ? hooks.pre : hooks.post).at(static_cast<std::size_t>(run.index));
}

std::size_t TailLimit(const HookRuns& hooks) {
  return std::min(kMostTail, kMostTails / (2 * std::max<std::size_t>(1, hooks.runs.size())));
}

std::optional<TimePoint> ThawTime(const BackupHooks& hooks) {
  if (!hooks.frozen_time) return std::nullopt;
  const auto limit = ParseDuration(hooks.deadline);
  return *hooks.frozen_time + (limit ? *limit : std::chrono::seconds(0));
}

std::vector<std::size_t> TakeNews(HookRuns& hooks, const News& news, TimePoint now) {
  std::vector<std::size_t> over;
  for (std::size_t i = 0; i < hooks.runs.size(); ++i) {
    HookRun& run = hooks.runs[i];
    if (run.state != RunState::kRunning) continue;
    const auto outcome = std::ranges::find(news.ended, i, &Outcome::run);
    if (outcome != news.ended.end())
      Enter(run, *outcome);
    else if (!news.running.contains(i))
      EnterLost(run, now);
    if (IsOver(run)) over.push_back(i);
  }
  return over;
}

bool IsOver(const HookRun& run) {
  return run.state != RunState::kPending && run.state != RunState::kRunning;
}

bool IsFrozen(const HookRuns& hooks) {
  return std::ranges::all_of(hooks.runs, [](const auto& r) { return !IsPre(r) || IsOver(r); });
}

bool IsOver(const HookRuns& hooks) {
  return std::ranges::all_of(hooks.runs, [](const HookRun& run) { return IsOver(run); });
}

std::string FailureIn(const BackupHooks& hooks, const std::string& pod) {
  for (const HookRun& run : hooks.runs)
    if (run.pod == pod && run.state == RunState::kFailed &&
        HookOf(hooks, run).on_error == OnError::kFail)
      return Describe(run) + " failed: " + run.message;
  return RestartedIn(hooks, pod);
}

std::vector<std::size_t> Start(BackupHooks& hooks, TimePoint now, bool abandon,
                               const std::function<bool(const std::string& pod)>& copied) {
  std::vector<std::size_t> start;
  for (const std::string& name : PodsOf(hooks)) {
    Pod pod(hooks, name);
    if (abandon || pod.IsBroken()) pod.Skip(HookStage::kPre);
    auto next = pod.Next(HookStage::kPre, now);
    if (!next && pod.IsFrozen() && (abandon || pod.IsBroken() || copied(name))) {
      if (!pod.OwesThaw()) pod.Skip(HookStage::kPost);
      next = pod.Next(HookStage::kPost, now);
    }
    if (next) start.push_back(*next);
  }
  Begin(hooks, start, now);
  const TimePoint second = std::chrono::floor<std::chrono::seconds>(now);
  if (!hooks.frozen_time && AnyPre(hooks, start)) hooks.frozen_time = second;
  if (!hooks.thawed_time && hooks.frozen_time && IsOver(hooks)) hooks.thawed_time = second;
  return start;
}

std::optional<TimePoint> NextTry(const HookRuns& hooks) {
  std::optional<TimePoint> next;
  for (const HookRun& run : hooks.runs)
    if (const auto time = TryTime(run); time && (!next || *time < *next)) next = time;
  return next;
}

bool IsOver(const HookRuns& hooks, HookStage stage) {
  return std::ranges::all_of(hooks.runs,
                             [&](const HookRun& run) { return run.stage != stage || IsOver(run); });
}

const HookRun* FindFailure(const HookRuns& hooks, HookStage stage) {
  const auto failed = std::ranges::find_if(hooks.runs, [&](const HookRun& run) {
    return run.stage == stage && run.state == RunState::kFailed &&
           HookOf(hooks, run).on_error == OnError::kFail;
  });
  return failed == hooks.runs.end() ? nullptr : &*failed;
}

std::vector<std::size_t> StartStage(HookRuns& hooks, HookStage stage, TimePoint now) {
  std::vector<std::size_t> start;
  for (const std::string& name : PodsOf(hooks))
    if (const auto next = Pod(hooks, name).Next(stage, now)) start.push_back(*next);
  Begin(hooks, start, now);
  return start;
}

void SkipStage(HookRuns& hooks, HookStage stage, const std::string& why,
               const std::function<bool(const std::string& pod)>& applies) {
  for (const std::string& name : PodsOf(hooks))
    if (applies(name)) Pod(hooks, name).Skip(stage, why);
}

bool HasBegun(const HookRuns& hooks, const std::string& pod) {
  return std::ranges::any_of(hooks.runs, [&](const HookRun& run) {
    return run.pod == pod && IsPre(run) && run.attempts > 0 && run.state != RunState::kSkipped;
  });
}

bool FoundNothing(const Outcome& outcome) {
  if (outcome.exit_code) return false;
  if (outcome.container.empty()) return outcome.exit_code.error().code == Code::kNotFound;
  return outcome.container_id.empty();
}

}  // namespace holdfast::controllers::hooks
