#include <set>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "controllers/labels.h"
#include "controllers/reasons.h"
#include "controllers/restore/child.h"
#include "controllers/restore/decide.h"
#include "controllers/restore/rivals.h"
#include "controllers/restore/steps.h"
#include "tests/builders/kinds.h"

namespace holdfast::controllers::restore {
namespace {

using namespace std::chrono_literals;
using builders::At;
using builders::InShop;
using crds::Restore;
using crds::RestorePhase;
using crds::RunState;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::SizeIs;

std::string Reason(const crds::RestoreStatus& status) {
  const crds::Condition* ready = crds::FindCondition(status.conditions, crds::kReady);
  return ready == nullptr ? "" : ready->reason;
}
std::string Message(const crds::RestoreStatus& status) {
  const crds::Condition* ready = crds::FindCondition(status.conditions, crds::kReady);
  return ready == nullptr ? "" : ready->message;
}

// StatefulSet "db", at rest, follows the policy "nightly".
class FollowTest : public ::testing::Test {
 protected:
  FollowTest() {
    world_.now = At("2026-07-01T12:00:00Z");
    world_.restore.metadata = InShop("standby");
    world_.restore.metadata.creation_timestamp = world_.now;
    world_.restore.spec.source.policy = "nightly";
    world_.restore.spec.target.stateful_set = "db";
    world_.restore.spec.mode = crds::RestoreMode::kFollow;
    world_.policy.emplace();
    world_.set = builders::StatefulSetOf(0);
  }

  crds::RestoreStatus& Status() { return world_.restore.status; }
  crds::RestoreFollow& Held() { return *Status().follow; }

  // A Backup that started now, and is over.
  void BackUp(const std::string& name, crds::BackupPhase phase = crds::BackupPhase::kSucceeded) {
    world_.now += 1min;
    crds::Backup backup;
    backup.metadata = InShop(name);
    backup.spec.policy = "nightly";
    backup.status.phase = phase;
    backup.status.start_time = world_.now;
    backup.status.completion_time = world_.now;
    for (const char* ordinal : {"0", "1"}) {
      crds::VolumeBackup& volume = backup.status.volumes.emplace_back();
      volume.claim = std::string("data-db-") + ordinal;
      volume.snapshot = std::string(64, 'a');
    }
    world_.backups.push_back(backup);
  }

  // One pass, carried out.
  Plan Pass() {
    const Plan plan = Decide(world_, Settings{});
    for (const Restore& removed : plan.remove_children)
      std::erase_if(world_.following.children, [&](const Restore& child) {
        return child.metadata.uid == removed.metadata.uid;
      });
    if (plan.create_child) Create(*plan.create_child);
    if (plan.scale) world_.set->replicas = static_cast<int>(*plan.scale);
    Status() = plan.status;
    return plan;
  }
  void Create(Restore child) {
    world_.now += 1s;
    child.metadata.uid = "uid-" + child.metadata.name;
    child.metadata.creation_timestamp = world_.now;
    child.status.phase = RestorePhase::kPending;
    world_.following.children.push_back(child);
  }
  Restore& Child() { return world_.following.children.back(); }

  void ChildSucceeds() {
    world_.now += 10s;
    Child().status.phase = RestorePhase::kSucceeded;
    Child().status.completion_time = world_.now;
    for (const char* ordinal : {"0", "1"}) {
      crds::VolumeRestore& volume = Child().status.volumes.emplace_back();
      volume.claim = std::string("data-db-") + ordinal;
      volume.job = "job";
    }
  }
  void ChildFails(bool spoils) {
    world_.now += 10s;
    Child().status.phase = RestorePhase::kFailed;
    Child().status.completion_time = world_.now;
    if (spoils)
      Child().status.steps.push_back(
          {kScaleUpStep, RunState::kSkipped, std::nullopt, std::nullopt, ""});
    crds::SetStalled(Child().status.conditions, {1, "Unreachable", "No answer."}, world_.now);
  }
  void ChildSays(const char* why) {
    crds::SetReconciling(Child().status.conditions, {1, why, "It waits."}, world_.now);
  }
  // Restores `name`, from nothing to the record of it.
  void Follow(const std::string& name) {
    BackUp(name);
    ASSERT_TRUE(Pass().create_child);
    ChildSucceeds();
    Pass();
    ASSERT_EQ(Held().backup, name);
  }

  World world_;
};

TEST_F(FollowTest, EachNewBackupIsAChildRestore) {
  EXPECT_FALSE(Pass().create_child);
  EXPECT_EQ(Reason(Status()), reason::kSourceNotFound);
  BackUp("first");
  const Plan plan = Pass();
  ASSERT_TRUE(plan.create_child);
  const Restore& child = *plan.create_child;
  EXPECT_EQ(child.spec.source.backup, "first");
  EXPECT_EQ(child.spec.source.policy, "");
  EXPECT_EQ(child.spec.target.stateful_set, "db");
  EXPECT_EQ(child.spec.mode, crds::RestoreMode::kOnce);
  EXPECT_EQ(child.spec.overwrite, crds::Overwrite::kIfChanged);
  EXPECT_TRUE(child.spec.delete_extra);
  EXPECT_TRUE(IsOfFollower(child));
  EXPECT_EQ(child.metadata.labels.at(kFollowerLabel), "standby");
  EXPECT_EQ(Held().restoring, child.metadata.name);
  EXPECT_EQ(Reason(Status()), reason::kRestoring);
  EXPECT_FALSE(Pass().create_child) << "one at a time";

  ChildSucceeds();
  EXPECT_FALSE(Pass().create_child);
  EXPECT_EQ(Held().backup, "first");
  EXPECT_EQ(Held().recovery_point, world_.backups[0].status.start_time);
  EXPECT_EQ(Held().restored, 1);
  EXPECT_EQ(Held().restoring, "");
  EXPECT_EQ(Status().phase, RestorePhase::kFollowing);
  EXPECT_EQ(Status().original_replicas, 2) << "as many pods as were backed up";
  EXPECT_TRUE(crds::IsTrue(Status().conditions, crds::kReady));
  const crds::RestoreStatus before = Status();
  EXPECT_FALSE(Pass().create_child);
  EXPECT_EQ(Status(), before) << "idle, nothing is written";

  BackUp("second");
  EXPECT_EQ(Pass().create_child->spec.source.backup, "second");
  EXPECT_TRUE(crds::IsTrue(Status().conditions, crds::kReady)) << "it holds the one before";
}

TEST_F(FollowTest, OnlyTheNewestWholeBackupIsRestored) {
  BackUp("a");
  BackUp("b");
  BackUp("partial", crds::BackupPhase::kPartiallyFailed);
  BackUp("failed", crds::BackupPhase::kFailed);
  BackUp("running", crds::BackupPhase::kRunning);
  EXPECT_EQ(Pass().create_child->spec.source.backup, "b");
  ChildSucceeds();
  EXPECT_FALSE(Pass().create_child);
}

TEST_F(FollowTest, AnotherOperatorMakesTheSameChild) {
  BackUp("a");
  const std::string name = Decide(world_, Settings{}).create_child->metadata.name;
  EXPECT_EQ(Decide(world_, Settings{}).create_child->metadata.name, name)
      << "killed before it was written";
  Create(*Decide(world_, Settings{}).create_child);
  EXPECT_FALSE(Pass().create_child) << "killed after it was made";
  EXPECT_EQ(Held().restoring, name);
}

TEST_F(FollowTest, TheFirstWaitsForTheSearchAndTellsWhatItWaitsFor) {
  BackUp("old");
  world_.following.searched = "offsite";
  EXPECT_FALSE(Pass().create_child);
  EXPECT_THAT(Message(Status()), HasSubstr("offsite"));
  world_.following.searched.clear();
  EXPECT_TRUE(Pass().create_child);
}

TEST_F(FollowTest, WithoutPolicyOrStatefulSetItSaysSo) {
  world_.policy.reset();
  Pass();
  EXPECT_EQ(Reason(Status()), reason::kPolicyNotFound);
  BackUp("a");
  world_.set.reset();
  EXPECT_FALSE(Pass().create_child);
  EXPECT_EQ(Reason(Status()), reason::kStatefulSetNotFound);
  world_.restore.spec.source.policy.clear();
  Pass();
  EXPECT_TRUE(crds::IsTrue(Status().conditions, crds::kStalled));
}

TEST_F(FollowTest, WhoCannotLookForNewsDoesNotCallItselfCurrent) {
  Follow("a");
  world_.following.unsearchable = "offsite";
  Pass();
  EXPECT_EQ(Reason(Status()), reason::kFollowing) << "the policy is here, and so is its news";
  world_.policy.reset();
  Pass();
  EXPECT_EQ(Reason(Status()), reason::kRepositoryNotReady);
  EXPECT_FALSE(crds::IsTrue(Status().conditions, crds::kReady));
  EXPECT_THAT(Message(Status()), HasSubstr("Holds Backup a"));
  world_.following.unsearchable.clear();
  Pass();
  EXPECT_EQ(Reason(Status()), reason::kFollowing);
}

TEST_F(FollowTest, WhatRunsIsNotOverwrittenAndComparedAnewAfterwards) {
  Follow("a");
  world_.set->replicas = 3;
  BackUp("b");
  EXPECT_FALSE(Pass().create_child);
  EXPECT_EQ(Reason(Status()), reason::kStandbyRuns);
  EXPECT_THAT(Message(Status()), HasSubstr("--replicas=0"));
  EXPECT_EQ(Held().backup, "") << "pods may have written";
  Pass();
  EXPECT_EQ(Held().backup, "") << "and what was restored before says nothing any more";
  world_.backups.pop_back();
  world_.set->replicas = 0;
  EXPECT_EQ(Pass().create_child->spec.source.backup, "a");
}

TEST_F(FollowTest, AChildThatIsHeldUpSaysWhy) {
  BackUp("a");
  Pass();
  ChildSays(reason::kClaimInUse);
  Pass();
  EXPECT_EQ(Reason(Status()), reason::kClaimInUse);
  EXPECT_FALSE(crds::IsTrue(Status().conditions, crds::kReady));
  ChildSays(reason::kRestoring);
  Child().status.progress = "40%";
  Pass();
  EXPECT_EQ(Status().progress, "40%");
  EXPECT_EQ(Reason(Status()), reason::kRestoring);
}

TEST_F(FollowTest, AChildThatHasTouchedNothingGivesWayToANewerBackup) {
  BackUp("a");
  Pass();
  BackUp("b");
  EXPECT_THAT(Pass().remove_children, SizeIs(1));
  EXPECT_EQ(Pass().create_child->spec.source.backup, "b");
  Child().status.phase = RestorePhase::kRestoring;
  BackUp("c");
  EXPECT_THAT(Pass().remove_children, IsEmpty()) << "it writes";
}

TEST_F(FollowTest, AChildOnItsWayOutIsWaitedFor) {
  BackUp("a");
  world_.following.leaving = "standby-x";
  EXPECT_FALSE(Pass().create_child);
  EXPECT_THAT(Message(Status()), HasSubstr("standby-x"));
}

TEST_F(FollowTest, AFailureIsToldAndTriedAgainWithPausesThatDouble) {
  Follow("a");
  BackUp("b");
  std::vector<std::string> names = {Pass().create_child->metadata.name};
  for (const auto pause : {1min, 2min, 4min}) {
    ChildFails(/*spoils=*/false);
    const Plan plan = Pass();
    EXPECT_FALSE(plan.create_child);
    EXPECT_EQ(plan.requeue, RequeueAt(world_.now + pause));
    EXPECT_EQ(Reason(Status()), "Unreachable");
    EXPECT_EQ(Held().backup, "a") << "nothing was written";
    world_.now += pause;
    names.push_back(Pass().create_child->metadata.name);
  }
  EXPECT_EQ(std::set<std::string>(names.begin(), names.end()).size(), 4u);
  ChildFails(/*spoils=*/false);
  BackUp("c");
  EXPECT_EQ(Pass().create_child->spec.source.backup, "c") << "that is another thing";
}

TEST_F(FollowTest, AHalfWrittenTargetHoldsNothing) {
  Follow("a");
  BackUp("b");
  Pass();
  ChildFails(/*spoils=*/true);
  Pass();
  EXPECT_EQ(Held().backup, "");
  EXPECT_FALSE(Held().recovery_point);
  world_.backups.pop_back();  // retention took it
  EXPECT_EQ(Pass().create_child->spec.source.backup, "a") << "the newest there is makes it whole";
}

TEST_F(FollowTest, OldChildrenGo) {
  for (const char* name : {"a", "b", "c", "d", "e", "f"}) Follow(name);
  Pass();
  EXPECT_THAT(world_.following.children, SizeIs(4));
  EXPECT_EQ(Held().restored, 6);
}

TEST_F(FollowTest, TheFirstOfTwoFollowersWins) {
  Restore second = world_.restore;
  second.metadata.name = "another";
  second.metadata.creation_timestamp = world_.now + 1s;
  EXPECT_EQ(EarlierRestore(second, {world_.restore}), "standby");
  EXPECT_EQ(EarlierRestore(world_.restore, {second}), "");
  Restore child = second;
  child.spec.mode = crds::RestoreMode::kOnce;
  EXPECT_EQ(EarlierRestore(child, {world_.restore}), "") << "a follower writes nothing itself";
  BackUp("a");
  world_.earlier = "other";
  EXPECT_FALSE(Pass().create_child);
  EXPECT_EQ(Reason(Status()), reason::kWaitingForRestore);
}

// --- Promotion ---

class PromotionTest : public FollowTest {
 protected:
  void Ready() { world_.set->ready_replicas = world_.set->replicas; }
  const crds::RestoreStep* Step(const std::string& name) {
    for (const crds::RestoreStep& step : Status().steps)
      if (step.name == name) return &step;
    return nullptr;
  }
};

TEST_F(PromotionTest, WritesItDownThenStartsThenFollowsNoMore) {
  Follow("a");
  world_.restore.spec.promote = true;
  const Plan marked = Pass();
  EXPECT_FALSE(marked.scale) << "written down before anything starts";
  ASSERT_TRUE(Held().promoted_time);
  EXPECT_EQ(Status().phase, RestorePhase::kScalingUp);
  const Plan started = Pass();
  EXPECT_EQ(started.scale, 2);
  EXPECT_EQ(started.requeue, RequeueAt(*Held().promoted_time + 24h));
  Pass();
  EXPECT_FALSE(IsOver(world_.restore)) << "its pods are not ready";
  Ready();
  Pass();
  EXPECT_EQ(Status().phase, RestorePhase::kSucceeded);
  EXPECT_EQ(Reason(Status()), reason::kPromoted);
  EXPECT_TRUE(Status().completion_time);
  EXPECT_EQ(Step("ScaleUp")->state, RunState::kSucceeded);
  EXPECT_EQ(Step("CatchUp")->state, RunState::kSucceeded);

  BackUp("b");
  world_.restore.spec.promote = false;
  EXPECT_FALSE(Pass().create_child);
  EXPECT_EQ(Status().phase, RestorePhase::kSucceeded);
  EXPECT_THAT(Message(Status()), HasSubstr("spec.promote was taken back"));
  const crds::RestoreStatus before = Status();
  Pass();
  EXPECT_EQ(Status(), before);
}

TEST_F(PromotionTest, CatchesUpFirst) {
  Follow("a");
  BackUp("b");
  Pass();
  BackUp("c");
  Child().status.phase = RestorePhase::kRestoring;
  world_.restore.spec.promote = true;
  Pass();
  EXPECT_EQ(Reason(Status()), reason::kPromoting) << "one that writes is awaited";
  ChildSucceeds();
  EXPECT_EQ(Pass().create_child->spec.source.backup, "c");
  EXPECT_FALSE(Held().promoted_time);
  ChildSucceeds();
  Pass();
  EXPECT_TRUE(Held().promoted_time);
  EXPECT_EQ(Held().backup, "c");
}

TEST_F(PromotionTest, SearchesTheRepositoryOnceMore) {
  Follow("a");
  world_.restore.spec.promote = true;
  world_.following.searched = "offsite";
  Pass();
  EXPECT_FALSE(Held().promoted_time);
  EXPECT_THAT(Message(Status()), HasSubstr("offsite"));
  world_.following.searched.clear();
  BackUp("b");
  EXPECT_EQ(Pass().create_child->spec.source.backup, "b");
}

TEST_F(PromotionTest, GoesOnWithoutAStoreThatIsAway) {
  Follow("a");
  world_.restore.spec.promote = true;
  world_.following.unsearchable = "offsite";
  Pass();
  EXPECT_TRUE(Held().promoted_time);
  EXPECT_THAT(Message(Status()), HasSubstr("offsite could not be searched"));
}

TEST_F(PromotionTest, ASearchIsNotAwaitedForEver) {
  Follow("a");
  world_.restore.spec.promote = true;
  world_.following.searched = "offsite";
  EXPECT_EQ(Pass().requeue, RequeueAt(world_.now + 2min));
  world_.now += 2min;
  Pass();
  EXPECT_TRUE(Held().promoted_time);
  EXPECT_THAT(Message(Status()), HasSubstr("offsite could not be searched"));
}

TEST_F(PromotionTest, ANewerBackupThatCannotBeHadIsGivenUp) {
  Follow("a");
  BackUp("b");
  Pass();
  world_.restore.spec.promote = true;
  ChildSays(reason::kRepositoryNotReady);
  EXPECT_THAT(Pass().remove_children, SizeIs(1));
  EXPECT_FALSE(Held().promoted_time) << "not before it is gone";
  Pass();
  EXPECT_TRUE(Held().promoted_time);
  EXPECT_THAT(Message(Status()), HasSubstr("Backup b could not be restored: It waits."));
}

TEST_F(PromotionTest, SoIsOneThatFailedWithoutAWrite) {
  Follow("a");
  BackUp("b");
  Pass();
  ChildFails(/*spoils=*/false);
  world_.restore.spec.promote = true;
  Pass();
  EXPECT_TRUE(Held().promoted_time);
  EXPECT_EQ(Held().backup, "a");
  EXPECT_THAT(Message(Status()), HasSubstr("Backup b could not be restored: No answer."));
}

TEST_F(PromotionTest, AHalfWrittenTargetIsNeverStarted) {
  Follow("a");
  BackUp("b");
  Pass();
  ChildFails(/*spoils=*/true);
  world_.restore.spec.promote = true;
  Pass();
  EXPECT_FALSE(Held().promoted_time);
  EXPECT_THAT(Message(Status()), HasSubstr("tried again at"));
  world_.now += 1min;
  EXPECT_EQ(Pass().create_child->spec.source.backup, "b");
}

TEST_F(PromotionTest, WithoutAnyBackupThereIsNothingToPromote) {
  world_.restore.spec.promote = true;
  Pass();
  EXPECT_FALSE(Held().promoted_time);
  EXPECT_EQ(Reason(Status()), reason::kSourceNotFound);
}

TEST_F(PromotionTest, AWishThatIsTakenBackInTimeIsForgotten) {
  Follow("a");
  world_.restore.spec.promote = true;
  world_.following.searched = "offsite";
  Pass();
  world_.restore.spec.promote = false;
  Pass();
  EXPECT_EQ(Reason(Status()), reason::kFollowing);
  EXPECT_EQ(Step("CatchUp"), nullptr);
}

TEST_F(PromotionTest, OneThatSomebodyStartedKeepsItsSize) {
  Follow("a");
  world_.set->replicas = 3;
  world_.restore.spec.promote = true;
  Pass();
  EXPECT_TRUE(Held().promoted_time);
  EXPECT_FALSE(Pass().scale);
  Ready();
  Pass();
  EXPECT_EQ(Status().phase, RestorePhase::kSucceeded);
}

TEST_F(PromotionTest, ItIsScaledOnceAndWhoeverScalesItBackIsToldOf) {
  Follow("a");
  world_.restore.spec.promote = true;
  Pass();
  EXPECT_TRUE(Pass().scale);
  world_.set->replicas = 0;
  EXPECT_FALSE(Pass().scale);
  EXPECT_THAT(Message(Status()), HasSubstr("replicas: 2 there"));
  world_.now += 25h;
  EXPECT_FALSE(Pass().scale);
  EXPECT_EQ(Status().phase, RestorePhase::kFailed);
  EXPECT_EQ(Reason(Status()), reason::kDeadlineExceeded);
}

TEST_F(PromotionTest, ClaimsAreDoneAtOnce) {
  world_.restore.spec.target = {};
  world_.restore.spec.target.claims.push_back({"data-db-0", "copy", {}, {}, {}});
  world_.set.reset();
  Follow("a");
  EXPECT_FALSE(Status().original_replicas);
  world_.restore.spec.promote = true;
  Pass();
  Pass();
  EXPECT_EQ(Status().phase, RestorePhase::kSucceeded);
  EXPECT_EQ(Reason(Status()), reason::kPromoted);
}

TEST_F(PromotionTest, KilledAtAnyMomentItComesToTheSameEnd) {
  // Of each pass, the status may not have been written.
  for (int lost = 0; lost < 8; ++lost) {
    World fresh = world_;
    BackUp("a");
    world_.restore.spec.promote = true;
    for (int pass = 0; pass < 12 && !IsOver(world_.restore); ++pass) {
      const crds::RestoreStatus before = Status();
      Pass();
      if (pass == lost) Status() = before;
      if (!world_.following.children.empty() && !IsOver(Child())) ChildSucceeds();
      Ready();
    }
    EXPECT_EQ(Status().phase, RestorePhase::kSucceeded) << lost;
    EXPECT_EQ(world_.set->replicas, 2) << lost;
    EXPECT_THAT(world_.following.children, SizeIs(1)) << lost;
    EXPECT_EQ(Held().restored, 1) << lost;
    world_ = std::move(fresh);
  }
}

}  // namespace
}  // namespace holdfast::controllers::restore
