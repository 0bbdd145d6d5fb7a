// Continuous protection: watchers that tell of changes, and Backups made because of them.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "controllers/labels.h"
#include "controllers/policy/check.h"
#include "controllers/policy/continuous.h"
#include "controllers/policy/decide.h"
#include "controllers/policy/job_builder.h"
#include "controllers/reasons.h"
#include "tests/builders/kinds.h"

namespace holdfast::controllers::policy {
namespace {

using namespace builders;  // NOLINT(google-build-using-namespace): they are the test's language
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::SizeIs;

constexpr const char* kClaim = "data-db-0";

crds::BackupPolicy ContinuousPolicy() {
  return PolicyNamed("nightly")
      .With([](auto& policy) { policy.spec.continuous.emplace(); })
      .Build();
}

// One that runs; Told makes it one that has ended.
MoverRun Watcher(const std::string& name, const std::string& node = "node-1",
                 const std::string& claim = kClaim) {
  MoverRun run;
  run.job.key = {"shop", name};
  run.job.uid = "uid-" + name;
  run.job.created = At("2026-06-01T09:00:00Z");
  run.job.active = 1;
  run.job.labels = {
      {kVerbLabel, kWatchVerb}, {kClaimLabel, LabelValue(claim)}, {kNodeLabel, LabelValue(node)}};
  run.state.phase = MoverPhase::kRunning;
  return run;
}

// Quiet since 10 seconds before `completed`.
MoverRun Told(MoverRun run, const std::string& since, const std::string& completed) {
  run.job.active = 0;
  run.job.complete = true;
  run.job.completed = At(completed);
  run.state.phase = MoverPhase::kSucceeded;
  protocol::MoverResult& result = run.state.result.emplace();
  result.verb = "watch";
  result.changed_since = since;
  result.changed_until = completed;
  result.quiet_ms = 10'000;
  return run;
}

crds::Backup Good(const std::string& name, const std::string& started, const std::string& ended) {
  return BackupNamed(name)
      .Volume(kClaim, crds::RunState::kSucceeded, "4a5b")
      .Started(started)
      .Succeeded(ended)
      .Build();
}

class PolicyContinuousTest : public ::testing::Test {
 protected:
  PolicyContinuousTest() {
    stateful_set_.ready_replicas = 1;
    world_.policy = ContinuousPolicy();
    world_.mounts = {{kClaim, "node-1"}};
  }
  Plan DecideAt(const std::string& now) {
    world_.now = At(now);
    world_.stateful_sets = {&stateful_set_};
    world_.repository = &repository_;
    return Decide(world_);
  }
  // What a reconcile leaves behind, as the caches show it once they have caught up.
  void Settle(const Plan& plan) {
    world_.policy.status = plan.status;
    if (plan.create) world_.backups.push_back(*plan.create);
    for (const WatchStart& start : plan.watch)
      world_.watchers.push_back(Watcher(start.job, start.node, start.claim));
    for (const auto* gone : {&plan.remove_jobs, &plan.unwatch})
      for (const JobView& job : *gone)
        std::erase_if(world_.watchers, [&](const auto& run) { return run.job.uid == job.uid; });
  }
  static const crds::Condition& Ready(const Plan& plan) {
    return *crds::FindCondition(plan.status.conditions, crds::kReady);
  }
  static std::vector<std::string> Names(const std::vector<JobView>& jobs) {
    std::vector<std::string> names;
    for (const JobView& job : jobs) names.push_back(job.key.name);
    return names;
  }

  StatefulSetView stateful_set_ = StatefulSetOf(1);
  crds::BackupRepository repository_ = RepositoryNamed("offsite").Build();
  World world_;
};

// --- Which volumes are watched ---

TEST_F(PolicyContinuousTest, AVolumeThatWasNeverSavedIsWatchedFromNothing) {
  const Plan plan = DecideAt("2026-06-01T10:00:00Z");
  ASSERT_THAT(plan.watch, SizeIs(1));
  EXPECT_EQ(plan.watch[0].claim, kClaim);
  EXPECT_EQ(plan.watch[0].node, "node-1");
  EXPECT_FALSE(plan.watch[0].since) << "all of it counts as changed";
  EXPECT_FALSE(plan.create) << "the watcher says when it is quiet";
  EXPECT_EQ(plan.status.continuous->unsaved_since, At("2026-06-01T00:00:00Z"))
      << "since the policy was made";
}

TEST_F(PolicyContinuousTest, AFirstWatcherLooksBackBeyondTheLastGoodBackup) {
  world_.backups = {Good("one", "2026-06-01T08:00:00Z", "2026-06-01T08:10:00Z"),
                    Good("two", "2026-06-01T09:00:00Z", "2026-06-01T09:10:00Z"),
                    BackupNamed("three")
                        .Volume(kClaim)
                        .Started("2026-06-01T09:30:00Z")
                        .Failed("2026-06-01T09:40:00Z")
                        .Build()};
  const Plan plan = DecideAt("2026-06-01T10:00:00Z");
  ASSERT_THAT(plan.watch, SizeIs(1));
  EXPECT_EQ(plan.watch[0].since, At("2026-06-01T08:59:00Z"));
  EXPECT_FALSE(plan.status.continuous->unsaved_since);
}

TEST_F(PolicyContinuousTest, ASecondLookFindsTheWatcherAndNothingToDo) {
  world_.backups = {Good("one", "2026-06-01T08:00:00Z", "2026-06-01T08:10:00Z")};
  Settle(DecideAt("2026-06-01T10:00:00Z"));
  Settle(DecideAt("2026-06-01T10:00:01Z"));
  EXPECT_EQ(world_.policy.status.continuous->watched_volumes, 1);
  EXPECT_EQ(world_.policy.status.continuous->message, "");
  const Plan plan = DecideAt("2026-06-01T10:30:00Z");
  EXPECT_EQ(plan.status, world_.policy.status);
  EXPECT_THAT(plan.watch, IsEmpty());
  EXPECT_THAT(plan.unwatch, IsEmpty());
  EXPECT_FALSE(plan.create);
  EXPECT_FALSE(plan.requeue.at) << "nothing is polled";
}

// One after the other: the volume may be held by one node at a time.
TEST_F(PolicyContinuousTest, AWatcherFollowsThePodToItsNode) {
  world_.watchers = {Watcher("w")};
  world_.mounts = {{kClaim, "node-2"}};
  const Plan plan = DecideAt("2026-06-01T10:00:00Z");
  EXPECT_THAT(Names(plan.unwatch), ElementsAre("w"));
  EXPECT_THAT(plan.watch, IsEmpty());
  EXPECT_EQ(plan.status.continuous->message, "data-db-0: its watcher goes to node node-2");
  world_.watchers[0].job.deleting = true;
  const Plan going = DecideAt("2026-06-01T10:00:01Z");
  EXPECT_THAT(going.watch, IsEmpty());
  EXPECT_THAT(going.unwatch, IsEmpty()) << "asked for once";
  world_.watchers.clear();
  const Plan gone = DecideAt("2026-06-01T10:00:02Z");
  ASSERT_THAT(gone.watch, SizeIs(1));
  EXPECT_EQ(gone.watch[0].node, "node-2");
}

TEST_F(PolicyContinuousTest, AVolumeWithoutAPodIsNotWatchedAndSaysSo) {
  world_.watchers = {Watcher("w")};
  world_.mounts.clear();
  const Plan plan = DecideAt("2026-06-01T10:00:00Z");
  EXPECT_THAT(Names(plan.unwatch), ElementsAre("w"));
  EXPECT_EQ(plan.status.continuous->watched_volumes, 0);
  EXPECT_EQ(plan.status.continuous->message, "data-db-0: no pod uses it, so it is not watched");
  EXPECT_EQ(plan.requeue, RequeueAt(At("2026-06-01T10:00:15Z"))) << "a pod is missing";
}

TEST_F(PolicyContinuousTest, ADumpIsNoVolumeToWatch) {
  world_.allowed.dumps = true;
  world_.policy.spec.dumps.emplace_back().name = "shop";
  const Plan plan = DecideAt("2026-06-01T10:00:00Z");
  EXPECT_THAT(plan.watch, SizeIs(1));
  EXPECT_EQ(plan.status.continuous->message, "data-db-0: its watcher is being started");
  world_.policy.spec.target.volumes = crds::VolumeSelection::kNone;
  EXPECT_THAT(CheckPolicy(world_.policy, {.hooks = true, .dumps = true})->message,
              HasSubstr("give dumps a schedule"));
}

TEST_F(PolicyContinuousTest, ScaledToNothingNothingIsWatched) {
  world_.watchers = {Watcher("w")};
  world_.mounts.clear();
  stateful_set_.replicas = stateful_set_.ready_replicas = 0;
  const Plan plan = DecideAt("2026-06-01T10:00:00Z");
  EXPECT_THAT(Names(plan.unwatch), ElementsAre("w"));
  EXPECT_EQ(plan.status.continuous->message,
            "StatefulSet \"db\" has no pods, so nothing of it is watched");
  EXPECT_FALSE(plan.requeue.at);
}

TEST_F(PolicyContinuousTest, WhatCannotBeWatchedIsLeftAloneAndSaid) {
  world_.mounts[0].one_pod = true;
  const Plan plan = DecideAt("2026-06-01T10:00:00Z");
  EXPECT_THAT(plan.watch, IsEmpty());
  EXPECT_THAT(plan.status.continuous->message, HasSubstr("ReadWriteOncePod"));
  world_.mounts[0] = {kClaim, "node-1", false, true};
  const Plan device = DecideAt("2026-06-01T10:00:00Z");
  EXPECT_THAT(device.watch, IsEmpty());
  EXPECT_THAT(device.status.continuous->message, HasSubstr("it is a device"));
}

TEST_F(PolicyContinuousTest, SuspendedUnsetOrStalledNothingIsWatched) {
  const auto suspend = [](World& world) { world.policy.spec.suspend = true; };
  const auto unset = [](World& world) { world.policy.spec.continuous.reset(); };
  const auto stall = [](World& world) { world.policy.spec.time_zone = "Mars/Olympus"; };
  for (void (*change)(World&) : {+suspend, +unset, +stall}) {
    world_.policy = ContinuousPolicy();
    world_.watchers = {Watcher("w")};
    change(world_);
    const Plan plan = DecideAt("2026-06-01T10:00:00Z");
    EXPECT_THAT(Names(plan.unwatch), ElementsAre("w"));
    EXPECT_THAT(plan.watch, IsEmpty());
    EXPECT_FALSE(plan.create);
  }
}

// --- What they tell ---

TEST_F(PolicyContinuousTest, AChangeBecomesABackupAndTheWatchGoesOnWhereItEnded) {
  world_.backups = {Good("one", "2026-06-01T08:00:00Z", "2026-06-01T08:10:00Z")};
  world_.watchers = {Told(Watcher("w"), "2026-06-01T09:59:30.25Z", "2026-06-01T10:00:00Z")};
  const Plan plan = DecideAt("2026-06-01T10:00:01Z");
  ASSERT_TRUE(plan.create);
  EXPECT_EQ(plan.create->spec.type, crds::BackupType::kIncremental);
  EXPECT_THAT(plan.create->metadata.name,
              ::testing::StartsWith("nightly-continuous-20260601-095930-"));
  ASSERT_THAT(plan.watch, SizeIs(1));
  EXPECT_EQ(plan.watch[0].since, At("2026-06-01T10:00:00Z"));
  EXPECT_THAT(Names(plan.remove_jobs), ElementsAre("w"));
  EXPECT_EQ(plan.status.continuous->unsaved_since, At("2026-06-01T09:59:30Z"));
  EXPECT_EQ(plan.status.continuous->watched_volumes, 1);
}

TEST_F(PolicyContinuousTest, ACrashAtAnyStepMakesTheSameAgain) {
  world_.backups = {Good("one", "2026-06-01T08:00:00Z", "2026-06-01T08:10:00Z")};
  world_.watchers = {Told(Watcher("w"), "2026-06-01T09:59:30Z", "2026-06-01T10:00:00Z")};
  const Plan first = DecideAt("2026-06-01T10:00:01Z");
  const Plan again = DecideAt("2026-06-01T10:07:00Z");
  EXPECT_EQ(first.create->metadata.name, again.create->metadata.name);
  EXPECT_EQ(first.watch, again.watch);
  // The status is written, and the Backup there; the watchers' part was not done.
  world_.policy.status = first.status;
  world_.backups.push_back(*first.create);
  const Plan later = DecideAt("2026-06-01T10:07:00Z");
  EXPECT_FALSE(later.create);
  EXPECT_EQ(later.status, first.status);
  EXPECT_EQ(later.watch, first.watch);
  // Only the old watcher is left over, when all it told is saved.
  world_.backups.back() =
      Good(first.create->metadata.name, "2026-06-01T10:00:02Z", "2026-06-01T10:00:12Z");
  world_.watchers.push_back(Watcher(first.watch[0].job));
  Settle(DecideAt("2026-06-01T10:08:00Z"));
  EXPECT_FALSE(world_.policy.status.continuous->unsaved_since);
  EXPECT_THAT(world_.watchers, SizeIs(1));
}

TEST_F(PolicyContinuousTest, TheRecoveryPointIsTheAgeOfTheOldestChangeWhenItsBackupEnded) {
  world_.backups = {Good("one", "2026-06-01T08:00:00Z", "2026-06-01T08:10:00Z")};
  world_.watchers = {Told(Watcher("w"), "2026-06-01T09:59:30Z", "2026-06-01T10:00:00Z")};
  Settle(DecideAt("2026-06-01T10:00:01Z"));
  world_.backups.back() =
      Good(world_.backups.back().metadata.name, "2026-06-01T10:00:01Z", "2026-06-01T10:00:12Z");
  const Plan plan = DecideAt("2026-06-01T10:00:13Z");
  EXPECT_FALSE(plan.status.continuous->unsaved_since);
  EXPECT_EQ(plan.status.continuous->recovery_point_seconds, 42);
  EXPECT_FALSE(plan.create) << "nothing else has changed";
}

// Clocks play no part in it: the Backup was made because of the change, so it comes after it.
TEST_F(PolicyContinuousTest, TheBackupOfAChangeSavesItWhateverTheClocksSay) {
  world_.backups = {Good("one", "2026-06-01T08:00:00Z", "2026-06-01T08:10:00Z")};
  world_.watchers = {Told(Watcher("w"), "2026-06-01T10:03:00Z", "2026-06-01T10:03:30Z")};
  Settle(DecideAt("2026-06-01T10:00:01Z"));
  world_.backups.back() =
      Good(world_.backups.back().metadata.name, "2026-06-01T10:00:01Z", "2026-06-01T10:00:12Z");
  const Plan plan = DecideAt("2026-06-01T10:00:13Z");
  EXPECT_FALSE(plan.status.continuous->unsaved_since);
  EXPECT_FALSE(plan.create);
}

TEST_F(PolicyContinuousTest, AChangeDuringABackupWaitsForTheNext) {
  world_.backups = {Good("one", "2026-06-01T08:00:00Z", "2026-06-01T08:10:00Z"),
                    BackupNamed("full").Volume(kClaim).Started("2026-06-01T09:50:00Z").Build()};
  world_.watchers = {Told(Watcher("w"), "2026-06-01T09:59:30Z", "2026-06-01T10:00:00Z")};
  const Plan plan = DecideAt("2026-06-01T10:00:01Z");
  EXPECT_FALSE(plan.create) << "one pending run at most";
  EXPECT_EQ(plan.status.running, "full");
  Settle(plan);
  world_.backups[1] = Good("full", "2026-06-01T09:50:00Z", "2026-06-01T10:20:00Z");
  const Plan next = DecideAt("2026-06-01T10:20:01Z");
  EXPECT_TRUE(next.create) << "what began to read before the change may not have it";
  EXPECT_EQ(next.status.continuous->unsaved_since, At("2026-06-01T09:59:30Z"));
}

TEST_F(PolicyContinuousTest, ABackupThatBeganAfterTheChangeNeedsNoOther) {
  world_.backups = {Good("one", "2026-06-01T08:00:00Z", "2026-06-01T08:10:00Z"),
                    Good("scheduled", "2026-06-01T09:59:58Z", "2026-06-01T10:00:00Z")};
  world_.watchers = {Told(Watcher("w"), "2026-06-01T09:59:30Z", "2026-06-01T10:00:00Z")};
  const Plan plan = DecideAt("2026-06-01T10:00:01Z");
  EXPECT_FALSE(plan.create);
  EXPECT_FALSE(plan.status.continuous->unsaved_since);
  EXPECT_THAT(plan.watch, SizeIs(1)) << "and the watch goes on";
}

TEST_F(PolicyContinuousTest, VolumesThatChangeTogetherAreOneBackup) {
  stateful_set_ = StatefulSetOf(2);
  stateful_set_.ready_replicas = 2;
  world_.mounts.push_back({"data-db-1", "node-1"});
  world_.backups = {Good("one", "2026-06-01T08:00:00Z", "2026-06-01T08:10:00Z")};
  world_.watchers = {Told(Watcher("a"), "2026-06-01T09:59:30Z", "2026-06-01T10:00:00Z"),
                     Watcher("b", "node-1", "data-db-1")};
  Settle(DecideAt("2026-06-01T10:00:01Z"));
  ASSERT_THAT(world_.backups, SizeIs(2));
  world_.watchers.back() = Watcher("other");
  world_.watchers.front() =
      Told(Watcher("b", "node-1", "data-db-1"), "2026-06-01T09:59:31Z", "2026-06-01T10:00:02Z");
  Settle(DecideAt("2026-06-01T10:00:03Z"));
  world_.backups.back() =
      Good(world_.backups.back().metadata.name, "2026-06-01T10:00:01Z", "2026-06-01T10:00:12Z");
  const Plan plan = DecideAt("2026-06-01T10:00:13Z");
  EXPECT_FALSE(plan.create);
  EXPECT_FALSE(plan.status.continuous->unsaved_since);
}

TEST_F(PolicyContinuousTest, AFailedBackupIsTriedAgainAfterMaxInterval) {
  world_.backups = {Good("one", "2026-06-01T08:00:00Z", "2026-06-01T08:10:00Z")};
  world_.watchers = {Told(Watcher("w"), "2026-06-01T09:59:30Z", "2026-06-01T10:00:00Z")};
  Settle(DecideAt("2026-06-01T10:00:01Z"));
  const std::string first = world_.backups.back().metadata.name;
  world_.backups.back() = BackupNamed(first)
                              .Volume(kClaim)
                              .Started("2026-06-01T10:00:01Z")
                              .Failed("2026-06-01T10:01:00Z")
                              .Build();
  const Plan waiting = DecideAt("2026-06-01T10:01:01Z");
  EXPECT_FALSE(waiting.create);
  EXPECT_EQ(waiting.requeue, RequeueAt(At("2026-06-01T10:06:00Z")));
  EXPECT_EQ(waiting.status.continuous->unsaved_since, At("2026-06-01T09:59:30Z"));
  Settle(waiting);
  const Plan again = DecideAt("2026-06-01T10:06:00Z");
  ASSERT_TRUE(again.create);
  EXPECT_NE(again.create->metadata.name, first);
}

TEST_F(PolicyContinuousTest, ADueScheduleGoesFirstAndSavesTheChange) {
  world_.policy.spec.schedules = {{"full", "0 10 * * *", crds::BackupType::kFull, {}}};
  world_.policy.status.observed_generation = 1;
  world_.backups = {Good("one", "2026-06-01T08:00:00Z", "2026-06-01T08:10:00Z")};
  world_.watchers = {Watcher("w")};
  Settle(DecideAt("2026-06-01T09:59:00Z"));
  world_.watchers = {Told(Watcher("w"), "2026-06-01T09:59:30Z", "2026-06-01T10:00:00Z")};
  Settle(DecideAt("2026-06-01T10:00:01Z"));
  EXPECT_EQ(world_.backups.back().metadata.name, "nightly-full-20260601-1000");
  world_.backups.back() =
      Good("nightly-full-20260601-1000", "2026-06-01T10:00:02Z", "2026-06-01T10:05:00Z");
  EXPECT_FALSE(DecideAt("2026-06-01T10:05:01Z").create);
}

TEST_F(PolicyContinuousTest, AResultThatWasLostCountsAsAChange) {
  world_.backups = {Good("one", "2026-06-01T08:00:00Z", "2026-06-01T08:10:00Z")};
  world_.watchers = {Told(Watcher("w"), "", "2026-06-01T10:00:00Z")};
  world_.watchers[0].state.result.reset();
  const Plan plan = DecideAt("2026-06-01T10:00:01Z");
  EXPECT_TRUE(plan.create);
  ASSERT_THAT(plan.watch, SizeIs(1));
  EXPECT_EQ(plan.watch[0].since, At("2026-06-01T07:59:00Z")) << "as if there were none before it";
}

TEST_F(PolicyContinuousTest, AWatcherThatFailedIsToldAndTriedAgain) {
  world_.watchers = {Watcher("w")};
  world_.watchers[0].job.broken = true;
  world_.watchers[0].state.phase = MoverPhase::kFailed;
  world_.watchers[0].state.message = "pod w-x was killed for using more memory";
  const Plan plan = DecideAt("2026-06-01T09:09:00Z");
  EXPECT_EQ(Ready(plan).reason, reason::kWatchFailed);
  EXPECT_THAT(Ready(plan).message, HasSubstr("killed for using more memory"));
  EXPECT_THAT(plan.watch, IsEmpty());
  EXPECT_EQ(plan.requeue, RequeueAt(At("2026-06-01T09:10:00Z")));
  const Plan again = DecideAt("2026-06-01T09:10:00Z");
  EXPECT_THAT(again.watch, SizeIs(1));
  EXPECT_THAT(Names(again.remove_jobs), ElementsAre("w"));
}

TEST_F(PolicyContinuousTest, WhatTheKernelDidNotTellIsSaid) {
  world_.watchers = {Told(Watcher("w"), "2026-06-01T09:59:30Z", "2026-06-01T10:00:00Z")};
  world_.watchers[0].state.result->message = "more directories than this user may watch";
  EXPECT_EQ(DecideAt("2026-06-01T10:00:01Z").status.continuous->note,
            "more directories than this user may watch");
}

// --- Checks and the Job ---

TEST_F(PolicyContinuousTest, WhatCannotWorkIsRefused) {
  crds::BackupPolicy policy = ContinuousPolicy();
  EXPECT_FALSE(CheckPolicy(policy, {}));
  policy.spec.continuous->quiet_period = "0s";
  EXPECT_THAT(CheckPolicy(policy, {})->message, HasSubstr("quietPeriod \"0s\""));
  policy.spec.continuous->quiet_period = "10m";
  EXPECT_THAT(CheckPolicy(policy, {})->message,
              HasSubstr("maxInterval \"5m\" is shorter than quietPeriod \"10m\""));
}

TEST_F(PolicyContinuousTest, TheJobHasTheVolumeAndNothingElse) {
  world_.policy.spec.target.exclude = {"*.tmp"};
  world_.mounts[0].security.run_as_user = 999;
  const Json job =
      BuildWatchJob(world_, {"w", kClaim, "node-1", At("2026-06-01T10:00:00.5Z")}, {}).value();
  const Json& pod = job["spec"]["template"]["spec"];
  EXPECT_EQ(pod["containers"][0]["args"],
            (Json{"watch", "--json", "--quiet-period=10s", "--max-interval=300s",
                  "--since=2026-06-01T10:00:00.5Z", "--exclude=*.tmp", "/data"}));
  EXPECT_EQ(pod["securityContext"]["runAsUser"], 999);
  EXPECT_FALSE(job["spec"].contains("activeDeadlineSeconds")) << "it may wait for weeks";
  std::vector<std::string> volumes;
  for (const Json& volume : pod["volumes"]) volumes.push_back(volume["name"]);
  EXPECT_THAT(volumes, ElementsAre("data"))
      << "no password, no key of a store, and nothing that keeps a node from being drained";
  EXPECT_EQ(pod["containers"][0]["volumeMounts"][0]["readOnly"], true);
  for (const Json& variable : pod["containers"][0]["env"])
    EXPECT_THAT(variable["name"].get<std::string>(), ::testing::StartsWith("POD_"));
}

TEST(ViewsTest, TellWhenAJobWasCompleteAndThatAClaimIsForOnePod) {
  const Json job = {{"metadata", {{"name", "w"}}},
                    {"status", {{"completionTime", "2026-06-01T10:00:00Z"}}}};
  EXPECT_EQ(DecodeJob(job)->completed, At("2026-06-01T10:00:00Z"));
  EXPECT_FALSE(DecodeJob({{"metadata", {{"name", "w"}}}})->completed);
  const auto claim = [](const char* mode) -> Json {
    return {{"metadata", {{"name", "data"}}}, {"spec", {{"accessModes", {mode}}}}};
  };
  EXPECT_TRUE(DecodeClaim(claim("ReadWriteOncePod"))->one_pod);
  EXPECT_FALSE(DecodeClaim(claim("ReadWriteOnce"))->one_pod);
}

}  // namespace
}  // namespace holdfast::controllers::policy
