// Hooks around a restore in place, told as stories: what Decide plans is stored and done, as the
// controller would; then something happens, and it decides again.
#include <algorithm>
#include <set>
#include <utility>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "controllers/labels.h"
#include "controllers/reasons.h"
#include "controllers/restore/decide.h"
#include "controllers/restore/draft.h"
#include "tests/builders/restore_world.h"

namespace holdfast::controllers::restore {
namespace {

using crds::OnError;
using crds::RestorePhase;
using crds::RunState;
using std::chrono::hours;
using std::chrono::seconds;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;

crds::Hook Runs(const std::string& program, OnError on_error = OnError::kFail) {
  crds::Hook hook;
  hook.command = {program};
  hook.on_error = on_error;
  return hook;
}

class RestoreHooksTest : public ::testing::Test {
 protected:
  RestoreHooksTest() {
    settings_.hooks_enabled = true;
    world_.restore.spec.hooks.pre = {Runs("announce")};
    world_.restore.spec.hooks.post = {Runs("examine")};
  }

  // One look: what is planned becomes the truth.
  Plan Look() {
    world_.now += seconds(2);
    Plan plan = Decide(world_, settings_);
    auto& finalizers = world_.restore.metadata.finalizers;
    if (plan.add_finalizer) finalizers = {kScaleBackFinalizer};
    if (plan.scale) {
      world_.set->replicas = static_cast<int>(*plan.scale);
      world_.set->ready_replicas = 0;
      began_.push_back("scale " + std::to_string(*plan.scale));
    }
    for (const std::string& claim : plan.start) {
      world_.movers[claim].job.active = 1;
      world_.movers[claim].state.phase = MoverPhase::kRunning;
      began_.push_back("restore " + claim);
    }
    world_.restore.status = plan.status;
    for (const std::size_t i : plan.hooks.start) {
      EXPECT_THAT(finalizers, ElementsAre(kScaleBackFinalizer)) << "before the first hook";
      world_.hook_news.running.insert(i);
      began_.push_back(NameOf(i));
    }
    for (const hooks::Outcome& outcome : plan.hooks.stored)
      std::erase_if(world_.hook_news.ended, [&](const auto& o) { return o.run == outcome.run; });
    if (plan.remove_finalizer) finalizers.clear();
    return plan;
  }
  void Looks(int count) {
    for (int i = 0; i < count; ++i) Look();
  }

  const crds::RestoreStatus& Status() const { return world_.restore.status; }
  std::string NameOf(std::size_t i) const {
    const crds::HookRun& run = Status().hooks.runs[i];
    return hooks::HookOf(Status().hooks, run).command[0] + " " + run.pod;
  }
  RunState StateOf(const std::string& name) const {
    for (std::size_t i = 0; i < Status().hooks.runs.size(); ++i)
      if (NameOf(i) == name) return Status().hooks.runs[i].state;
    ADD_FAILURE() << "no run " << name;
    return {};
  }
  std::vector<std::string> Began() { return std::exchange(began_, {}); }
  std::string Message() const {
    return crds::FindCondition(Status().conditions, crds::kReady)->message;
  }
  std::string Reason() const {
    return crds::FindCondition(Status().conditions, crds::kReady)->reason;
  }
  std::vector<std::string> Steps() const {
    std::vector<std::string> steps;
    for (const crds::RestoreStep& step : Status().steps)
      steps.push_back(step.name + " " + std::string(crds::NameOf(step.state)));
    return steps;
  }

  // A running hook ends; the Runner tells.
  void Ends(const std::string& name, Result<int> exit_code, const std::string& container = "db",
            const std::string& container_id = "c1") {
    for (const std::size_t i : std::set(world_.hook_news.running)) {
      if (NameOf(i) != name) continue;
      world_.hook_news.running.erase(i);
      world_.hook_news.ended.push_back(
          {i, container, container_id, exit_code, "out", "err", world_.now});
      return;
    }
    ADD_FAILURE() << name << " does not run";
  }
  // The process dies: nothing is known of what ran.
  void OperatorIsReplaced() { world_.hook_news = {}; }

  // Until pre hooks run in both pods.
  void Begin() {
    Looks(3);  // the source; hooks are written down; the first are started
    ASSERT_THAT(Began(), ElementsAre("announce pg-0", "announce pg-1"));
  }
  // From ended pre hooks to ready pods on restored volumes.
  void Restore() {
    Looks(3);  // remembers, scales down, waits
    world_.pods.clear();
    Looks(1);
    ASSERT_EQ(world_.movers.size(), 2u);
    for (auto& [claim, mover] : world_.movers) {
      mover.job.complete = true;
      mover.state.phase = MoverPhase::kSucceeded;
    }
    Looks(2);
    ASSERT_EQ(world_.set->replicas, 2);
    EXPECT_THAT(Began(),
                ElementsAre("scale 0", "restore data-pg-0", "restore data-pg-1", "scale 2"));
    Looks(1);
    EXPECT_THAT(Began(), IsEmpty()) << "no post hook before the pods are ready";
    world_.set->ready_replicas = 2;
  }

  World world_ = builders::InPlaceWorld();
  Settings settings_;
  std::vector<std::string> began_;
};

TEST_F(RestoreHooksTest, PreRunBeforeItIsScaledDownAndPostOnceItIsReady) {
  Look();
  const Plan taken = Look();
  EXPECT_THAT(taken.hooks.start, IsEmpty()) << "they are stored before the first is started";
  EXPECT_EQ(Status().hooks.runs.size(), 4u);
  Look();
  ASSERT_THAT(Began(), ElementsAre("announce pg-0", "announce pg-1"));
  EXPECT_EQ(Reason(), reason::kRunningHooks);
  EXPECT_THAT(Message(), HasSubstr("pre hook 0 (announce) in pod pg-1"));
  Ends("announce pg-0", 0);
  Look();
  EXPECT_THAT(Began(), IsEmpty());
  EXPECT_FALSE(Status().original_replicas) << "one pod's hook still runs";
  Ends("announce pg-1", 0);
  ASSERT_NO_FATAL_FAILURE(Restore());
  Look();
  ASSERT_THAT(Began(), ElementsAre("examine pg-0", "examine pg-1"));
  Ends("examine pg-0", 0);
  Ends("examine pg-1", 0);
  Look();
  EXPECT_EQ(Status().phase, RestorePhase::kSucceeded);
  EXPECT_THAT(Steps(), ElementsAre("Resolve Succeeded", "PreHooks Succeeded", "ScaleDown Succeeded",
                                   "WaitDetached Succeeded", "Restore Succeeded",
                                   "ScaleUp Succeeded", "Ready Succeeded", "PostHooks Succeeded"));
  for (const crds::RestoreStep& step : Status().steps)
    EXPECT_TRUE(step.start_time && step.completion_time) << step.name;
  EXPECT_EQ(Status().hooks.runs[0].stdout_tail, "out");
  EXPECT_EQ(Status().hooks.runs[0].exit_code, 0);
}

TEST_F(RestoreHooksTest, AFailedPreHookTouchesNothingAndLetsGoWhatOthersHold) {
  ASSERT_NO_FATAL_FAILURE(Begin());
  Ends("announce pg-0", 3);
  Look();
  EXPECT_THAT(Began(), IsEmpty()) << "the other still runs";
  EXPECT_NE(Status().phase, RestorePhase::kFailed);
  Ends("announce pg-1", 0);
  Look();
  ASSERT_THAT(Began(), ElementsAre("examine pg-0", "examine pg-1"));
  Ends("examine pg-0", 0);
  Ends("examine pg-1", 1);
  Look();
  EXPECT_EQ(Status().phase, RestorePhase::kFailed);
  EXPECT_EQ(Reason(), reason::kHookFailed);
  EXPECT_EQ(Message(),
            "Pre hook 0 (announce) in pod pg-0 failed: it ended with exit code 3. Nothing was "
            "written.");
  EXPECT_EQ(world_.set->replicas, 2);
  EXPECT_TRUE(Look().remove_finalizer);
}

TEST_F(RestoreHooksTest, AFailedPreHookThatMayFailIsToldAtTheEnd) {
  world_.restore.spec.hooks.pre = {Runs("announce", OnError::kContinue)};
  ASSERT_NO_FATAL_FAILURE(Begin());
  Ends("announce pg-0", 3);
  Ends("announce pg-1", 0);
  ASSERT_NO_FATAL_FAILURE(Restore());
  Look();
  Ends("examine pg-0", 0);
  Ends("examine pg-1", 0);
  Look();
  EXPECT_EQ(Status().phase, RestorePhase::kSucceeded);
  EXPECT_THAT(Message(), HasSubstr("Pre hook 0 (announce) in pod pg-0 failed"));
}

TEST_F(RestoreHooksTest, APodThatDoesNotRunStopsNobody) {
  ASSERT_NO_FATAL_FAILURE(Begin());
  Ends("announce pg-0", Fail(Code::kInternal, "container not found"), "db", "");
  Ends("announce pg-1", Fail(Code::kNotFound, "pods \"pg-1\" not found"), "", "");
  Look();
  EXPECT_EQ(StateOf("announce pg-0"), RunState::kSkipped);
  EXPECT_EQ(StateOf("announce pg-1"), RunState::kSkipped);
  EXPECT_THAT(Status().hooks.runs[0].message, HasSubstr("the pod did not run"));
  EXPECT_TRUE(Status().original_replicas);
}

TEST_F(RestoreHooksTest, AContainerThatIsNotThereIsAMistake) {
  ASSERT_NO_FATAL_FAILURE(Begin());
  Ends("announce pg-0", Fail(Code::kInvalid, "pod pg-0 has no container \"dbb\""), "", "");
  Ends("announce pg-1", 0);
  Look();
  EXPECT_EQ(StateOf("announce pg-0"), RunState::kFailed);
  EXPECT_FALSE(Status().original_replicas);
}

TEST_F(RestoreHooksTest, ALostPreHookIsNotRunAgain) {
  ASSERT_NO_FATAL_FAILURE(Begin());
  OperatorIsReplaced();
  Look();
  EXPECT_THAT(Began(), ElementsAre("examine pg-0", "examine pg-1")) << "what it held is let go";
  EXPECT_EQ(StateOf("announce pg-0"), RunState::kFailed);
}

TEST_F(RestoreHooksTest, ALostPostHookIsRunAgain) {
  ASSERT_NO_FATAL_FAILURE(Begin());
  Ends("announce pg-0", 0);
  Ends("announce pg-1", 0);
  ASSERT_NO_FATAL_FAILURE(Restore());
  Look();
  ASSERT_THAT(Began(), ElementsAre("examine pg-0", "examine pg-1"));
  OperatorIsReplaced();
  Look();
  EXPECT_THAT(Began(), ElementsAre("examine pg-0", "examine pg-1"));
}

TEST_F(RestoreHooksTest, AFailedPostHookFailsARestoreWhoseVolumesAreWhole) {
  world_.restore.spec.hooks.post = {Runs("examine"), Runs("open")};
  ASSERT_NO_FATAL_FAILURE(Begin());
  Ends("announce pg-0", 0);
  Ends("announce pg-1", 0);
  ASSERT_NO_FATAL_FAILURE(Restore());
  Look();
  Began();
  Ends("examine pg-0", 7);
  Look();
  EXPECT_THAT(Began(), IsEmpty()) << "nothing more is started";
  Ends("examine pg-1", 0);
  Look();
  EXPECT_EQ(Status().phase, RestorePhase::kFailed);
  EXPECT_EQ(Message(),
            "The volumes are restored, but post hook 0 (examine) in pod pg-0 failed: it ended with "
            "exit code 7; StatefulSet pg is up.");
  EXPECT_EQ(StateOf("open pg-0"), RunState::kSkipped);
  EXPECT_EQ(world_.set->replicas, 2);
}

TEST_F(RestoreHooksTest, TheDeadlineLetsGo) {
  ASSERT_NO_FATAL_FAILURE(Begin());
  Ends("announce pg-0", 0);
  Ends("announce pg-1", 0);
  world_.pods.push_back(builders::Pod("shell", "data-pg-0", ""));
  Look();
  EXPECT_EQ(Reason(), reason::kClaimInUse);
  world_.now += hours(24);
  Look();
  ASSERT_THAT(Began(), ElementsAre("examine pg-0", "examine pg-1"));
  Ends("examine pg-0", 0);
  Ends("examine pg-1", 0);
  Look();
  EXPECT_EQ(Status().phase, RestorePhase::kFailed);
  EXPECT_EQ(Reason(), reason::kDeadlineExceeded);
}

TEST_F(RestoreHooksTest, PostHooksOfARestoreThatFailsAfterScalingDownAreNotRun) {
  ASSERT_NO_FATAL_FAILURE(Begin());
  Ends("announce pg-0", 0);
  Ends("announce pg-1", 0);
  Looks(3);
  world_.pods = {builders::Pod("shell", "data-pg-0", "")};
  world_.now += hours(24);
  Began();
  Look();
  EXPECT_EQ(Status().phase, RestorePhase::kFailed);
  EXPECT_THAT(Began(), ElementsAre("scale 2"));
  EXPECT_EQ(StateOf("examine pg-0"), RunState::kSkipped);
}

TEST_F(RestoreHooksTest, DeletedWhilePreHooksRunLetsGoFirst) {
  ASSERT_NO_FATAL_FAILURE(Begin());
  world_.restore.metadata.deletion_timestamp = world_.now;
  Look();
  EXPECT_THAT(Began(), IsEmpty());
  Ends("announce pg-0", 0);
  Ends("announce pg-1", 0);
  Look();
  ASSERT_THAT(Began(), ElementsAre("examine pg-0", "examine pg-1"));
  Ends("examine pg-0", 0);
  Ends("examine pg-1", 0);
  EXPECT_TRUE(Look().remove_finalizer);
  EXPECT_EQ(world_.set->replicas, 2);
}

TEST_F(RestoreHooksTest, HooksOfOnePodRunOneAfterTheOther) {
  world_.restore.spec.hooks.pre = {Runs("announce"), Runs("lock")};
  ASSERT_NO_FATAL_FAILURE(Begin());
  Ends("announce pg-1", 0);
  Look();
  EXPECT_THAT(Began(), ElementsAre("lock pg-1"));
}

TEST_F(RestoreHooksTest, WithoutPodsThereAreNoHooks) {
  world_.set->replicas = 0;
  world_.pods.clear();
  Looks(2);
  EXPECT_THAT(Status().hooks.runs, IsEmpty());
  EXPECT_EQ(Status().original_replicas, 0);
}

TEST_F(RestoreHooksTest, PodsBeyondTheSizeHaveNone) {
  world_.set->replicas = 1;
  Looks(2);
  ASSERT_EQ(Status().hooks.runs.size(), 2u);
  EXPECT_EQ(Status().hooks.runs[1].pod, "pg-0");
}

TEST_F(RestoreHooksTest, WhereHooksCannotRunNothingBegins) {
  settings_.hooks_enabled = false;
  Look();
  EXPECT_EQ(Reason(), reason::kHooksDisabled);
  EXPECT_THAT(Status().volumes, IsEmpty());
  settings_.hooks_enabled = true;
  world_.restore.spec.hooks.pre[0].timeout = "0s";
  Look();
  EXPECT_EQ(Reason(), reason::kInvalidSpec);
  EXPECT_THAT(Message(), HasSubstr("between 1s and 7d"));
  world_.restore.spec.hooks.pre[0].timeout = "1s";
  world_.restore.spec.target = {};
  world_.restore.spec.target.claims = {{"data-pg-0", "copy", "", {}, {}}};
  Look();
  EXPECT_EQ(Reason(), reason::kInvalidSpec);
  EXPECT_THAT(Message(), HasSubstr("in the pods of a StatefulSet"));
}

TEST_F(RestoreHooksTest, WhatTheSpecSaysLaterChangesNothing) {
  ASSERT_NO_FATAL_FAILURE(Begin());
  world_.restore.spec.hooks = {};
  Ends("announce pg-0", 0);
  Ends("announce pg-1", 0);
  ASSERT_NO_FATAL_FAILURE(Restore());
  Look();
  EXPECT_THAT(Began(), ElementsAre("examine pg-0", "examine pg-1"));
}

}  // namespace
}  // namespace holdfast::controllers::restore
