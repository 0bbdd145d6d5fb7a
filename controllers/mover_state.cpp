#include "controllers/mover_state.h"

#include <algorithm>
#include <tuple>

#include "controllers/reasons.h"

namespace holdfast::controllers {
namespace {

const PodView* Newest(const std::vector<PodView>& pods) {
  const auto newest =
      std::max_element(pods.begin(), pods.end(), [](const PodView& a, const PodView& b) {
        return std::tie(a.created, a.key.name) < std::tie(b.created, b.key.name);
      });
  return newest == pods.end() ? nullptr : &*newest;
}

void Explain(MoverState& state, const char* reason, std::string message) {
  state.reason = reason;
  state.message = std::move(message);
}

// Pulled, but not made: a Secret that is missing, for instance.
bool CannotBeMade(const std::string& waiting) {
  return waiting.starts_with("CreateContainer") || waiting == "RunContainerError";
}

bool CannotBePulled(const std::string& waiting) { return waiting.find("Image") != waiting.npos; }

std::string WhyWaiting(const ContainerView& container) {
  return container.waiting_reason +
         (container.waiting_message.empty() ? "" : ": " + container.waiting_message);
}

// A dump that is held up; the mover waits for it, as long as the dump's timeout.
bool IsHeldUp(const PodView& pod) {
  return pod.dump && !pod.Finished() &&
         (CannotBePulled(pod.dump->waiting_reason) || CannotBeMade(pod.dump->waiting_reason));
}

void ExplainHeldUp(const PodView& pod, MoverState& state) {
  if (CannotBePulled(pod.dump->waiting_reason))
    Explain(state, reason::kImageUnavailable,
            "the dump's image cannot be pulled: " + WhyWaiting(*pod.dump));
  else
    Explain(state, reason::kPodMisconfigured,
            "the dump's container cannot start: " + WhyWaiting(*pod.dump));
  // A pod is not over while one of its containers waits, and this one waits for ever.
  const bool given_up = pod.exit_code && !pod.running;
  if (!given_up) return;
  state.phase = MoverPhase::kFailed;
  if (state.result && !state.result->message.empty()) state.message += "; " + state.result->message;
}

// What a dump's container says of its own end, to what the mover says of it.
constexpr std::size_t kMostWords = 1024;

std::string WithLastWords(std::string message, const ContainerView& dump) {
  if (dump.terminated_reason == "OOMKilled")
    message +=
        "; its container used more memory than its limit: raise resources.limits.memory of the "
        "dump";
  std::string words = dump.termination_message;
  if (words.size() > kMostWords) {
    std::size_t begin = words.size() - kMostWords;
    while (begin < words.size() && (words[begin] & 0xc0) == 0x80) ++begin;  // within a character
    words = "... " + words.substr(begin);
  }
  return words.empty() ? message : message + "; the end of what it said: " + words;
}

// Why the container of a pod that exists does not run.
void ExplainWaiting(const PodView& pod, MoverState& state) {
  const std::string& waiting = pod.waiting_reason;
  const std::string why = WhyWaiting(pod);
  if (!pod.unscheduled_message.empty())
    Explain(state, reason::kUnschedulable,
            "no node can take pod " + pod.key.name + ": " + pod.unscheduled_message);
  else if (CannotBePulled(waiting))
    Explain(state, reason::kImageUnavailable, "the mover's image cannot be pulled: " + why);
  else if (CannotBeMade(waiting))
    Explain(state, reason::kPodMisconfigured, "pod " + pod.key.name + " cannot start: " + why);
  else
    state.message =
        "pod " + pod.key.name + " is starting" + (pod.node.empty() ? "" : " on node " + pod.node);
}

// How a pod that is over ended, unless it ended well.
void ExplainEnd(const PodView& pod, MoverState& state) {
  if (pod.terminated_reason == "OOMKilled")
    return Explain(state, reason::kOutOfMemory,
                   "pod " + pod.key.name +
                       " was killed for using more memory than its limit; raise "
                       "spec.mover.resources.limits.memory");
  if (state.result && state.result->exit != protocol::ExitCode::kOk) {
    const std::string word(protocol::ExitReason(state.result->exit));
    state.reason = word;
    state.message =
        state.result->message.empty() ? "the mover ended with " + word : state.result->message;
    if (pod.dump && state.result->exit == protocol::ExitCode::kDumpFailed)
      state.message = WithLastWords(std::move(state.message), *pod.dump);
    return;
  }
  if (!state.result)
    Explain(state, reason::kNoResult,
            "pod " + pod.key.name + " ended without a result" +
                (pod.exit_code ? " (exit code " + std::to_string(*pod.exit_code) + ")" : "") +
                "; its node may have failed or somebody killed it");
}

void ExplainBroken(const JobView& job, const PodView* pod, MoverState& state) {
  state.phase = MoverPhase::kFailed;
  if (job.reason == "DeadlineExceeded")
    return Explain(state, reason::kDeadlineExceeded,
                   "the mover ran longer than its deadline allows and was stopped");
  if (pod != nullptr) ExplainEnd(*pod, state);
  if (state.reason.empty())
    Explain(state, reason::kNoResult,
            "the mover's pod is gone and left no result (" + job.message + ")");
}

void ExplainActive(const PodView& pod, MoverState& state) {
  if (pod.phase == "Succeeded" || (!pod.Finished() && pod.exit_code == 0)) {
    // The Job is about to be complete, and only then is the result certain.
    state.phase = MoverPhase::kRunning;
    state.ended = true;
    state.result.reset();
  } else if (pod.Finished()) {
    ExplainEnd(pod, state);
    // The Job is about to be given up where another attempt would end in the same way.
    if (!state.result || protocol::WorthRetrying(state.result->exit))
      state.message =
          "attempt " + std::to_string(state.attempts) + " failed, trying again: " + state.message;
    state.result.reset();
  } else if (IsHeldUp(pod)) {
    ExplainHeldUp(pod, state);
  } else if (pod.running || pod.exit_code) {  // how it ended is told once the pod is over
    state.phase = MoverPhase::kRunning;
  } else {
    ExplainWaiting(pod, state);
  }
}

}  // namespace

MoverState StateOfMover(const JobView& job, const std::vector<PodView>& pods) {
  MoverState state;
  state.attempts = std::max(static_cast<int>(pods.size()), job.failed + job.active);
  const PodView* pod = Newest(pods);
  if (pod != nullptr) {
    state.pod = pod->key.name;
    state.node = pod->node;
    if (auto result = protocol::Decode(pod->termination_message)) state.result = *result;
  }
  if (job.complete) {
    state.phase = MoverPhase::kSucceeded;
    if (!state.result)
      Explain(state, reason::kNoResult, "the mover's pod is gone and left no result");
  } else if (job.broken) {
    ExplainBroken(job, pod, state);
  } else if (pod != nullptr) {
    ExplainActive(*pod, state);
  } else {
    state.message = "Job " + job.key.name + " has made no pod yet";
  }
  return state;
}

}  // namespace holdfast::controllers
