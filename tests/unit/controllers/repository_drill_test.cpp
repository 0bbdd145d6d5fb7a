#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "controllers/reasons.h"
#include "controllers/repository/drill.h"
#include "tests/builders/kinds.h"

namespace holdfast::controllers::repository {
namespace {

using namespace builders;  // NOLINT(google-build-using-namespace): they are the test's language
using crds::RunState;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::SizeIs;

// Created on a Saturday; drills at 6 on Sundays.
class DrillTest : public ::testing::Test {
 protected:
  DrillTest() {
    world_.repository = RepositoryNamed("offsite").Build();
    world_.repository.metadata.creation_timestamp = At("2026-08-01T12:00:00Z");
    world_.repository.spec.drill.emplace().schedule = "0 6 * * 0";
  }
  Plan DecideAt(const std::string& now) {
    world_.now = At(now);
    Plan plan;
    plan.status = world_.repository.status;
    DecideDrill(world_, plan);
    return plan;
  }
  crds::RepositoryDrill& Drill(RunState state) {
    auto& drill = world_.repository.status.last_drill.emplace();
    drill.restore = "offsite-drill-20260802-0600";
    drill.policy = "nightly";
    drill.claim = "data-db-0";
    drill.state = state;
    drill.time = At("2026-08-02T06:00:00Z");
    return drill;
  }
  crds::Restore& Restoring(crds::RestorePhase phase) {
    crds::Restore& restore = world_.drill.emplace();
    restore.metadata = InShop("offsite-drill-20260802-0600");
    restore.status.phase = phase;
    return restore;
  }

  World world_;
};

TEST_F(DrillTest, WaitsUntilItIsDue) {
  const Plan plan = DecideAt("2026-08-01T12:00:01Z");
  EXPECT_FALSE(plan.begin_drill);
  EXPECT_EQ(plan.requeue, RequeueAt(At("2026-08-02T06:00:00Z")));
}

TEST_F(DrillTest, IsNamedByItsTimeAndManyMissedOnesAreOne) {
  EXPECT_EQ(DecideAt("2026-08-20T12:00:00Z").begin_drill, "offsite-drill-20260816-0600");
}

TEST_F(DrillTest, NothingStartsOnARepositoryThatIsNotReady) {
  world_.repository.status =
      RepositoryNamed("offsite").NotReadyBecause("the bucket is gone").Build().status;
  EXPECT_FALSE(DecideAt("2026-08-02T06:00:02Z").begin_drill);
}

TEST_F(DrillTest, WhatIsWrittenDownIsMadeAlsoWhenTheScheduleIsGone) {
  Drill(RunState::kPending);
  world_.repository.spec.drill.reset();
  const Plan plan = DecideAt("2026-08-02T06:00:02Z");
  EXPECT_TRUE(plan.make_drill);
  EXPECT_EQ(plan.status.last_drill->state, RunState::kRunning);
}

TEST_F(DrillTest, OneThatRunsIsLeftAlone) {
  Drill(RunState::kRunning);
  Restoring(crds::RestorePhase::kRestoring);
  const Plan plan = DecideAt("2026-08-16T06:00:02Z");
  EXPECT_EQ(plan.status, world_.repository.status);
  EXPECT_FALSE(plan.begin_drill) << "the next is due, and waits";
  EXPECT_FALSE(plan.end_drill);
}

TEST_F(DrillTest, SuccessSaysHowMuchAndHowLong) {
  Drill(RunState::kRunning);
  crds::Restore& restore = Restoring(crds::RestorePhase::kSucceeded);
  restore.status.bytes = 3 << 20;
  restore.status.start_time = At("2026-08-02T06:00:03Z");
  restore.status.completion_time = At("2026-08-02T06:02:13Z");
  restore.status.duration = "2m10s";
  const Plan plan = DecideAt("2026-08-02T06:02:14Z");
  const crds::RepositoryDrill& last = *plan.status.last_drill;
  EXPECT_EQ(last.state, RunState::kSucceeded);
  EXPECT_EQ(last.time, At("2026-08-02T06:02:14Z"));
  EXPECT_EQ(last.bytes, 3 << 20);
  EXPECT_EQ(last.duration_seconds, 130);
  EXPECT_EQ(last.message, "3.0 MiB restored and read back in 2m10s");
  ASSERT_THAT(plan.events, SizeIs(1));
  EXPECT_EQ(plan.events[0].reason, reason::kDrillPassed);
  ASSERT_TRUE(plan.end_drill) << "its scratch claim goes with it";
  EXPECT_EQ(plan.end_drill->metadata.uid, restore.metadata.uid);

  world_.repository.status = plan.status;
  EXPECT_THAT(DecideAt("2026-08-02T06:02:15Z").events, IsEmpty()) << "told once";
}

TEST_F(DrillTest, FailureHasTheRestoresWordsAndLeavesNothingBehind) {
  Drill(RunState::kRunning);
  crds::Restore& restore = Restoring(crds::RestorePhase::kFailed);
  crds::SetStalled(restore.status.conditions, {1, "Failed", "pack 01ab is damaged"},
                   At("2026-08-02T06:01:00Z"));
  const Plan plan = DecideAt("2026-08-02T06:01:01Z");
  EXPECT_EQ(plan.status.last_drill->state, RunState::kFailed);
  EXPECT_EQ(plan.status.last_drill->message, "pack 01ab is damaged");
  ASSERT_THAT(plan.events, SizeIs(1));
  EXPECT_EQ(plan.events[0].type, kube::EventType::kWarning);
  EXPECT_EQ(plan.events[0].message,
            "data-db-0 of BackupPolicy nightly could not be restored: pack 01ab is damaged.");
  EXPECT_TRUE(plan.end_drill);
}

TEST_F(DrillTest, ARestoreThatSomebodyDeletedIsAFailure) {
  Drill(RunState::kRunning);
  const Plan plan = DecideAt("2026-08-02T06:01:01Z");
  EXPECT_EQ(plan.status.last_drill->state, RunState::kFailed);
  EXPECT_THAT(plan.status.last_drill->message, HasSubstr("was deleted"));
  EXPECT_FALSE(plan.end_drill);
}

TEST_F(DrillTest, VolumesTakeTurns) {
  const std::vector<Sample> samples = {{"weekly", "data-web-0", 5},
                                       {"nightly", "data-db-1", 500},
                                       {"nightly", "dump/shop", 5},
                                       {"nightly", "data-db-0", 5}};
  std::vector<std::string> turns;
  std::optional<crds::RepositoryDrill> last;
  for (int i = 0; i < 4; ++i) {
    const auto next = NextSample(samples, last, 100);
    ASSERT_TRUE(next);
    turns.push_back(next->claim);
    last.emplace().policy = next->policy;
    last->claim = next->claim;
  }
  EXPECT_THAT(turns, ::testing::ElementsAre("data-db-0", "dump/shop", "data-web-0", "data-db-0"))
      << "data-db-1 is too big";
  EXPECT_FALSE(NextSample(samples, last, 1));
  EXPECT_FALSE(NextSample({}, last, 100));
}

TEST_F(DrillTest, RestoresTheNewestSnapshotOfTheVolumeInThisRepository) {
  Settings settings;
  settings.cluster_name = "prod";
  const crds::Restore restore =
      DrillRestore(world_.repository, Drill(RunState::kPending), settings);
  EXPECT_EQ(restore.spec.source.repository, "offsite");
  EXPECT_EQ(restore.spec.source.host, "prod");
  EXPECT_EQ(restore.spec.source.path, "/shop/data-db-0");
  ASSERT_THAT(restore.spec.target.claims, SizeIs(1));
  EXPECT_EQ(restore.spec.target.claims[0].to, restore.metadata.name);
  EXPECT_TRUE(restore.spec.verify);
  ASSERT_THAT(restore.metadata.owner_references, SizeIs(1));
  EXPECT_EQ(restore.metadata.owner_references[0].uid, world_.repository.metadata.uid);
}

TEST_F(DrillTest, TheScratchClaimIsLikeTheOneThatWasBackedUpAndBelongsToTheRestore) {
  const Json live = {{"metadata", {{"name", "data-db-0"}, {"finalizers", {"x"}}}},
                     {"spec",
                      {{"accessModes", {"ReadWriteOncePod"}},
                       {"storageClassName", "fast"},
                       {"volumeMode", "Block"},
                       {"volumeName", "pv-1"},
                       {"resources", {{"requests", {{"storage", "1Gi"}}}}}}},
                     {"status", {{"capacity", {{"storage", "3Gi"}}}}}};
  const auto& drill = Drill(RunState::kPending);
  const Json claim = ScratchClaim(world_.repository, drill, "uid-7", live, 5);
  EXPECT_EQ(claim["spec"], (Json{{"accessModes", {"ReadWriteOncePod"}},
                                 {"storageClassName", "fast"},
                                 {"volumeMode", "Block"},
                                 {"resources", {{"requests", {{"storage", "3Gi"}}}}}}));
  const Json owner = claim["metadata"]["ownerReferences"][0];
  EXPECT_EQ(owner["kind"], "Restore");
  EXPECT_EQ(owner["uid"], "uid-7");

  world_.repository.spec.drill->storage_class = "cheap";
  const Json fresh = ScratchClaim(world_.repository, drill, "uid-7", Json(), 10ULL << 30);
  EXPECT_EQ(fresh["spec"], (Json{{"accessModes", {"ReadWriteOnce"}},
                                 {"storageClassName", "cheap"},
                                 {"resources", {{"requests", {{"storage", "14Gi"}}}}}}));
}

}  // namespace
}  // namespace holdfast::controllers::repository
