#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "controllers/backup/decide.h"
#include "controllers/backup/volumes.h"
#include "controllers/reasons.h"
#include "tests/builders/backup_run.h"

namespace holdfast::controllers::backup {
namespace {

using namespace builders;  // NOLINT(google-build-using-namespace): they are the test's language
using crds::BackupPhase;
using crds::RunState;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;

class BackupDecideTest : public BackupRunTest {
 protected:
  BackupDecideTest() { settings_.progress_period = std::chrono::seconds(3); }
  void Succeeds(std::size_t i, std::uint64_t bytes) {
    protocol::MoverResult result;
    result.snapshot = std::string(64, 'a');
    result.bytes = bytes;
    result.bytes_read = bytes;
    result.bytes_added = bytes / 2;
    HasJob(i, MoverPhase::kSucceeded).mover.result = result;
  }
};

TEST_F(BackupDecideTest, ResolvesVolumesBeforeItStartsAnything) {
  const Plan plan = Decided();
  ASSERT_EQ(plan.status.volumes.size(), 2u);
  EXPECT_EQ(plan.status.volumes[0].claim, "data-db-0");
  EXPECT_EQ(plan.status.volumes[1].pod, "db-1");
  EXPECT_EQ(plan.status.repository, "offsite");
  EXPECT_THAT(plan.start, IsEmpty());
  EXPECT_EQ(plan.requeue, RequeueAt(world_.now));
}

TEST_F(BackupDecideTest, APolicyForSeveralStatefulSetsBacksUpTheVolumesOfAll) {
  StatefulSetView web = StatefulSetOf(0);
  web.key.name = "web";
  policy_.spec.target = {};
  policy_.spec.target.selector.emplace();
  policy_.spec.dumps.emplace_back().name = "shop";
  const auto volumes = ResolveVolumes(policy_, {&stateful_set_, &web}, {"data-web-3", "data-db-9"});
  ASSERT_EQ(volumes.size(), 4u);
  EXPECT_EQ(volumes[1].claim, "data-db-1");
  EXPECT_EQ(volumes[2].claim, "data-web-3") << "what it has left";
  world_.stateful_sets = {&stateful_set_, &web};
  EXPECT_EQ(SetNameOf(world_, volumes[1]), "db");
  EXPECT_EQ(SetNameOf(world_, volumes[2]), "web");
  EXPECT_EQ(SetNameOf(world_, volumes[3]), "") << "a dump is of no StatefulSet among several";
}

TEST_F(BackupDecideTest, AScaledDownSetStillHasItsClaims) {
  stateful_set_ = StatefulSetOf(0);
  const auto volumes =
      ResolveVolumes(policy_, {&stateful_set_}, {"data-db-0", "data-db-7", "data-db-x", "other"});
  ASSERT_EQ(volumes.size(), 2u);
  EXPECT_EQ(volumes[1].claim, "data-db-7");
}

TEST_F(BackupDecideTest, MoreClaimsLeftBehindThanARunHoldsAreRefused) {
  stateful_set_ = StatefulSetOf(0);
  for (int i = 0; i < 1025; ++i) world_.claims.insert("data-db-" + std::to_string(i));
  const Plan plan = Decided();
  EXPECT_THAT(plan.status.volumes, IsEmpty());
  EXPECT_EQ(crds::FindCondition(plan.status.conditions, crds::kStalled)->reason,
            reason::kTooManyVolumes);
}

TEST_F(BackupDecideTest, OrdinalsStartWhereTheSetSays) {
  stateful_set_.first_ordinal = 5;
  EXPECT_EQ(ResolveVolumes(policy_, {&stateful_set_}, {})[0].claim, "data-db-5");
}

TEST_F(BackupDecideTest, StartsAMoverForEachVolume) {
  Resolved({"data-db-0", "data-db-1"});
  world_.volumes[0].node = "node-a";
  const Plan plan = Decided();
  EXPECT_THAT(plan.start, ElementsAre("data-db-0", "data-db-1"));
  EXPECT_EQ(plan.status.phase, BackupPhase::kRunning);
  EXPECT_EQ(plan.status.start_time, world_.now);
  EXPECT_EQ(plan.status.volumes[0].node, "node-a");
  EXPECT_EQ(Ready(plan).message, "0 of 2 volumes done");
}

TEST_F(BackupDecideTest, AMoverThatComesUpInTimeIsNoNews) {
  Resolved({"data-db-0"});
  world_.backup.status = Decided().status;
  EXPECT_EQ(world_.backup.status.volumes[0].job, "run-data-db-0");
  VolumeWorld& seen = HasJob(0, MoverPhase::kWaiting);
  seen.job->created = world_.now;
  seen.mover.message = "pod run-data-db-0-x is starting on node a";
  world_.backup.status.start_time = world_.now;
  EXPECT_EQ(Decided().status, world_.backup.status);
  seen.mover.reason = reason::kUnschedulable;
  EXPECT_EQ(Decided().status.volumes[0].message, seen.mover.message) << "trouble is told at once";
  seen.mover.reason.clear();
  world_.now += std::chrono::seconds(10);
  EXPECT_EQ(Decided().status.volumes[0].message, seen.mover.message) << "and so is a long wait";
}

TEST_F(BackupDecideTest, AMoverThatWasRefusedIsInTheQueueAgain) {
  Resolved({"data-db-0"});
  Plan plan = Decided();
  AddStartFailure(plan, world_, "data-db-0", {Code::kDenied, "exceeded quota"});
  EXPECT_EQ(plan.status.volumes[0].job, "");
}

TEST_F(BackupDecideTest, AJobThatIsOnItsWayIsNotMadeAgain) {
  Resolved({"data-db-0"});
  world_.backup.status = Decided().status;
  world_.volumes[0].job_is_coming = true;
  const Plan plan = Decided();
  EXPECT_THAT(plan.start, IsEmpty());
  EXPECT_EQ(plan.status, world_.backup.status);
}

TEST_F(BackupDecideTest, WaitsForASlotVisibly) {
  Resolved({"data-db-0", "data-db-1"});
  world_.free_slots = 1;
  const Plan plan = Decided();
  EXPECT_THAT(plan.start, ElementsAre("data-db-0"));
  EXPECT_EQ(Ready(plan).reason, reason::kWaitingForSlot);
  EXPECT_EQ(Ready(plan).message,
            "all 4 slots of BackupRepository \"offsite\" are in use "
            "(spec.limits.concurrentMovers); waits for one");
}

struct BlockCase {
  const char* name;
  void (*change)(World&);
  const char* reason;
  const char* says;
  bool stalled;
};

class BlockedTest : public BackupDecideTest, public ::testing::WithParamInterface<BlockCase> {};

TEST_P(BlockedTest, SaysWhyAndHealsByItself) {
  GetParam().change(world_);
  const Plan plan = Decided();
  EXPECT_EQ(plan.status.phase, BackupPhase::kPending);
  EXPECT_THAT(plan.start, IsEmpty());
  EXPECT_EQ(Ready(plan).reason, GetParam().reason);
  EXPECT_THAT(Ready(plan).message, HasSubstr(GetParam().says));
  EXPECT_EQ(crds::IsTrue(plan.status.conditions, crds::kStalled), GetParam().stalled);
  EXPECT_TRUE(plan.requeue.at) << "it looks again even if nobody tells it";
}

const StatefulSetView kNoTemplates = StatefulSetOf(1, {});
const crds::BackupRepository kUnreachable =
    RepositoryNamed("offsite").NotReadyBecause("the endpoint does not answer").Build();
const crds::BackupPolicy kBadPolicy =
    PolicyNamed("nightly").With([](auto& p) { p.spec.jitter = "soon"; }).Build();

INSTANTIATE_TEST_SUITE_P(
    Checks, BlockedTest,
    ::testing::Values(
        BlockCase{"NoPolicy", [](World& w) { w.policy = nullptr; }, reason::kPolicyNotFound,
                  "there is no BackupPolicy \"nightly\" in namespace shop; create it", true},
        BlockCase{"BadPolicy", [](World& w) { w.policy = &kBadPolicy; }, reason::kPolicyNotReady,
                  "spec.jitter", true},
        BlockCase{"NoStatefulSet", [](World& w) { w.stateful_sets.clear(); },
                  reason::kStatefulSetNotFound, "there is no StatefulSet \"db\"", true},
        BlockCase{"NoTemplates", [](World& w) { w.stateful_sets = {&kNoTemplates}; },
                  reason::kNoVolumes, "has no volumeClaimTemplates", true},
        BlockCase{"NoRepository", [](World& w) { w.repository = nullptr; },
                  reason::kRepositoryNotFound, "there is no BackupRepository \"offsite\"", true},
        BlockCase{"RepositoryNotReady", [](World& w) { w.repository = &kUnreachable; },
                  reason::kRepositoryNotReady, "the endpoint does not answer", false},
        BlockCase{"Turn", [](World& w) { w.older = "earlier"; }, reason::kBackupRunning,
                  "waits for Backup \"earlier\"", false}),
    [](const auto& test) { return test.param.name; });

TEST_F(BackupDecideTest, AMissingClaimFailsThatVolumeOnly) {
  Resolved({"data-db-0", "data-db-1"});
  world_.volumes[1].claim_exists = false;
  const Plan plan = Decided();
  EXPECT_THAT(plan.start, ElementsAre("data-db-0"));
  EXPECT_EQ(plan.status.volumes[1].state, RunState::kFailed);
  EXPECT_EQ(plan.status.volumes[1].message, "PersistentVolumeClaim \"data-db-1\" does not exist");
}

TEST_F(BackupDecideTest, ProgressWeighsBytes) {
  Resolved({"data-db-0", "data-db-1"});
  protocol::Progress small;
  small.bytes_done = small.bytes_total = 100;
  protocol::Progress large;
  large.bytes_done = 0;
  large.bytes_total = 900;
  large.bytes_per_second = 90;
  HasJob(0, MoverPhase::kRunning).progress = small;
  HasJob(1, MoverPhase::kRunning).progress = large;
  const Plan plan = Decided();
  EXPECT_EQ(plan.status.progress, "10%");
  EXPECT_EQ(plan.status.eta, "10s");
  EXPECT_EQ(plan.status.throughput, "90 B/s");
  EXPECT_EQ(plan.requeue, RequeueAt(world_.now + std::chrono::seconds(3)));
}

TEST_F(BackupDecideTest, AStuckMoverIsTheCondition) {
  Resolved({"data-db-0"});
  VolumeWorld& seen = HasJob(0, MoverPhase::kWaiting);
  seen.mover.reason = reason::kUnschedulable;
  seen.mover.message = "no node can take pod x: 0/1 nodes are available";
  const Plan plan = Decided();
  EXPECT_EQ(Ready(plan).reason, reason::kUnschedulable);
  EXPECT_EQ(Ready(plan).message, "data-db-0: no node can take pod x: 0/1 nodes are available");
  EXPECT_EQ(plan.status.volumes[0].state, RunState::kPending);
}

TEST_F(BackupDecideTest, AMoverThatWaitsFollowsThePodToAnotherNode) {
  Resolved({"data-db-0"});
  world_.backup.status.volumes[0].node = "node-a";
  VolumeWorld& seen = HasJob(0, MoverPhase::kWaiting);
  seen.nodes = {"node-a", "node-b"};
  EXPECT_THAT(Decided().stop, IsEmpty()) << "it is mounted there as well";
  seen.nodes = {"node-b"};
  const Plan plan = Decided();
  ASSERT_EQ(plan.stop.size(), 1u);
  EXPECT_EQ(plan.status.volumes[0].state, RunState::kPending);
  EXPECT_EQ(plan.status.volumes[0].message,
            "the pod that mounts the volume is on node node-b now; the mover follows");
  seen.job->deleting = true;
  EXPECT_THAT(Decided().stop, IsEmpty()) << "once";
  seen.job.reset();
  seen.node = "node-b";
  EXPECT_EQ(Decided().status.volumes[0].node, "node-b");
  EXPECT_THAT(Decided().start, ElementsAre("data-db-0"));
}

TEST_F(BackupDecideTest, AMoverThatReadsStaysWhereItIs) {
  Resolved({"data-db-0"});
  world_.backup.status.volumes[0].node = "node-a";
  HasJob(0, MoverPhase::kRunning).nodes = {"node-b"};
  EXPECT_THAT(Decided().stop, IsEmpty());
}

TEST_F(BackupDecideTest, AllGoodIsSucceeded) {
  Resolved({"data-db-0", "data-db-1"});
  Succeeds(0, 1024);
  Succeeds(1, 1024);
  const Plan plan = Decided();
  EXPECT_EQ(plan.status.phase, BackupPhase::kSucceeded);
  EXPECT_EQ(Ready(plan).status, crds::ConditionStatus::kTrue);
  EXPECT_EQ(Ready(plan).message, "2 volumes, 2.0 KiB, of which 1.0 KiB are new in the repository");
  EXPECT_EQ(plan.status.bytes, 2048);
  EXPECT_EQ(plan.status.duration, "1m00s");
  EXPECT_EQ(plan.status.progress, "100%");
  EXPECT_EQ(plan.requeue, AwaitChange());
}

TEST_F(BackupDecideTest, OneBadVolumeIsPartiallyFailed) {
  Resolved({"data-db-0", "data-db-1"});
  Succeeds(0, 1024);
  HasJob(1, MoverPhase::kFailed).mover.message = "the bucket is full";
  const Plan plan = Decided();
  EXPECT_EQ(plan.status.phase, BackupPhase::kPartiallyFailed);
  EXPECT_TRUE(crds::IsTrue(plan.status.conditions, crds::kStalled));
  EXPECT_EQ(Ready(plan).message, "1 of 2 volumes failed; data-db-1: the bucket is full");
}

TEST_F(BackupDecideTest, UnreadableFilesFailTheRunAndKeepTheirSnapshot) {
  Resolved({"data-db-0"});
  protocol::MoverResult result;
  result.exit = protocol::ExitCode::kUnreadableFiles;
  result.snapshot = std::string(64, 'b');
  result.unreadable = 12;
  result.unreadable_paths = {"/pg_wal/1"};
  HasJob(0, MoverPhase::kFailed).mover.result = result;
  const Plan plan = Decided();
  EXPECT_EQ(plan.status.phase, BackupPhase::kFailed);
  EXPECT_EQ(plan.status.volumes[0].snapshot, result.snapshot);
  EXPECT_THAT(plan.status.volumes[0].message,
              HasSubstr("12 files could not be read, the first is /pg_wal/1"));
}

TEST_F(BackupDecideTest, WithWarnTheyAreCountedAndToldAndTheRunSucceeds) {
  Resolved({"data-db-0"});
  Succeeds(0, 1024);
  world_.volumes[0].mover.result->unreadable = 1;
  const Plan plan = Decided();
  EXPECT_EQ(plan.status.phase, BackupPhase::kSucceeded);
  EXPECT_EQ(plan.status.unreadable, 1);
  EXPECT_THAT(Ready(plan).message, HasSubstr("; 1 file could not be read"));
}

TEST_F(BackupDecideTest, SuccessWithoutAWordIsNoSuccess) {
  Resolved({"data-db-0"});
  HasJob(0, MoverPhase::kSucceeded).mover.message = "the mover's pod is gone and left no result";
  EXPECT_EQ(Decided().status.phase, BackupPhase::kFailed);
}

TEST_F(BackupDecideTest, ARunningBackupOutlivesItsPolicy) {
  Resolved({"data-db-0", "data-db-1"});
  HasJob(0, MoverPhase::kRunning);
  world_.policy = nullptr;
  const Plan plan = Decided();
  EXPECT_EQ(plan.status.phase, BackupPhase::kRunning);
  EXPECT_EQ(plan.status.volumes[1].state, RunState::kFailed);
}

TEST_F(BackupDecideTest, WhatIsOverStaysAndItsJobsExpire) {
  world_.backup = BackupNamed("run").Succeeded("2026-06-01T01:00:00Z").Build();
  JobView job;
  job.key = {"shop", "run-data-db-0"};
  job.complete = true;
  world_.jobs = {job};
  Plan plan = Decided();
  EXPECT_EQ(plan.status, world_.backup.status);
  ASSERT_EQ(plan.expire.size(), 1u);
  EXPECT_EQ(plan.expire[0].key, job.key);
  world_.jobs[0].expires = true;
  EXPECT_THAT(Decided().expire, IsEmpty());
}

TEST_F(BackupDecideTest, AVolumeThatShrankBeyondTheGuardIsKeptApart) {
  policy_.spec.failure_policy.shrink_guard = "90%";
  Resolved({"data-db-0"});
  Succeeds(0, 5 << 20);
  world_.volumes[0].last_good = GoodSize{"yesterday", 100 << 20};
  const Plan plan = Decided();
  EXPECT_EQ(plan.status.phase, BackupPhase::kFailed) << "so that it counts nowhere as good";
  EXPECT_FALSE(plan.status.volumes[0].snapshot.empty()) << "and yet it can be restored by its id";
  EXPECT_EQ(plan.status.volumes[0].message,
            "it holds 5.0 MiB, 95% less than the 100.0 MiB of Backup yesterday, beyond "
            "spec.failurePolicy.shrinkGuard (90%); its snapshot is kept apart and replaces "
            "nothing. If that is right, raise or remove shrinkGuard and run a backup again");
}

TEST_F(BackupDecideTest, WithinTheGuardOrWithoutHistoryNothingIsSaid) {
  policy_.spec.failure_policy.shrink_guard = "90%";
  Resolved({"data-db-0", "data-db-1"});
  Succeeds(0, 10 << 20);
  world_.volumes[0].last_good = GoodSize{"yesterday", 100 << 20};
  Succeeds(1, 0);
  EXPECT_EQ(Decided().status.phase, BackupPhase::kSucceeded);
}

TEST_F(BackupDecideTest, ARefusedJobIsTold) {
  Resolved({"data-db-0"});
  Plan plan = Decided();
  AddStartFailure(plan, world_, "data-db-0", {Code::kDenied, "exceeded quota: pods"});
  EXPECT_EQ(Ready(plan).reason, reason::kJobRefused);
  EXPECT_EQ(Ready(plan).message, "data-db-0: exceeded quota: pods");
}

}  // namespace
}  // namespace holdfast::controllers::backup
