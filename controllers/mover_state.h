// What one mover is doing, told from its Job and pods alone, so that an operator that was started a
// moment ago knows as much as one that watched from the beginning. Pure.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "controllers/views.h"
#include "jobs/protocol/result.h"

namespace holdfast::controllers {

enum class MoverPhase {
  kWaiting,  // no container runs: not scheduled yet, image missing, between two attempts
  kRunning,
  kSucceeded,  // the Job is complete
  kFailed,     // the Job will make no more pods, or none that could end otherwise: its dump's
               // image or Secret was not to be had
};

struct MoverState {
  MoverPhase phase = MoverPhase::kWaiting;
  // Of a waiting mover that is stuck and of a failed one (reasons.h); empty when all is well.
  std::string reason;
  std::string message;  // a sentence: what is wrong and what to change
  std::string pod;      // the newest one; empty while there is none
  std::string node;
  int attempts = 0;  // pods made so far
  // Its process has ended well, and the Job, which tells whether that counts, is not complete yet.
  bool ended = false;
  // From the newest pod that left one. A failed mover may have one too (unreadable files).
  std::optional<protocol::MoverResult> result;
};

// A Job of a mover, and what it is doing.
struct MoverRun {
  JobView job;
  MoverState state;
};

// `pods` are those that the Job controls, in any order.
MoverState StateOfMover(const JobView& job, const std::vector<PodView>& pods);

}  // namespace holdfast::controllers
