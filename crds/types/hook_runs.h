// Hooks at work, as the status of a Backup or a Restore has them.
#pragma once

#include <array>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/clock.h"
#include "crds/types/fields.h"
#include "crds/types/parts.h"

namespace holdfast::crds {

enum class HookStage : std::uint8_t { kPre, kPost };
constexpr auto Names(HookStage) { return std::array<std::string_view, 2>{"Pre", "Post"}; }

// One hook in one pod.
struct HookRun {
  HookStage stage = HookStage::kPre;
  std::int64_t index = 0;  // in HookRuns' pre or post
  std::string pod;
  std::string container;     // once it has been started
  std::string container_id;  // of the running container: "containerd://..."
  std::string command;       // the beginning, for people
  RunState state = RunState::kPending;
  std::optional<TimePoint> start_time;       // of the first attempt
  std::optional<TimePoint> completion_time;  // of the last attempt
  std::optional<std::int64_t> exit_code;     // absent when it is not known
  std::string stdout_tail;
  std::string stderr_tail;
  std::string message;
  std::int64_t attempts = 0;

  template <typename V>
  static void Fields(V&& visit) {
    visit("stage", &HookRun::stage, kRequired);
    visit("index", &HookRun::index, kRequired);
    visit("pod", &HookRun::pod, kRequired);
    visit("container", &HookRun::container);
    visit("containerID", &HookRun::container_id);
    visit("command", &HookRun::command);
    visit("state", &HookRun::state);
    visit("startTime", &HookRun::start_time);
    visit("completionTime", &HookRun::completion_time);
    visit("exitCode", &HookRun::exit_code);
    visit("stdout", &HookRun::stdout_tail);
    visit("stderr", &HookRun::stderr_tail);
    visit("message", &HookRun::message);
    visit("attempts", &HookRun::attempts, kOmitZero);
  }
  friend bool operator==(const HookRun&, const HookRun&) = default;
};

// The hooks as they were when the run began: what the spec says later changes nothing.
struct HookRuns {
  std::vector<Hook> pre;
  std::vector<Hook> post;
  std::vector<HookRun> runs;  // by pod: its pre hooks, then its post hooks

  template <typename V>
  static void Fields(V&& visit) {
    visit("pre", &HookRuns::pre);
    visit("post", &HookRuns::post);
    visit("runs", &HookRuns::runs);
  }
  friend bool operator==(const HookRuns&, const HookRuns&) = default;
};

}  // namespace holdfast::crds
