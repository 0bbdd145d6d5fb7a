#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "controllers/backup/deletion.h"
#include "tests/builders/kinds.h"

namespace holdfast::controllers::backup {
namespace {

using namespace builders;  // NOLINT(google-build-using-namespace): they are the test's language
using crds::RunState;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::Pair;
using ::testing::SizeIs;

const std::string kFirst(64, 'a');
const std::string kSecond(64, 'b');

// A Backup of two volumes that was deleted at noon.
class BackupDeletionTest : public ::testing::Test {
 protected:
  BackupDeletionTest() {
    world_.now = At("2026-06-01T12:00:05Z");
    world_.repository = &repository_;
    world_.backup = BackupNamed("run")
                        .Volume("data-db-0", RunState::kSucceeded, kFirst)
                        .Volume("data-db-1", RunState::kSucceeded, kSecond)
                        .Succeeded("2026-06-01T02:00:00Z")
                        .Build();
    world_.backup.status.repository = "offsite";
    world_.backup.metadata.deletion_timestamp = At("2026-06-01T12:00:00Z");
  }
  DeletionPlan Decided() const { return DecideDeletion(world_); }
  static MoverRun Run(const std::string& name, MoverPhase phase, const std::string& message = "") {
    MoverRun run;
    run.job.key = {"shop", name};
    run.job.complete = phase == MoverPhase::kSucceeded;
    run.job.broken = phase == MoverPhase::kFailed;
    run.state.phase = phase;
    run.state.message = message;
    return run;
  }
  void Forgetting(const std::string& claim, MoverPhase phase, const std::string& message = "") {
    world_.forgets.push_back(Run(ForgetJobName(world_.backup, {claim, ""}), phase, message));
  }

  crds::BackupRepository repository_ = RepositoryNamed("offsite").Build();
  DeletionWorld world_;
};

TEST_F(BackupDeletionTest, EachVolumesSnapshotIsForgottenThenTheObjectGoes) {
  EXPECT_THAT(Decided().start,
              ElementsAre(Pair(Whereabouts{"data-db-0", ""}, ElementsAre(kFirst)),
                          Pair(Whereabouts{"data-db-1", ""}, ElementsAre(kSecond))));
  Forgetting("data-db-0", MoverPhase::kSucceeded);
  Forgetting("data-db-1", MoverPhase::kRunning);
  const DeletionPlan half = Decided();
  EXPECT_THAT(half.start, IsEmpty());
  EXPECT_FALSE(half.release);
  EXPECT_TRUE(half.requeue.at) << "nothing calls when the Job ends";
  world_.forgets[1] = Run(world_.forgets[1].job.key.name, MoverPhase::kSucceeded);
  EXPECT_TRUE(Decided().release);
  EXPECT_EQ(Decided().left, "");
}

TEST_F(BackupDeletionTest, WhatIsSharedIsForgottenByTheGatewayAtOnce) {
  repository_.spec.s3.reset();
  repository_.spec.shared = {"holdfast-system", "offsite"};
  const DeletionPlan plan = Decided();
  EXPECT_THAT(plan.start, SizeIs(2));
  EXPECT_TRUE(plan.release) << "once they are gone";
  EXPECT_EQ(plan.left, "");
  repository_ = RepositoryNamed("offsite").NotReadyBecause("the gateway is away").Build();
  repository_.spec.shared = {"holdfast-system", "offsite"};
  EXPECT_THAT(Decided().start, IsEmpty());
  EXPECT_FALSE(Decided().release);
  world_.now += kDeletionLimit;
  EXPECT_TRUE(Decided().release);
  EXPECT_THAT(Decided().left, HasSubstr("stay in the repository"));
}

TEST_F(BackupDeletionTest, CopiesGoTooWhereTheyMayBe) {
  const crds::BackupRepository second = RepositoryNamed("second").Build();
  world_.copies = {{"second", &second}};
  world_.backup.status.copies.resize(3);
  world_.backup.status.copies[0].repository = "second";
  world_.backup.status.copies[0].attempts = 1;
  world_.backup.status.copies[1].repository = "never-tried";
  world_.backup.status.copies[2].repository = "removed-meanwhile";
  world_.backup.status.copies[2].attempts = 1;
  EXPECT_THAT(Decided().start, SizeIs(4));
  EXPECT_THAT(Decided().start.at({"data-db-0", "second"}), ElementsAre(kFirst));
  Forgetting("data-db-0", MoverPhase::kSucceeded);
  Forgetting("data-db-1", MoverPhase::kSucceeded);
  EXPECT_FALSE(Decided().release);
  const std::vector<std::string> args =
      BuildForgetJob(world_, {"data-db-0", "second"}, {kFirst}, Settings{})
          .value()["spec"]["template"]["spec"]["containers"][0]["args"];
  EXPECT_THAT(args, ::testing::Contains("--copies"));
}

TEST_F(BackupDeletionTest, WithoutASnapshotItGoesAtOnce) {
  world_.backup.status.volumes.clear();
  EXPECT_TRUE(Decided().release);
}

TEST_F(BackupDeletionTest, MoversAreStoppedFirstAndWhatTheyMadeGoesToo) {
  world_.backup.status.volumes[1].snapshot.clear();
  world_.backup.status.volumes[1].job = "run-data-db-1";
  world_.movers = {Run("run-data-db-1", MoverPhase::kRunning)};
  const DeletionPlan plan = Decided();
  ASSERT_THAT(plan.stop, SizeIs(1));
  EXPECT_THAT(plan.start, IsEmpty());
  world_.movers = {Run("run-data-db-1", MoverPhase::kSucceeded)};
  world_.movers[0].state.result.emplace().snapshot = kSecond;
  EXPECT_THAT(Decided().start, SizeIs(2));
}

TEST_F(BackupDeletionTest, AFailedJobIsMadeAgain) {
  Forgetting("data-db-0", MoverPhase::kFailed, "the endpoint does not answer");
  Forgetting("data-db-1", MoverPhase::kSucceeded);
  const DeletionPlan plan = Decided();
  ASSERT_THAT(plan.retry, SizeIs(1));
  EXPECT_FALSE(plan.release);
}

TEST_F(BackupDeletionTest, TheWaitIsBoundedAndWhatStaysIsNamed) {
  Forgetting("data-db-0", MoverPhase::kFailed, "the endpoint does not answer");
  Forgetting("data-db-1", MoverPhase::kSucceeded);
  world_.now = At("2026-06-01T13:00:00Z");
  const DeletionPlan plan = Decided();
  EXPECT_TRUE(plan.release);
  EXPECT_EQ(plan.left,
            "the snapshots aaaaaaaa stay in the repository: the endpoint does not answer");
}

TEST_F(BackupDeletionTest, WithoutARepositoryNothingIsWaitedFor) {
  world_.repository = nullptr;
  const DeletionPlan plan = Decided();
  EXPECT_TRUE(plan.release);
  EXPECT_THAT(plan.left, HasSubstr("BackupRepository \"offsite\" does not exist any more"));
}

TEST_F(BackupDeletionTest, ARepositoryThatIsNotReadyIsWaitedFor) {
  repository_ = RepositoryNamed("offsite").NotReadyBecause("the bucket is gone").Build();
  EXPECT_THAT(Decided().start, IsEmpty());
  EXPECT_FALSE(Decided().release);
}

TEST_F(BackupDeletionTest, TheJobRemovesTheseSnapshotsOfThisVolumeOnly) {
  Settings settings;
  settings.cluster_name = "prod";
  const Json job = BuildForgetJob(world_, {"data-db-0", ""}, {kFirst}, settings).value();
  EXPECT_EQ(job["metadata"]["ownerReferences"][0]["kind"], "BackupRepository")
      << "what the Backup owns may go before it has done its work";
  EXPECT_THAT(
      job["spec"]["template"]["spec"]["containers"][0]["args"].get<std::vector<std::string>>(),
      ::testing::IsSupersetOf({std::string("forget"), std::string("--host=prod"),
                               std::string("--as-path=/shop/data-db-0"),
                               std::string("--tag=backup=shop/run"), kFirst}));
}

}  // namespace
}  // namespace holdfast::controllers::backup
