// What is as it should be costs no request: the caches are enough to see that nothing is to be
// done.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "controllers/backup/controller.h"
#include "controllers/labels.h"
#include "controllers/policy/controller.h"
#include "controllers/policy/observe.h"
#include "controllers/repository/controller.h"
#include "controllers/repository/observe.h"
#include "controllers/trim.h"
#include "tests/builders/context.h"

namespace holdfast::controllers {
namespace {

using builders::At;
using ::testing::ElementsAre;

class SteadyStateTest : public builders::ContextTest {
 protected:
  SteadyStateTest() {
    crds::BackupRepository repository = builders::RepositoryNamed("offsite").Build();
    repository.metadata.generation = 1;
    caches_.Add(repository);
    caches_.Add(builders::StatefulSetOf(1));
  }
};

TEST_F(SteadyStateTest, APolicyThatSaysAllThatIsTrue) {
  crds::BackupPolicy policy =
      builders::PolicyNamed("nightly").Scheduled("night", "0 3 * * *").Build();
  const auto observed = policy::Observe(context_, policy, {});
  ASSERT_TRUE(observed) << observed.error().message;
  policy::World world = observed->world;
  world.policy.status.observed_generation =
      1;  // else the night before it was made is caught up with
  policy.status = policy::Decide(world).status;
  ASSERT_TRUE(policy.status.next_run);
  caches_.Add(policy);
  const auto requeue = PolicyController(context_).Reconcile({"shop", "nightly"}, {});
  ASSERT_TRUE(requeue) << requeue.error().message;
  EXPECT_EQ(requeue->at, policy.status.next_run);
  EXPECT_EQ(server_.requests().size(), 0u);
}

// One look at pods for each time that something else changes; nothing is polled and nothing
// written.
TEST_F(SteadyStateTest, APolicyWhoseVolumesAreWatched) {
  StatefulSetView set = builders::StatefulSetOf(1);
  set.ready_replicas = 1;
  caches_.Add(set);
  caches_.Add(builders::BackupNamed("good")
                  .Volume("data-db-0", crds::RunState::kSucceeded, "4a5b")
                  .Started("2026-06-01T10:00:00Z")
                  .Succeeded("2026-06-01T10:01:00Z")
                  .Build());
  crds::BackupPolicy policy =
      builders::PolicyNamed("nightly").With([](auto& p) { p.spec.continuous.emplace(); }).Build();
  JobView watcher;
  watcher.key = {"shop", "w"};
  watcher.uid = "uid-w";
  watcher.owner.uid = policy.metadata.uid;
  watcher.active = 1;
  watcher.labels = {{kVerbLabel, kWatchVerb}, {kClaimLabel, "data-db-0"}, {kNodeLabel, "node-1"}};
  caches_.Add(watcher);
  const Json pod = {
      {"metadata", {{"namespace", "shop"}, {"name", "db-0"}}},
      {"spec",
       {{"nodeName", "node-1"},
        {"volumes", Json::array({{{"name", "data"},
                                  {"persistentVolumeClaim", {{"claimName", "data-db-0"}}}}})}}},
      {"status", {{"phase", "Running"}}}};
  const Json pods = {{"metadata", {{"resourceVersion", "5"}}}, {"items", Json::array({pod})}};
  server_.Answer(200, pods).Answer(200, pods);
  const auto observed = policy::Observe(context_, policy, {});
  ASSERT_TRUE(observed) << observed.error().message;
  policy.status = policy::Decide(observed->world).status;
  EXPECT_EQ(policy.status.continuous->watched_volumes, 1);
  caches_.Add(policy);
  const auto requeue = PolicyController(context_).Reconcile({"shop", "nightly"}, {});
  ASSERT_TRUE(requeue) << requeue.error().message;
  EXPECT_EQ(*requeue, AwaitChange());
  EXPECT_THAT(Asked(), ::testing::Each(::testing::StartsWith("GET /api/v1/namespaces/shop/pods?")));
  EXPECT_EQ(server_.requests().size(), 2u) << "one of them is the test's own";
}

TEST_F(SteadyStateTest, APolicyThatHasNewsToTellIsReadLiveBeforeItIsWritten) {
  caches_.Add(builders::PolicyNamed("nightly").Build());
  server_.Refuse(404, "NotFound", "deleted a moment ago");
  EXPECT_TRUE(PolicyController(context_).Reconcile({"shop", "nightly"}, {}));
  ASSERT_EQ(server_.requests().size(), 1u);
  EXPECT_EQ(server_.requests()[0].method, kube::Method::kGet);
}

// Its own writes by their versions: the cache is past the first, and then behind the last.
TEST_F(SteadyStateTest, APolicyWhoseCacheShowsOurLastWriteIsWrittenWithoutBeingRead) {
  crds::BackupPolicy policy = builders::PolicyNamed("nightly").Build();
  policy.metadata.resource_version = "7";
  caches_.Add(policy);
  kube::Freshness& freshness = caches_.caches().policies.freshness();
  freshness.Wrote({"shop", "nightly"}, "7");
  freshness.Reached("", "7");
  policy.metadata.resource_version = "8";
  server_.Answer(200, crds::Encode(policy));
  EXPECT_TRUE(PolicyController(context_).Reconcile({"shop", "nightly"}, {}));
  EXPECT_THAT(Asked(),
              ElementsAre("PATCH /apis/holdfast.dev/v1alpha1/namespaces/shop/backuppolicies/"
                          "nightly/status"));
  const auto again = PolicyController(context_).Reconcile({"shop", "nightly"}, {});
  ASSERT_TRUE(again) << again.error().message;
  EXPECT_EQ(*again, AwaitChange()) << "the cache does not show version 8 yet";
  EXPECT_EQ(server_.requests().size(), 1u);
}

TEST_F(SteadyStateTest, AfterAWriteOfUnknownOutcomeThePolicyIsReadLive) {
  crds::BackupPolicy policy = builders::PolicyNamed("nightly").Build();
  policy.metadata.resource_version = "7";
  caches_.Add(policy);
  kube::Freshness& freshness = caches_.caches().policies.freshness();
  freshness.Wrote({"shop", "nightly"}, "7");
  freshness.Reached("", "7");
  server_.Fail({Code::kTimeout, "no answer"}).Refuse(404, "NotFound", "deleted");
  EXPECT_FALSE(PolicyController(context_).Reconcile({"shop", "nightly"}, {}));
  EXPECT_TRUE(PolicyController(context_).Reconcile({"shop", "nightly"}, {}));
  ASSERT_EQ(server_.requests().size(), 2u);
  EXPECT_EQ(server_.requests()[1].method, kube::Method::kGet);
}

TEST_F(SteadyStateTest, ABackupThatIsOver) {
  crds::Backup backup = builders::BackupNamed("b").Succeeded("2026-06-01T11:00:00Z").Build();
  caches_.Add(Trimmed(backup));
  const auto requeue = BackupController(context_).Reconcile({"shop", "b"}, {});
  ASSERT_TRUE(requeue) << requeue.error().message;
  EXPECT_FALSE(requeue->at);
  EXPECT_EQ(server_.requests().size(), 0u);
}

TEST_F(SteadyStateTest, ARepositoryThatWasProbedAMomentAgo) {
  crds::BackupRepository repository = *caches_.caches().repositories.Get({"shop", "offsite"});
  repository::MoverWatch movers;
  repository.status.last_probe.emplace().time = At("2026-06-01T11:59:00Z");
  repository.status =
      repository::Decide(repository::Observe(context_, movers, repository, {}), settings_).status;
  caches_.Add(repository);
  const auto requeue = RepositoryController(context_).Reconcile({"shop", "offsite"}, {});
  ASSERT_TRUE(requeue) << requeue.error().message;
  EXPECT_EQ(requeue->at, At("2026-06-01T11:59:00Z") + settings_.probe_period);
  EXPECT_EQ(server_.requests().size(), 0u);
}

// What they tell is written once, and stays when they go.
TEST_F(SteadyStateTest, ARepositoryAndAPolicyThatRestoresTellOf) {
  crds::Restore restore;
  restore.metadata = builders::InShop("back");
  restore.status.repository = "offsite";
  restore.status.phase = crds::RestorePhase::kSucceeded;
  restore.status.completion_time = At("2026-06-01T10:00:00Z");
  crds::VolumeRestore& volume = restore.status.volumes.emplace_back();
  volume.bytes = volume.bytes_written = 1 << 30;
  volume.bytes_per_second = 50 << 20;
  caches_.Add(restore);
  crds::BackupRepository repository = *caches_.caches().repositories.Get({"shop", "offsite"});
  repository::MoverWatch movers;
  repository.status.last_probe.emplace().time = At("2026-06-01T11:59:00Z");
  const auto decided = [&] {
    return repository::Decide(repository::Observe(context_, movers, repository, {}), settings_)
        .status;
  };
  repository.status = decided();
  EXPECT_EQ(repository.status.restore_bytes_per_second, 50 << 20);
  caches_.Add(repository);
  EXPECT_TRUE(RepositoryController(context_).Reconcile({"shop", "offsite"}, {}));

  crds::Backup backup = builders::BackupNamed("good")
                            .Volume("data-db-0", crds::RunState::kSucceeded, "4a5b")
                            .Started("2026-06-01T10:00:00Z")
                            .Succeeded("2026-06-01T10:01:00Z")
                            .Build();
  backup.status.volumes[0].bytes = 100 << 20;
  caches_.Add(backup);
  crds::BackupPolicy policy = builders::PolicyNamed("nightly").Build();
  const auto observed = policy::Observe(context_, policy, {});
  ASSERT_TRUE(observed) << observed.error().message;
  policy.status = policy::Decide(observed->world).status;
  EXPECT_GE(policy.status.recovery_seconds, 2);
  caches_.Add(policy);
  EXPECT_TRUE(PolicyController(context_).Reconcile({"shop", "nightly"}, {}));
  EXPECT_EQ(server_.requests().size(), 0u);

  restore.status.phase = crds::RestorePhase::kFailed;
  caches_.Add(restore);
  EXPECT_EQ(decided().restore_bytes_per_second, 50 << 20) << "there is nothing newer";
}

TEST(Trim, ARecordKeepsWhatDecisionsRead) {
  crds::Backup backup = builders::BackupNamed("b")
                            .Volume("data-db-0", crds::RunState::kSucceeded, std::string(64, 'a'))
                            .Started("2026-06-01T10:00:00Z")
                            .Succeeded("2026-06-01T11:00:00Z")
                            .Build();
  backup.metadata.labels = {{"app", "db"}, {kScheduleLabel, "night"}};
  backup.status.repository = "offsite";
  backup.status.bytes = 5;
  backup.status.bytes_read = 4;
  backup.status.bytes_added = 3;
  backup.status.unreadable = 2;
  backup.status.volumes[0].message = "told";
  backup.status.volumes[0].volume_snapshot = "b-data-db-0";
  crds::SetReady(backup.status.conditions, {1, "Succeeded", "all is well"},
                 At("2026-06-01T11:00:00Z"));
  const crds::Backup record = Trimmed(backup);
  EXPECT_EQ(record.metadata.uid, backup.metadata.uid);
  EXPECT_EQ(record.metadata.creation_timestamp, backup.metadata.creation_timestamp);
  EXPECT_EQ(record.spec, backup.spec);
  EXPECT_EQ(record.status.phase, crds::BackupPhase::kSucceeded);
  EXPECT_EQ(record.status.repository, "offsite");
  EXPECT_EQ(record.status.bytes, 5);
  EXPECT_EQ(record.status.bytes_read, 4);
  EXPECT_EQ(record.status.bytes_added, 3);
  EXPECT_EQ(record.status.unreadable, 2);
  EXPECT_EQ(record.status.start_time, backup.status.start_time);
  EXPECT_EQ(record.status.completion_time, backup.status.completion_time);
  EXPECT_EQ(crds::FindCondition(record.status.conditions, crds::kReady)->message, "all is well");
  EXPECT_EQ(record.status.volumes[0].snapshot, std::string(64, 'a'));
  EXPECT_EQ(record.status.volumes[0].message, "");
  EXPECT_EQ(record.status.volumes[0].volume_snapshot, "b-data-db-0") << "which is left to remove";
  EXPECT_EQ(record.metadata.labels, (crds::StringMap{{kScheduleLabel, "night"}}));
}

TEST(Trim, WhatRunsKeepsItsStatus) {
  crds::Backup backup =
      builders::BackupNamed("b").Volume("data-db-0").Started("2026-06-01T10:00:00Z").Build();
  backup.status.volumes[0].message = "told";
  EXPECT_EQ(Trimmed(backup).status, backup.status);
}

}  // namespace
}  // namespace holdfast::controllers
