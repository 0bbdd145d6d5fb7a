#include <algorithm>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "controllers/labels.h"
#include "controllers/reasons.h"
#include "controllers/restore/decide.h"
#include "controllers/restore/ending.h"
#include "tests/builders/restore_world.h"

namespace holdfast::controllers::restore {
namespace {

using namespace std::chrono_literals;
using builders::InPlaceWorld;
using builders::kNow;
using builders::Pod;
using crds::RestorePhase;
using crds::RunState;
using protocol::ExitCode;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::SizeIs;

// A cluster just real enough to carry out plans: each action is one step, and `steps` of them
// happen before the operator is killed.
class Simulation {
 public:
  Simulation() : world(InPlaceWorld()) {}

  World world;
  Settings settings;
  std::vector<Announcement> events;
  int actions = 0;

  void RunUntilOver(int kill_after = -1) {
    kill_after_ = kill_after;
    for (int pass = 0; pass < 60 && !(IsOver(world.restore) && !HasFinalizer()); ++pass) {
      CarryOut(Decide(world, settings));
      LetTimePass();
    }
  }

  // Passes until the volumes are being written.
  void RunUntilMoversStart() {
    for (int pass = 0; pass < 20 && world.movers.empty(); ++pass) {
      CarryOut(Decide(world, settings));
      if (world.movers.empty()) LetTimePass();
    }
    ASSERT_EQ(world.movers.size(), 2u);
  }

  void CarryOut(const Plan& plan) {
    if (plan.add_finalizer && Step()) world.restore.metadata.finalizers = {kScaleBackFinalizer};
    for (const Json& claim : plan.create_claims)
      if (Step()) world.claims[FindString(claim, {"metadata", "name"})].exists = true;
    if (plan.scale && Step()) Scale(*plan.scale);
    for (const std::string& claim : plan.start)
      if (Step()) Start(claim);
    if (!Step()) return;
    world.restore.status = plan.status;
    if (plan.remove_finalizer && Step()) world.restore.metadata.finalizers.clear();
    events.insert(events.end(), plan.events.begin(), plan.events.end());
  }

  bool HasFinalizer() const { return !world.restore.metadata.finalizers.empty(); }

  void Finish(const std::string& claim, ExitCode exit, const std::string& message) {
    Mover& mover = world.movers.at(claim);
    mover.job.active = 0;
    mover.state.result.emplace();
    mover.state.result->exit = exit;
    mover.state.result->bytes = 1 << 20;
    if (exit == ExitCode::kOk) {
      mover.job.complete = true;
      mover.state.phase = MoverPhase::kSucceeded;
    } else {
      mover.job.broken = true;
      mover.job.failed = 1;
      mover.state.phase = MoverPhase::kFailed;
      mover.state.reason = protocol::ExitReason(exit);
      mover.state.message = message;
    }
  }

  void Scale(std::int64_t replicas) {
    if (replicas == 0) {
      ASSERT_EQ(world.restore.status.original_replicas, 2) << "written before the first scaling";
      ASSERT_TRUE(HasFinalizer());
    }
    world.set->replicas = static_cast<int>(replicas);
    world.set->ready_replicas = 0;
  }

 private:
  // False from the kill on until the pass is over: nothing of the rest happens.
  bool Step() {
    if (killed_) return false;
    killed_ = actions++ == kill_after_;
    return !killed_;
  }

  void Start(const std::string& claim) {
    EXPECT_EQ(world.set->replicas, 0);
    EXPECT_THAT(world.pods, IsEmpty()) << "nobody mounts what is being written";
    EXPECT_TRUE(world.claims.at(claim).exists);
    Mover& mover = world.movers[claim];
    mover.job.key = {"shop", MoverName(world.restore, claim)};
    mover.job.active = 1;
    mover.state.phase = MoverPhase::kRunning;
    mover.state.attempts = 1;
  }

  void LetTimePass() {
    killed_ = false;
    world.now += 2s;
    for (auto& [claim, mover] : world.movers)
      if (!mover.job.Finished()) Finish(claim, ExitCode::kOk, "");
    world.set->ready_replicas = world.set->replicas;
    if (world.set->replicas == 0) world.pods.clear();
  }

  int kill_after_ = -1;
  bool killed_ = false;
};

std::vector<std::string> Steps(const crds::Restore& restore) {
  std::vector<std::string> steps;
  for (const crds::RestoreStep& step : restore.status.steps)
    steps.push_back(step.name + " " + std::string(crds::NameOf(step.state)));
  return steps;
}

std::string Message(const crds::RestoreStatus& status) {
  const crds::Condition* ready = crds::FindCondition(status.conditions, crds::kReady);
  return ready == nullptr ? "" : ready->message;
}

std::string Reason(const crds::RestoreStatus& status) {
  const crds::Condition* ready = crds::FindCondition(status.conditions, crds::kReady);
  return ready == nullptr ? "" : ready->reason;
}

// --- The whole way ---

TEST(RestoreStoryTest, InPlaceEndsWhereItBegan) {
  Simulation simulation;
  simulation.RunUntilOver();
  const crds::RestoreStatus& status = simulation.world.restore.status;
  EXPECT_EQ(status.phase, RestorePhase::kSucceeded);
  EXPECT_EQ(simulation.world.set->replicas, 2);
  EXPECT_FALSE(simulation.HasFinalizer());
  EXPECT_THAT(Steps(simulation.world.restore),
              ElementsAre("Resolve Succeeded", "ScaleDown Succeeded", "WaitDetached Succeeded",
                          "Restore Succeeded", "ScaleUp Succeeded", "Ready Succeeded"));
  for (const crds::RestoreStep& step : status.steps) {
    EXPECT_TRUE(step.start_time) << step.name;
    EXPECT_TRUE(step.completion_time) << step.name;
  }
  EXPECT_EQ(status.progress, "100%");
  EXPECT_EQ(status.source, "Backup/nightly");
  EXPECT_EQ(status.target, "StatefulSet/pg");
  EXPECT_TRUE(crds::IsTrue(status.conditions, crds::kReady));
  EXPECT_EQ(Message(status), "Restored 2 volumes, 2.0 MiB, from Backup nightly, and verified.");
}

TEST(RestoreStoryTest, ALostClaimIsMadeAgain) {
  Simulation simulation;
  simulation.world.claims["data-pg-1"] = {};
  simulation.RunUntilOver();
  EXPECT_EQ(simulation.world.restore.status.phase, RestorePhase::kSucceeded);
  EXPECT_TRUE(simulation.world.claims["data-pg-1"].exists);
  EXPECT_THAT(Steps(simulation.world.restore), ::testing::Contains("CreateClaims Succeeded"));
}

class RestoreKilledTest : public ::testing::TestWithParam<int> {};

TEST_P(RestoreKilledTest, AnotherOperatorCarriesOn) {
  Simulation simulation;
  simulation.world.claims["data-pg-0"] = {};
  simulation.RunUntilOver(GetParam());
  EXPECT_EQ(simulation.world.restore.status.phase, RestorePhase::kSucceeded);
  EXPECT_EQ(simulation.world.set->replicas, 2);
  EXPECT_FALSE(simulation.HasFinalizer());
}

INSTANTIATE_TEST_SUITE_P(AfterEachAction, RestoreKilledTest, ::testing::Range(0, 28));

TEST(RestoreStoryTest, TheKillsCoverTheWholeStory) {
  Simulation simulation;
  simulation.world.claims["data-pg-0"] = {};
  simulation.RunUntilOver();
  EXPECT_LE(simulation.actions, 28);
}

// --- Before anything is touched ---

// A world in which the source is resolved.
World Resolved() {
  World world = InPlaceWorld();
  world.restore.status = Decide(world, {}).status;
  return world;
}

void ExpectUntouched(const Plan& plan) {
  EXPECT_FALSE(plan.scale);
  EXPECT_FALSE(plan.add_finalizer);
  EXPECT_THAT(plan.start, IsEmpty());
  EXPECT_THAT(plan.create_claims, IsEmpty());
}

TEST(RestoreDecideTest, TheSourceIsRecordedBeforeAnythingElse) {
  const Plan plan = Decide(InPlaceWorld(), {});
  ExpectUntouched(plan);
  ASSERT_EQ(plan.status.volumes.size(), 2u);
  EXPECT_EQ(plan.status.backup, "nightly");
  EXPECT_EQ(plan.status.repository, "offsite");
  EXPECT_EQ(plan.status.phase, RestorePhase::kPending);
}

TEST(RestoreDecideTest, ALaterBackupChangesNothing) {
  World world = Resolved();
  world.backup->status.volumes[0].snapshot = std::string(64, 'f');
  EXPECT_EQ(Decide(world, {}).status.volumes[0].snapshot, std::string(64, 'a'));
}

TEST(RestoreDecideTest, AnUnknownBackupIsWaitedForUntilTheDeadline) {
  World world = InPlaceWorld();
  world.backup.reset();
  world.restore.spec.deadline = "1h";
  const Plan plan = Decide(world, {});
  ExpectUntouched(plan);
  EXPECT_EQ(plan.status.phase, RestorePhase::kPending);
  EXPECT_EQ(Reason(plan.status), reason::kSourceNotFound);
  EXPECT_EQ(plan.requeue, RequeueAt(kNow + 1h));

  world.restore.status = plan.status;
  world.now = kNow + 1h;
  EXPECT_EQ(Decide(world, {}).status.phase, RestorePhase::kFailed);
}

TEST(RestoreDecideTest, NothingFoundFailsAtOnce) {
  World world = InPlaceWorld();
  world.backup->status.phase = crds::BackupPhase::kFailed;
  for (auto& volume : world.backup->status.volumes) volume.snapshot.clear();
  const Plan plan = Decide(world, {});
  ExpectUntouched(plan);
  EXPECT_EQ(plan.status.phase, RestorePhase::kFailed);
  EXPECT_TRUE(crds::IsTrue(plan.status.conditions, crds::kStalled));
  EXPECT_EQ(Message(plan.status),
            "Backup nightly failed and has no snapshot; name another one. Nothing was written.");
}

TEST(RestoreDecideTest, OneThatClaimsNameDoesNothingItself) {
  World world = InPlaceWorld();
  world.restore.spec.target = {};
  world.restore.spec.target.populator.emplace();
  Settings settings;
  settings.populator_enabled = true;
  Plan plan = Decide(world, settings);
  ExpectUntouched(plan);
  EXPECT_EQ(plan.status.phase, RestorePhase::kTemplate);
  EXPECT_TRUE(crds::IsTrue(plan.status.conditions, crds::kReady));
  EXPECT_THAT(Message(plan.status), HasSubstr("dataSourceRef names it"));
  EXPECT_EQ(plan.status.target, "claims that name it");
  EXPECT_FALSE(plan.status.start_time) << "nothing has begun";
  EXPECT_EQ(plan.requeue, AwaitChange());
  plan = Decide(world, {});
  ExpectUntouched(plan);
  EXPECT_EQ(Reason(plan.status), reason::kPopulatorDisabled);
  EXPECT_TRUE(crds::IsTrue(plan.status.conditions, crds::kStalled));
}

TEST(RestoreDecideTest, TheRepositoryMustBeReadyBeforeAnythingIsScaledDown) {
  World world = Resolved();
  crds::SetStalled(world.repository->status.conditions,
                   {1, "WrongPassword", "The password is wrong."}, kNow);
  Plan plan = Decide(world, {});
  ExpectUntouched(plan);
  EXPECT_EQ(Reason(plan.status), reason::kRepositoryNotReady);
  EXPECT_EQ(Message(plan.status), "BackupRepository offsite is not ready: The password is wrong.");
  world.repository.reset();
  plan = Decide(world, {});
  ExpectUntouched(plan);
  EXPECT_EQ(Reason(plan.status), reason::kRepositoryNotFound);
}

TEST(RestoreDecideTest, AWatcherGoesWithThePodsAndIsWaitedForAfterwards) {
  World world = Resolved();
  world.pods.push_back(Pod("pg-data-pg-1-watch", "data-pg-1", ""));
  world.pods.back().labels[kVerbLabel] = kWatchVerb;
  const Plan plan = Decide(world, {});
  EXPECT_EQ(Reason(plan.status), reason::kScalingDown);
  EXPECT_TRUE(plan.status.original_replicas);
}

TEST(RestoreDecideTest, AnotherPodThatMountsAClaimIsWaitedForBeforeScalingDown) {
  World world = Resolved();
  world.pods.push_back(Pod("shell", "data-pg-1", ""));
  const Plan plan = Decide(world, {});
  ExpectUntouched(plan);
  EXPECT_EQ(Reason(plan.status), reason::kClaimInUse);
  EXPECT_EQ(Message(plan.status),
            "Pod shell mounts claim data-pg-1; the Restore goes on once the pod is gone.");
  EXPECT_EQ(plan.requeue, RequeueAt(kNow + 2s));
}

TEST(RestoreDecideTest, APodThatEndedMountsNothing) {
  World world = Resolved();
  world.pods.push_back(Pod("done", "data-pg-1", ""));
  world.pods.back().phase = "Succeeded";
  EXPECT_TRUE(Decide(world, {}).add_finalizer);
}

TEST(RestoreDecideTest, AnOlderRestoreGoesFirst) {
  World world = InPlaceWorld();
  world.earlier = "first";
  const Plan plan = Decide(world, {});
  ExpectUntouched(plan);
  EXPECT_EQ(Message(plan.status), "Restore first has the same target and came first.");
}

TEST(RestoreDecideTest, ClaimsThatWouldDieOfScalingDownAreNotRisked) {
  World world = Resolved();
  world.set_object["spec"]["persistentVolumeClaimRetentionPolicy"]["whenScaled"] = "Delete";
  const Plan plan = Decide(world, {});
  ExpectUntouched(plan);
  EXPECT_TRUE(crds::IsTrue(plan.status.conditions, crds::kStalled));
  EXPECT_THAT(Message(plan.status), HasSubstr("whenScaled to Retain"));
}

TEST(RestoreDecideTest, TheSizeIsRememberedBeforeItChanges) {
  const Plan plan = Decide(Resolved(), {});
  EXPECT_TRUE(plan.add_finalizer);
  EXPECT_EQ(plan.status.original_replicas, 2);
  EXPECT_FALSE(plan.scale) << "only once both are known to be stored";
}

TEST(RestoreDecideTest, AStatefulSetThatAnEarlierRestoreLeftAtZeroGetsItsOldSize) {
  World world = Resolved();
  world.set->replicas = 0;
  world.left_behind = 3;
  EXPECT_EQ(Decide(world, {}).status.original_replicas, 3);
}

TEST(RestoreDecideTest, NothingIsWrittenWhileAPodStops) {
  Simulation simulation;
  for (int pass = 0; pass < 3; ++pass) simulation.CarryOut(Decide(simulation.world, {}));
  ASSERT_EQ(simulation.world.set->replicas, 0);
  const Plan plan = Decide(simulation.world, {});
  EXPECT_THAT(plan.start, IsEmpty());
  EXPECT_EQ(Message(plan.status), "Waiting until pod pg-0 of StatefulSet pg has stopped.");
  EXPECT_EQ(plan.status.phase, RestorePhase::kScalingDown);
}

TEST(RestoreDecideTest, AClaimOnItsWayOutIsWaitedFor) {
  Simulation simulation;
  for (int pass = 0; pass < 3; ++pass) simulation.CarryOut(Decide(simulation.world, {}));
  simulation.world.pods.clear();
  simulation.world.claims["data-pg-1"] = {true, true};
  const Plan plan = Decide(simulation.world, {});
  EXPECT_THAT(plan.start, IsEmpty());
  EXPECT_THAT(Message(plan.status), HasSubstr("claim data-pg-1, which was deleted"));
}

TEST(RestoreDecideTest, TheDeadlineBringsAStatefulSetBackThatWasOnlyScaledDown) {
  Simulation simulation;
  for (int pass = 0; pass < 3; ++pass) simulation.CarryOut(Decide(simulation.world, {}));
  simulation.world.pods = {Pod("late", "data-pg-0", "")};
  simulation.world.now += 24h;
  const Plan plan = Decide(simulation.world, {});
  EXPECT_EQ(plan.status.phase, RestorePhase::kFailed);
  EXPECT_EQ(plan.scale, 2);
  EXPECT_THAT(Message(plan.status),
              HasSubstr("Nothing was written, and StatefulSet pg has its size back."));
}

TEST(RestoreDecideTest, ClaimsAreRestoredWithoutScalingAnything) {
  World world = InPlaceWorld();
  world.restore.spec.target = {};
  world.restore.spec.target.claims = {{"data-pg-0", "copy", "", {}, {}}};
  world.set.reset();
  world.pods.clear();
  world.restore.status = Decide(world, {}).status;
  EXPECT_EQ(world.restore.status.target, "Claim/copy");
  world.claims = {{"copy", {true, false}}};
  EXPECT_THAT(Decide(world, {}).start, ElementsAre("copy"));
  world.claims = {{"copy", {false, false}}};
  const Plan plan = Decide(world, {});
  ExpectUntouched(plan);
  EXPECT_EQ(Reason(plan.status), reason::kClaimNotFound);
}

// --- While the movers run ---

class RestoreMoversTest : public ::testing::Test {
 protected:
  void SetUp() override { simulation_.RunUntilMoversStart(); }
  Plan Decide() { return restore::Decide(simulation_.world, simulation_.settings); }
  World& world() { return simulation_.world; }

  Simulation simulation_;
};

TEST_F(RestoreMoversTest, ProgressIsTheSum) {
  protocol::Progress half;
  half.bytes_done = 50 << 20;
  half.bytes_total = 100 << 20;
  half.bytes_per_second = 10 << 20;
  half.eta_seconds = 5;
  for (auto& [claim, mover] : world().movers) mover.progress = half;
  world().movers.at("data-pg-1").progress->bytes_done = 100 << 20;
  world().movers.at("data-pg-1").progress->eta_seconds = 0;
  const Plan plan = Decide();
  EXPECT_EQ(plan.status.progress, "75%");
  EXPECT_EQ(plan.status.eta, "5s");
  EXPECT_EQ(plan.status.throughput, "20.0 MiB/s");
  EXPECT_EQ(plan.status.volumes[0].progress, "50%");
  EXPECT_EQ(plan.status.phase, RestorePhase::kRestoring);
  EXPECT_EQ(plan.requeue, RequeueAt(world().now + 3s));
}

TEST_F(RestoreMoversTest, AMoverThatCannotStartSaysWhy) {
  Mover& mover = world().movers.at("data-pg-0");
  mover.state.phase = MoverPhase::kWaiting;
  mover.state.reason = reason::kUnschedulable;
  mover.state.message = "no node can take pod p: 0/1 nodes are available";
  const Plan plan = Decide();
  EXPECT_EQ(Reason(plan.status), reason::kUnschedulable);
  EXPECT_EQ(Message(plan.status),
            "Claim data-pg-0: no node can take pod p: 0/1 nodes are available.");
}

TEST_F(RestoreMoversTest, SomebodyWhoScalesUpIsScaledDownAndTold) {
  world().set->replicas = 2;
  const Plan plan = Decide();
  EXPECT_EQ(plan.scale, 0);
  ASSERT_EQ(plan.events.size(), 2u);
  EXPECT_EQ(plan.events[0].reason, reason::kScaledUpByOthers);
  EXPECT_THAT(plan.events[0].message, HasSubstr("to 2 replicas while its volumes are being"));
  EXPECT_TRUE(plan.events[1].on_set);
  EXPECT_EQ(Reason(plan.status), reason::kScaledUpByOthers);
  EXPECT_EQ(Message(plan.status), plan.events[0].message);
}

TEST_F(RestoreMoversTest, AFailedMoverIsNotTheEndWhileAnotherWrites) {
  simulation_.Finish("data-pg-0", ExitCode::kCorrupt, "pack 12 is damaged");
  const Plan plan = Decide();
  EXPECT_EQ(plan.status.phase, RestorePhase::kRestoring);
  EXPECT_EQ(Message(plan.status),
            "Restoring 2 volumes from Backup nightly. Claim data-pg-0 failed: pack 12 is damaged.");
}

TEST_F(RestoreMoversTest, AHalfWrittenVolumeKeepsTheStatefulSetAtZero) {
  simulation_.Finish("data-pg-0", ExitCode::kCorrupt, "pack 12 is damaged");
  simulation_.Finish("data-pg-1", ExitCode::kOk, "");
  const Plan plan = Decide();
  EXPECT_EQ(plan.status.phase, RestorePhase::kFailed);
  EXPECT_FALSE(plan.scale);
  EXPECT_EQ(Reason(plan.status), "Corrupt");
  EXPECT_EQ(
      Message(plan.status),
      "Claim data-pg-0 failed: pack 12 is damaged. StatefulSet pg stays at 0 replicas, because "
      "the restore wrote to data-pg-0, data-pg-1 and did not finish. To go on, put the cause "
      "right and create another Restore, which also scales it back to 2; or, if you know "
      "better: kubectl scale statefulset pg --replicas=2.");
  EXPECT_TRUE(std::any_of(plan.events.begin(), plan.events.end(), [](const Announcement& event) {
    return event.on_set && event.reason == reason::kLeftScaledDown;
  }));
  world().restore.status = plan.status;
  EXPECT_TRUE(LeftAtZero(world().restore));
  EXPECT_TRUE(Decide().remove_finalizer);
  EXPECT_FALSE(Decide().scale);
}

TEST_F(RestoreMoversTest, WhatHadNoPodsHasNoSizeToGoBackTo) {
  world().restore.status.original_replicas = 0;
  simulation_.Finish("data-pg-0", ExitCode::kNoSpace, "the volume is full");
  simulation_.Finish("data-pg-1", ExitCode::kOk, "");
  const std::string stays =
      "Claim data-pg-0 failed: the volume is full. StatefulSet pg stays at 0 replicas, because the "
      "restore wrote to data-pg-0, data-pg-1 and did not finish.";
  EXPECT_EQ(Message(Decide().status),
            stays + " To go on, put the cause right and create another Restore.");
  world().restore.metadata.owner_references.emplace_back();
  world().restore.metadata.owner_references.back().kind = "Restore";
  world().restore.metadata.owner_references.back().controller = true;
  EXPECT_EQ(Message(Decide().status), stays) << "the one that follows says when it goes on";
}

TEST_F(RestoreMoversTest, MoversThatEndedBeforeTheirFirstWriteGiveTheSizeBack) {
  for (const char* claim : {"data-pg-0", "data-pg-1"})
    simulation_.Finish(claim, ExitCode::kWrongPassword, "wrong password");
  const Plan plan = Decide();
  EXPECT_EQ(plan.status.phase, RestorePhase::kFailed);
  EXPECT_EQ(plan.scale, 2);
  EXPECT_THAT(Message(plan.status),
              HasSubstr("Nothing was written, and StatefulSet pg has its size back."));
  world().restore.status = plan.status;
  EXPECT_FALSE(LeftAtZero(world().restore));
}

TEST_F(RestoreMoversTest, PodsThatAreNotReadyAtTheDeadlineFailAnHonestRestore) {
  for (const char* claim : {"data-pg-0", "data-pg-1"}) simulation_.Finish(claim, ExitCode::kOk, "");
  simulation_.CarryOut(Decide());
  ASSERT_EQ(world().set->replicas, 0) << "it is stored that we do it before we do";
  simulation_.CarryOut(Decide());
  ASSERT_EQ(world().set->replicas, 2);
  Plan plan = Decide();
  EXPECT_EQ(plan.status.phase, RestorePhase::kScalingUp);
  EXPECT_EQ(Message(plan.status),
            "The volumes are restored; waiting until 2 replicas of StatefulSet pg are ready.");
  world().now += 24h;
  plan = Decide();
  EXPECT_EQ(plan.status.phase, RestorePhase::kFailed);
  EXPECT_THAT(Message(plan.status), HasSubstr("its pods are not ready"));
  EXPECT_FALSE(plan.scale);
}

TEST_F(RestoreMoversTest, OnlyAsManyMoversAsTheRepositoryTakes) {
  Simulation narrow;
  narrow.world.repository->spec.limits.concurrent_movers = 1;
  for (int pass = 0; pass < 20 && narrow.world.movers.empty(); ++pass) {
    narrow.CarryOut(restore::Decide(narrow.world, {}));
    if (narrow.world.set->replicas == 0) narrow.world.pods.clear();
  }
  EXPECT_EQ(narrow.world.movers.size(), 1u);
  EXPECT_THAT(restore::Decide(narrow.world, {}).start, IsEmpty());
  narrow.world.movers.begin()->second.state.ended = true;
  EXPECT_THAT(restore::Decide(narrow.world, {}).start, SizeIs(1))
      << "its Job is complete a moment later, and nothing runs until then";
  narrow.world.movers.begin()->second.state.ended = false;
  narrow.RunUntilOver();
  EXPECT_EQ(narrow.world.restore.status.phase, RestorePhase::kSucceeded);
}

struct Written {
  MoverPhase phase;
  int failed;
  std::optional<ExitCode> exit;
  bool may_have_written;
};

class MayHaveWrittenTest : public ::testing::TestWithParam<Written> {};

TEST_P(MayHaveWrittenTest, OnlyCertaintySaysNo) {
  Mover mover;
  mover.state.phase = GetParam().phase;
  mover.job.failed = GetParam().failed;
  if (GetParam().exit) mover.state.result.emplace().exit = *GetParam().exit;
  EXPECT_EQ(MayHaveWritten(mover), GetParam().may_have_written);
}

INSTANTIATE_TEST_SUITE_P(
    Rows, MayHaveWrittenTest,
    ::testing::Values(Written{MoverPhase::kWaiting, 0, std::nullopt, false},
                      Written{MoverPhase::kWaiting, 1, std::nullopt, true},
                      Written{MoverPhase::kRunning, 0, std::nullopt, true},
                      Written{MoverPhase::kSucceeded, 0, ExitCode::kOk, true},
                      Written{MoverPhase::kFailed, 1, ExitCode::kNothingFound, false},
                      Written{MoverPhase::kFailed, 1, ExitCode::kWrongPassword, false},
                      Written{MoverPhase::kFailed, 1, ExitCode::kNoRepository, false},
                      Written{MoverPhase::kFailed, 2, ExitCode::kWrongPassword, true},
                      Written{MoverPhase::kFailed, 1, ExitCode::kUnreachable, true},
                      Written{MoverPhase::kFailed, 1, ExitCode::kVerifyFailed, true},
                      Written{MoverPhase::kFailed, 1, ExitCode::kNoSpace, true},
                      Written{MoverPhase::kFailed, 1, std::nullopt, true}));

// --- Deleted midway ---

TEST_F(RestoreMoversTest, DeletedWhileWritingLeavesTheStatefulSetAtZeroAndSaysSo) {
  world().restore.metadata.deletion_timestamp = world().now;
  const Plan plan = Decide();
  EXPECT_TRUE(plan.remove_finalizer);
  EXPECT_FALSE(plan.scale);
  EXPECT_EQ(plan.status, world().restore.status);
  ASSERT_EQ(plan.events.size(), 2u);
  EXPECT_TRUE(plan.events[1].on_set);
  EXPECT_EQ(plan.events[1].message,
            "Restore back was deleted before it was over, and the size that it had found with it. "
            "StatefulSet pg stays at 0 replicas, because the restore wrote to data-pg-0, data-pg-1 "
            "and did not finish. To go on, create another Restore, and then: kubectl scale "
            "statefulset pg --replicas=2");
}

TEST_F(RestoreMoversTest, DeletedBeforeAMoverBeganScalesBackOnceTheMoversAreGone) {
  world().restore.metadata.deletion_timestamp = world().now;
  for (auto& [claim, mover] : world().movers) mover.state.phase = MoverPhase::kWaiting;
  Plan plan = Decide();
  EXPECT_EQ(plan.remove.size(), 2u);
  EXPECT_FALSE(plan.scale);
  EXPECT_FALSE(plan.remove_finalizer);
  world().movers.clear();
  plan = Decide();
  EXPECT_EQ(plan.scale, 2);
  EXPECT_TRUE(plan.remove_finalizer);
}

TEST_F(RestoreMoversTest, DeletedAfterAllVolumesAreWholeScalesUp) {
  world().restore.metadata.deletion_timestamp = world().now;
  for (const char* claim : {"data-pg-0", "data-pg-1"}) simulation_.Finish(claim, ExitCode::kOk, "");
  const Plan plan = Decide();
  EXPECT_EQ(plan.scale, 2);
  EXPECT_TRUE(plan.remove_finalizer);
}

TEST(RestoreDecideTest, DeletedBeforeAnythingHappenedJustGoes) {
  World world = Resolved();
  world.restore.metadata.deletion_timestamp = kNow;
  const Plan plan = Decide(world, {});
  ExpectUntouched(plan);
  EXPECT_FALSE(plan.remove_finalizer);
}

// --- Over ---

TEST(RestoreDecideTest, ARestoreThatIsOverOnlyLetsItsJobsExpire) {
  Simulation simulation;
  simulation.RunUntilOver();
  simulation.world.set->replicas = 5;
  const Plan plan = Decide(simulation.world, {});
  ExpectUntouched(plan);
  EXPECT_EQ(plan.expire.size(), 2u);
  EXPECT_EQ(plan.status, simulation.world.restore.status);
  EXPECT_EQ(plan.requeue, AwaitChange());
}

// A Restore that failed, with the Job of its mover for claim "data-pg-0".
World Failed() {
  World world = Resolved();
  world.restore.status.phase = RestorePhase::kFailed;
  world.restore.status.volumes[0].job = "back-restore-1";
  Mover& mover = world.movers["back-restore-1"];
  mover.job.key = {"shop", "back-restore-1"};
  mover.job.broken = true;
  return world;
}

TEST(RestoreDecideTest, TheJobOfAFailedMoverStaysForItsLog) {
  World world = Failed();
  Plan plan = Decide(world, {});
  EXPECT_EQ(plan.expire.size(), 1u);
  EXPECT_EQ(plan.requeue, RequeueAt(world.now + 15s)) << "to see whether its claim is deleted";
  world.movers.begin()->second.job.expires = true;
  plan = Decide(world, {});
  EXPECT_TRUE(plan.expire.empty());
  EXPECT_TRUE(plan.remove.empty());
  EXPECT_EQ(plan.requeue, RequeueAt(world.now + 15s));
}

TEST(RestoreDecideTest, TheJobOfAFailedMoverGoesWithItsClaim) {
  World world = Failed();
  world.claims["data-pg-1"].deleting = true;
  EXPECT_TRUE(Decide(world, {}).remove.empty()) << "another's";
  world.claims["data-pg-0"].deleting = true;
  for (const bool expires : {false, true}) {
    world.movers.begin()->second.job.expires = expires;
    const Plan plan = Decide(world, {});
    ASSERT_EQ(plan.remove.size(), 1u);
    EXPECT_EQ(plan.remove[0].key.name, "back-restore-1");
    EXPECT_TRUE(plan.expire.empty());
    EXPECT_EQ(plan.requeue, AwaitChange());
  }
  world.movers.begin()->second.job.deleting = true;
  EXPECT_TRUE(Decide(world, {}).remove.empty()) << "it goes already";
}

}  // namespace
}  // namespace holdfast::controllers::restore
