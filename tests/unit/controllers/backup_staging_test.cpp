// VolumeSnapshots and staged claims of a run, told as stories.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "controllers/backup/staged_objects.h"
#include "controllers/backup/staging.h"
#include "controllers/reasons.h"
#include "tests/builders/staged_run.h"

namespace holdfast::controllers::backup {
namespace {

using crds::BackupPhase;
using crds::RunState;
using std::chrono::hours;
using std::chrono::minutes;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::UnorderedElementsAre;

using BackupStagingTest = StagedRunTest;

TEST_F(BackupStagingTest, CutsAllThenReadsWhatIsReadyAndRemovesIt) {
  Look();
  Plan plan = Look();
  EXPECT_THAT(Did(), IsEmpty());
  EXPECT_EQ(plan.requeue, RequeueAt(world_.now)) << "what will be made is written down first";
  EXPECT_EQ(Volume("data-db-0").copy_method, CopyMethod::kSnapshot);
  EXPECT_EQ(Volume("data-db-0").volume_snapshot_class, "snap");

  plan = Look();
  EXPECT_THAT(Did(), ElementsAre("cut data-db-0", "cut data-db-1"));
  EXPECT_EQ(Status().phase, BackupPhase::kRunning);
  EXPECT_EQ(Ready().reason, reason::kStaging);
  EXPECT_EQ(plan.requeue, RequeueAt(world_.now + kStagingPeriod));

  IsCut("data-db-0");
  IsReady("data-db-1");
  plan = Look();
  EXPECT_EQ(plan.requeue, RequeueAt(world_.now)) << "to count slots";
  EXPECT_EQ(Volume("data-db-0").message,
            "VolumeSnapshot run-data-db-0 is taken and being made ready");
  EXPECT_EQ(Volume("data-db-0").cut_time, At("2026-06-01T02:00:30Z"));
  Look();
  EXPECT_THAT(Did(), ElementsAre("copy data-db-1"));
  EXPECT_EQ(Volume("data-db-1").node, "") << "anywhere";

  Runs("data-db-1");
  Look();
  IsCopied("data-db-1");
  Look();
  EXPECT_THAT(Did(), IsEmpty()) << "the result is stored before what it was read from goes";
  Look();
  EXPECT_THAT(Did(), ElementsAre("remove run-data-db-1"));
  Look();
  EXPECT_THAT(Did(), ElementsAre("uncut run-data-db-1"));
  Look();
  EXPECT_THAT(Did(), IsEmpty());
  IsRemoved("data-db-1");
  Look();
  EXPECT_EQ(Volume("data-db-1").volume_snapshot, "");

  IsReady("data-db-0");
  Look();
  Look();
  IsCopied("data-db-0");
  Look();
  EXPECT_EQ(Status().phase, BackupPhase::kSucceeded);
  Did();
  Look();
  EXPECT_THAT(Did(), ElementsAre("remove run-data-db-0")) << "also once the Backup is over";
  Look();
  IsRemoved("data-db-0");
  plan = Look();
  EXPECT_FALSE(HasStaged(Status()));
  EXPECT_EQ(plan.requeue, AwaitChange());
}

TEST_F(BackupStagingTest, HooksHoldUntilEveryVolumeOfThePodIsCut) {
  Freezes();
  Look();
  ASSERT_NO_FATAL_FAILURE(FreezeBoth());
  EXPECT_THAT(Did(), ElementsAre("cut data-db-0", "cut data-db-1"));
  Look();
  EXPECT_THAT(Did(), IsEmpty());
  IsCut("data-db-0");
  Look();
  EXPECT_THAT(Did(), ElementsAre("unlock db-0")) << "as soon as it is cut, ready or not";
  IsCut("data-db-1");
  Look();
  EXPECT_THAT(Did(), ElementsAre("unlock db-1"));
  Ends("unlock db-0", 0);
  Ends("unlock db-1", 0);
  IsReady("data-db-0");
  IsReady("data-db-1");
  Look();
  Look();
  EXPECT_THAT(Did(), ElementsAre("copy data-db-0", "copy data-db-1"));
}

TEST_F(BackupStagingTest, OneSlotIsEnoughToFreezeAndCut) {
  Freezes();
  repository_.spec.limits.concurrent_movers = 2;
  world_.free_slots = 1;
  Look();
  Look();
  Look();
  EXPECT_THAT(Did(), ElementsAre("lock db-0", "lock db-1"));
}

TEST_F(BackupStagingTest, TheDeadlineOfHooksIsForWhatIsNotCut) {
  Freezes();
  Look();
  ASSERT_NO_FATAL_FAILURE(FreezeBoth());
  IsCut("data-db-0");
  world_.now += minutes(11);
  Look();
  EXPECT_EQ(Volume("data-db-0").state, RunState::kPending);
  EXPECT_EQ(Volume("data-db-1").state, RunState::kFailed);
  EXPECT_THAT(Volume("data-db-1").message, HasSubstr("spec.hooks.deadline"));
}

TEST_F(BackupStagingTest, WithoutAClassItStandsStillAndHeals) {
  world_.storage.snapshot_classes->clear();
  Look();
  Plan plan = Look();
  EXPECT_TRUE(crds::IsTrue(Status().conditions, crds::kStalled));
  EXPECT_EQ(Ready().reason, reason::kNoSnapshotClass);
  EXPECT_EQ(Status().phase, BackupPhase::kPending);
  EXPECT_TRUE(plan.requeue.at);
  EXPECT_EQ(Volume("data-db-0").copy_method, std::nullopt);
  world_.storage.snapshot_classes = {VolumeSnapshotClassView{"snap", "csi.example"}};
  Look();
  Look();
  EXPECT_THAT(Did(), ElementsAre("cut data-db-0", "cut data-db-1"));
}

TEST_F(BackupStagingTest, NothingIsCutWhileTheRepositoryHasNoSlot) {
  Look();
  Look();
  world_.free_slots = 0;
  Look();
  EXPECT_THAT(Did(), IsEmpty());
  EXPECT_EQ(Ready().reason, reason::kWaitingForSlot);
  EXPECT_FALSE(AwaitsSnapshot(Status(), Volume("data-db-0"))) << "it queues for a slot";
}

TEST_F(BackupStagingTest, AClaimThatIsNeverProvisionedFailsAndItsMoverIsStopped) {
  ASSERT_NO_FATAL_FAILURE(CopyOne());
  Seen("data-db-0").mover.message = "no node can take pod x";
  world_.now += hours(1);
  Look();
  EXPECT_THAT(Did(), ElementsAre("remove run-data-db-0"));
  EXPECT_EQ(Status().phase, BackupPhase::kFailed);
  EXPECT_THAT(Volume("data-db-0").message,
              HasSubstr("PersistentVolumeClaim run-data-db-0 could not be provisioned within 1h"));
  EXPECT_THAT(Volume("data-db-0").message, HasSubstr("no node can take pod x"));
}

// An operator that was killed between the two writes.
TEST_F(BackupStagingTest, AStagedClaimThatIsMissingIsMadeAgain) {
  ASSERT_NO_FATAL_FAILURE(CopyOne());
  Seen("data-db-0").staged.reset();
  Look();
  EXPECT_THAT(Did(), ElementsAre("claim data-db-0"));
  Seen("data-db-0").staged.emplace().created = world_.now;
  Seen("data-db-0").job->suspended = true;
  Look();
  EXPECT_THAT(Did(), ElementsAre("claim data-db-0")) << "with which the Job goes on";
  Seen("data-db-0").job->suspended = false;
  Look();
  EXPECT_THAT(Did(), IsEmpty());
}

TEST_F(BackupStagingTest, AClaimThatIsNeverMadeFailsTheVolume) {
  ASSERT_NO_FATAL_FAILURE(CopyOne());
  Seen("data-db-0").staged.reset();
  Seen("data-db-0").job->created = world_.now;
  world_.now += hours(1);
  Look();
  EXPECT_THAT(Did(), ElementsAre("remove run-data-db-0"));
  EXPECT_THAT(Volume("data-db-0").message, HasSubstr("could not be made within 1h"));
}

// The same name, deleted and made again.
TEST_F(BackupStagingTest, WhatAnEarlierBackupLeavesIsWaitedFor) {
  ASSERT_NO_FATAL_FAILURE(CutOne());
  Seen("data-db-0").snapshot->owner.uid = "uid-of-the-earlier";
  Seen("data-db-0").snapshot->deleting = true;
  Look();
  EXPECT_EQ(Volume("data-db-0").message,
            "VolumeSnapshot run-data-db-0 of an earlier Backup is being removed");
  IsRemoved("data-db-0");
  Look();
  EXPECT_THAT(Did(), ElementsAre("cut data-db-0"));
}

TEST_F(BackupStagingTest, AFailedMoverLeavesNothing) {
  ASSERT_NO_FATAL_FAILURE(ReadOne());
  Seen("data-db-0").mover.phase = MoverPhase::kFailed;
  Seen("data-db-0").mover.message = "the bucket is full";
  Seen("data-db-0").job->broken = true;
  Look();
  EXPECT_EQ(Status().phase, BackupPhase::kFailed);
  world_.jobs = {*Seen("data-db-0").job};
  EXPECT_THAT(Decide(world_, Settings{}).expire, IsEmpty())
      << "its Job would hold the claim until then";
  Look();
  Look();
  EXPECT_THAT(Did(), ElementsAre("remove run-data-db-0", "uncut run-data-db-0"));
}

TEST_F(BackupStagingTest, AClonesMomentIsWhenItIsBound) {
  policy_.spec.copy_method = CopyMethod::kClone;
  stateful_set_ = StatefulSetOf(1);
  Freezes();
  Look();
  Look();
  Look();
  Ends("lock db-0", 0);
  Look();
  EXPECT_THAT(Did(), ElementsAre("lock db-0", "copy data-db-0"));
  Look();
  EXPECT_THAT(Did(), IsEmpty());
  Seen("data-db-0").staged->bound = true;
  Look();
  EXPECT_THAT(Did(), ElementsAre("unlock db-0"));
  EXPECT_EQ(Volume("data-db-0").cut_time, world_.now);
  EXPECT_EQ(Volume("data-db-0").volume_snapshot, "");
  Ends("unlock db-0", 0);
  IsCopied("data-db-0");
  Look();
  EXPECT_EQ(Status().phase, BackupPhase::kSucceeded);
  Look();
  EXPECT_THAT(Did(), ElementsAre("remove run-data-db-0"));
}

TEST_F(BackupStagingTest, AutoTellsWhyForEachVolume) {
  policy_.spec.copy_method = CopyMethod::kAuto;
  Look();
  Seen("data-db-1").source.provisioner = "local";
  Seen("data-db-1").source.storage_class = "disk";
  world_.storage.storage_classes->push_back({"disk", "local"});
  Look();
  EXPECT_EQ(Volume("data-db-0").copy_reason,
            "Snapshot, because driver csi.example has VolumeSnapshotClass snap");
  EXPECT_EQ(Volume("data-db-1").copy_method, CopyMethod::kDirect);
  EXPECT_EQ(Volume("data-db-1").copy_reason,
            "Direct, because driver local of PersistentVolumeClaim data-db-1 has no "
            "VolumeSnapshotClass");
  Look();
  EXPECT_THAT(Did(), UnorderedElementsAre("cut data-db-0", "copy data-db-1"));
  EXPECT_EQ(Volume("data-db-1").node, "node-a");
}

TEST_F(BackupStagingTest, TheObjectsSayWhoseTheyAre) {
  ASSERT_NO_FATAL_FAILURE(CutOne());
  const Json snapshot = BuildVolumeSnapshot(world_, Volume("data-db-0"));
  EXPECT_EQ(snapshot["spec"]["source"]["persistentVolumeClaimName"], "data-db-0");
  EXPECT_EQ(snapshot["spec"]["volumeSnapshotClassName"], "snap");
  EXPECT_EQ(snapshot["metadata"]["ownerReferences"][0]["uid"], "uid-run");
  EXPECT_EQ(snapshot["metadata"]["labels"]["holdfast.dev/claim"], "data-db-0");

  Seen("data-db-0").snapshot->restore_size = "12Gi";
  const Json claim = BuildStagedClaim(world_, Volume("data-db-0"), Seen("data-db-0"), "uid-of-job");
  EXPECT_EQ(claim["spec"]["dataSourceRef"]["name"], "run-data-db-0");
  EXPECT_EQ(claim["spec"]["resources"]["requests"]["storage"], "12Gi");
  EXPECT_EQ(claim["spec"]["storageClassName"], "fast");
  EXPECT_FALSE(claim["spec"].contains("volumeMode"));
  EXPECT_THAT(claim["spec"]["accessModes"], ElementsAre("ReadWriteOnce"));
  EXPECT_EQ(claim["metadata"]["ownerReferences"][0]["kind"], "Job");
  EXPECT_EQ(claim["metadata"]["ownerReferences"][0]["uid"], "uid-of-job");

  Seen("data-db-0").source.many_nodes = true;
  EXPECT_THAT(
      BuildStagedClaim(world_, Volume("data-db-0"), Seen("data-db-0"), "u")["spec"]["accessModes"],
      ElementsAre("ReadOnlyMany"));
}

TEST_F(BackupStagingTest, ACopyOfADeviceIsADevice) {
  ASSERT_NO_FATAL_FAILURE(CutOne());
  Seen("data-db-0").source.block = true;
  const Json claim = BuildStagedClaim(world_, Volume("data-db-0"), Seen("data-db-0"), "uid-of-job");
  EXPECT_EQ(claim["spec"]["volumeMode"], "Block");
}

}  // namespace
}  // namespace holdfast::controllers::backup
