#include <limits>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "controllers/policy/check.h"
#include "controllers/policy/decide.h"
#include "controllers/reasons.h"
#include "tests/builders/kinds.h"

namespace holdfast::controllers::policy {
namespace {

using namespace builders;  // NOLINT(google-build-using-namespace): they are the test's language
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::SizeIs;

class PolicyDecideTest : public ::testing::Test {
 protected:
  Plan DecideAt(const std::string& now, const PolicyNamed& policy) {
    world_.policy = policy.Build();
    return DecideAgain(now);
  }
  Plan DecideAgain(const std::string& now) {
    world_.now = At(now);
    world_.stateful_sets = {&stateful_set_};
    world_.repository = &repository_;
    return Decide(world_);
  }
  // What a reconcile leaves behind.
  void Settle(const Plan& plan) {
    world_.policy.status = plan.status;
    if (plan.create) world_.backups.push_back(*plan.create);
  }
  static const crds::Condition& Ready(const Plan& plan) {
    return *crds::FindCondition(plan.status.conditions, crds::kReady);
  }

  StatefulSetView stateful_set_ = StatefulSetOf(2);
  crds::BackupRepository repository_ = RepositoryNamed("offsite").Build();
  World world_;
};

PolicyNamed Daily() { return PolicyNamed("nightly").Scheduled("daily", "0 2 * * *"); }

TEST_F(PolicyDecideTest, WaitsForTheFirstDueTime) {
  const Plan plan = DecideAt("2026-06-01T00:00:01Z", Daily());
  EXPECT_FALSE(plan.create);
  EXPECT_EQ(plan.status.next_run, At("2026-06-01T02:00:00Z"));
  EXPECT_EQ(plan.requeue, RequeueAt(At("2026-06-01T02:00:00Z")));
  EXPECT_EQ(Ready(plan).message, "protects 2 volumes of StatefulSet \"db\"");
}

TEST_F(PolicyDecideTest, ADueRunHasANameThatTellsWhich) {
  const Plan plan = DecideAt("2026-06-01T02:00:03Z", Daily());
  ASSERT_TRUE(plan.create);
  EXPECT_EQ(plan.create->metadata.name, "nightly-daily-20260601-0200");
  EXPECT_THAT(plan.create->metadata.owner_references, IsEmpty()) << "history outlives the policy";
  EXPECT_EQ(plan.status.schedules[0].last_schedule, At("2026-06-01T02:00:00Z"));
  EXPECT_EQ(plan.status.running, "nightly-daily-20260601-0200");
}

TEST_F(PolicyDecideTest, ACrashBeforeTheStatusWasWrittenCreatesTheSameAgain) {
  const Plan first = DecideAt("2026-06-01T02:00:03Z", Daily());
  const Plan second = DecideAgain("2026-06-01T02:00:44Z");
  EXPECT_EQ(first.create->metadata.name, second.create->metadata.name);
}

TEST_F(PolicyDecideTest, ManyMissedRunsAreOneCatchUp) {
  Settle(DecideAt("2026-06-01T00:00:01Z", PolicyNamed("nightly").Scheduled("hourly", "0 * * * *")));
  const Plan plan = DecideAgain("2026-06-03T12:30:00Z");
  ASSERT_TRUE(plan.create);
  EXPECT_EQ(plan.create->metadata.name, "nightly-hourly-20260603-1200");
  world_.policy.status = plan.status;
  EXPECT_FALSE(DecideAgain("2026-06-03T12:31:00Z").create) << "and no second";
}

TEST_F(PolicyDecideTest, ARunBeyondItsStartingDeadlineIsLeftOutAndSaysSo) {
  Settle(DecideAt("2026-06-01T00:00:01Z", Daily()));
  const Plan plan = DecideAgain("2026-06-01T09:00:00Z");
  EXPECT_FALSE(plan.create);
  ASSERT_THAT(plan.events, SizeIs(1));
  EXPECT_EQ(plan.events[0].reason, reason::kRunsSkipped);
  EXPECT_THAT(plan.events[0].message, HasSubstr("spec.startingDeadline (1h)"));
  EXPECT_EQ(plan.status.schedules[0].last_schedule, At("2026-06-01T02:00:00Z"));
}

TEST_F(PolicyDecideTest, AScheduleAddedLaterDoesNotCatchUpThePast) {
  Settle(DecideAt("2026-06-01T02:00:03Z", Daily()));
  world_.backups.clear();
  world_.policy.spec.schedules.push_back({"noon", "0 12 * * *", crds::BackupType::kFull, {}});
  EXPECT_FALSE(DecideAgain("2026-06-01T12:10:00Z").create);
}

TEST_F(PolicyDecideTest, OneAtATimeAndTheNextWaitsVisibly) {
  world_.backups = {BackupNamed("by-hand").Started("2026-06-01T01:00:00Z").Build()};
  const Plan plan = DecideAt("2026-06-01T02:00:03Z", Daily());
  EXPECT_FALSE(plan.create);
  EXPECT_EQ(Ready(plan).reason, reason::kBackupRunning);
  EXPECT_EQ(Ready(plan).message, "schedule \"daily\" waits for Backup by-hand to end");
  world_.policy.status = plan.status;
  world_.backups[0] = BackupNamed("by-hand").Succeeded("2026-06-01T02:10:00Z").Build();
  EXPECT_TRUE(DecideAgain("2026-06-01T02:10:01Z").create);
}

TEST_F(PolicyDecideTest, AFullGoesBeforeAnIncremental) {
  const Plan plan = DecideAt("2026-06-01T02:00:03Z",
                             PolicyNamed("p")
                                 .Scheduled("hourly", "0 * * * *")
                                 .Scheduled("weekly", "0 2 * * 1", crds::BackupType::kFull));
  EXPECT_EQ(plan.create->metadata.name, "p-weekly-20260601-0200");
  EXPECT_EQ(plan.create->spec.type, crds::BackupType::kFull);
}

TEST_F(PolicyDecideTest, JitterDelaysByTheSameEveryDay) {
  auto policy = Daily().With([](auto& p) { p.spec.jitter = "1h"; });
  const Plan plan = DecideAt("2026-06-01T00:00:01Z", policy);
  const auto delay = *plan.status.next_run - At("2026-06-01T02:00:00Z");
  EXPECT_GT(delay, std::chrono::seconds(0));
  EXPECT_LE(delay, std::chrono::hours(1));
  EXPECT_EQ(*DecideAgain("2026-06-05T12:00:00Z").status.next_run - At("2026-06-06T02:00:00Z"),
            delay);
}

TEST_F(PolicyDecideTest, SuspendedRunsItsTriggerOnly) {
  const Plan plan = DecideAt("2026-06-01T02:00:03Z", Daily().Suspended());
  EXPECT_FALSE(plan.create);
  EXPECT_FALSE(plan.status.next_run);
  EXPECT_EQ(Ready(plan).reason, reason::kSuspended);
  EXPECT_TRUE(DecideAt("2026-06-01T02:00:03Z", Daily().Suspended().Triggered("now")).create);
}

TEST_F(PolicyDecideTest, ATriggerRunsOnceForEachValue) {
  const Plan first = DecideAt("2026-06-01T00:10:00Z", Daily().Triggered("before-upgrade-42"));
  ASSERT_TRUE(first.create);
  EXPECT_THAT(first.create->metadata.name, HasSubstr("nightly-trigger-"));
  EXPECT_EQ(first.status.last_trigger, "before-upgrade-42");
  world_.policy.status = first.status;
  EXPECT_FALSE(DecideAgain("2026-06-01T00:11:00Z").create);
  world_.policy.spec.trigger = "before-upgrade-43";
  const Plan second = DecideAgain("2026-06-01T00:12:00Z");
  ASSERT_TRUE(second.create);
  EXPECT_NE(second.create->metadata.name, first.create->metadata.name);
}

TEST_F(PolicyDecideTest, LongNamesStayNames) {
  const std::string name = BackupName(std::string(253, 'p'), "daily", At("2026-06-01T02:00:00Z"));
  EXPECT_LE(name.size(), 253u);
  EXPECT_TRUE(name.ends_with("-20260601-0200"));
}

TEST_F(PolicyDecideTest, AMissingStatefulSetSaysWhatToDoAndHeals) {
  world_.policy = Daily().Build();
  world_.now = At("2026-06-01T02:00:03Z");
  world_.repository = &repository_;
  const Plan plan = Decide(world_);
  EXPECT_FALSE(plan.create);
  EXPECT_TRUE(crds::IsTrue(plan.status.conditions, crds::kStalled));
  EXPECT_EQ(Ready(plan).reason, reason::kStatefulSetNotFound);
  EXPECT_EQ(Ready(plan).message,
            "there is no StatefulSet \"db\" in namespace shop; create it or correct "
            "spec.target.statefulSet, and this goes on by itself");
  world_.policy.status = plan.status;
  EXPECT_FALSE(crds::IsTrue(DecideAgain("2026-06-01T02:00:04Z").status.conditions, crds::kStalled));
}

TEST_F(PolicyDecideTest, AMissingRepositoryIsNamed) {
  world_.policy = Daily().Build();
  world_.stateful_sets = {&stateful_set_};
  const Plan plan = Decide(world_);
  EXPECT_EQ(Ready(plan).reason, reason::kRepositoryNotFound);
  EXPECT_THAT(Ready(plan).message, HasSubstr("\"offsite\" in namespace shop"));
}

TEST_F(PolicyDecideTest, ARepositoryThatIsNotReadyIsQuoted) {
  repository_ = RepositoryNamed("offsite").NotReadyBecause("the bucket does not exist").Build();
  const Plan plan = DecideAt("2026-06-01T00:00:03Z", Daily());
  EXPECT_EQ(Ready(plan).reason, reason::kRepositoryNotReady);
  EXPECT_THAT(Ready(plan).message, HasSubstr("the bucket does not exist"));
}

TEST_F(PolicyDecideTest, TheLastRunDecidesWhetherAllIsWell) {
  world_.backups = {BackupNamed("a").Succeeded("2026-06-01T02:01:00Z").Build(),
                    BackupNamed("b").Failed("2026-06-02T02:01:00Z").Build()};
  const Plan plan = DecideAt("2026-06-02T03:00:00Z", Daily());
  EXPECT_EQ(plan.status.last_success->backup, "a");
  EXPECT_EQ(plan.status.last_failure->backup, "b");
  EXPECT_EQ(Ready(plan).status, crds::ConditionStatus::kFalse);
  EXPECT_EQ(Ready(plan).reason, reason::kLastBackupFailed);
}

TEST_F(PolicyDecideTest, SaysWhatItsBackupsCost) {
  world_.backups = {BackupNamed("a").Succeeded("2026-06-01T02:01:00Z").Build(),
                    BackupNamed("b").Failed("2026-06-02T02:01:00Z").Build()};
  world_.backups[0].status.start_time = At("2026-06-01T02:00:00Z");
  world_.backups[0].status.bytes_added = 3 << 20;
  world_.backups[1].status.bytes_added = 1 << 20;
  const Plan plan = DecideAt("2026-06-02T03:00:00Z", Daily());
  EXPECT_EQ(plan.status.added_bytes, 4 << 20) << "one that failed in part takes room as well";
  EXPECT_EQ(plan.status.added, "4.0 MiB");
  EXPECT_EQ(plan.status.last_success->duration, "1m00s");
}

TEST_F(PolicyDecideTest, ASettledPolicySaysNothingNew) {
  Settle(DecideAt("2026-06-01T00:00:01Z", Daily()));
  const Plan plan = DecideAgain("2026-06-01T00:30:00Z");
  EXPECT_EQ(plan.status, world_.policy.status) << "resourceVersion stands still";
}

TEST(CheckPolicyTest, AWrongScheduleIsNamed) {
  const auto finding =
      CheckPolicy(PolicyNamed("p").Scheduled("weekly", "0 2 30 2 *").Build(), {.hooks = true});
  EXPECT_EQ(finding->reason, reason::kInvalidSchedule);
  EXPECT_THAT(finding->message, HasSubstr("schedule \"weekly\": cron \"0 2 30 2 *\""));
}

TEST(CheckPolicyTest, AWrongTimeZoneIsToldEvenWithoutSchedules) {
  auto policy = PolicyNamed("p").With([](auto& p) { p.spec.time_zone = "Mars/Olympus"; });
  EXPECT_THAT(CheckPolicy(policy.Build(), {.hooks = true})->message, HasSubstr("spec.timeZone"));
}

TEST(CheckPolicyTest, HooksAreServedOnlyWhereTheyAreSwitchedOn) {
  const auto policy =
      PolicyNamed("p").With([](auto& p) { p.spec.hooks.post.emplace_back(); }).Build();
  EXPECT_EQ(CheckPolicy(policy, {.hooks = true}), std::nullopt);
  const auto finding = CheckPolicy(policy, {});
  ASSERT_TRUE(finding);
  EXPECT_EQ(finding->reason, reason::kHooksDisabled);
  EXPECT_THAT(finding->message, HasSubstr("hooks.enabled"));
  EXPECT_EQ(CheckPolicy(PolicyNamed("p").Build(), {}), std::nullopt);
}

TEST(CheckPolicyTest, NothingIsHeldForNoTimeOrForEver) {
  for (const char* timeout : {"0s", "8d", "999999999w", "9x"}) {
    const auto policy = PolicyNamed("p").With([&](auto& p) {
      p.spec.hooks.post.emplace_back();
      p.spec.hooks.post.emplace_back().timeout = timeout;
    });
    const auto finding = CheckPolicy(policy.Build(), {.hooks = true});
    ASSERT_TRUE(finding) << timeout;
    EXPECT_EQ(finding->reason, reason::kInvalidSpec);
    EXPECT_THAT(finding->message, HasSubstr("spec.hooks.post[1].timeout"));
  }
  const auto week = PolicyNamed("p").With([](auto& p) { p.spec.hooks.deadline = "7d"; });
  EXPECT_EQ(CheckPolicy(week.Build(), {.hooks = true}), std::nullopt);
}

TEST(CheckTargetTest, ATemplateThatIsNotThereIsNamedWithThoseThatAre) {
  const auto set = StatefulSetOf(1, {"data", "logs"});
  auto policy = PolicyNamed("p").With([](auto& p) { p.spec.target.volume_claims = {"dta"}; });
  EXPECT_EQ(CheckTarget(policy.Build(), {&set})->message,
            "spec.target.volumeClaims names \"dta\", which StatefulSet \"db\" does not have; it "
            "has: data, logs");
}

crds::BackupPolicy ForLabel(const std::string& value) {
  return PolicyNamed("p")
      .With([&](auto& p) {
        p.spec.target.stateful_set.clear();
        p.spec.target.selector.emplace().match_labels = {{"app", value}};
      })
      .Build();
}

TEST(CheckTargetTest, ASelectorThatFitsNothingIsNamed) {
  const auto finding = CheckTarget(ForLabel("shop"), {});
  EXPECT_EQ(finding->reason, reason::kStatefulSetNotFound);
  EXPECT_THAT(finding->message, HasSubstr("(StatefulSets/app=shop)"));
}

TEST(CheckTargetTest, ATemplateNeedBeInOneOfSeveralStatefulSets) {
  const auto first = StatefulSetOf(1, {"data"});
  const auto second = StatefulSetOf(600, {"logs"});
  auto policy = ForLabel("shop");
  policy.spec.target.volume_claims = {"data"};
  EXPECT_EQ(CheckTarget(policy, {&first, &second}), std::nullopt);
  EXPECT_EQ(TemplatesOf(policy, second), std::vector<std::string>{});
  policy.spec.target.volume_claims = {"dta"};
  EXPECT_THAT(CheckTarget(policy, {&first, &second})->message,
              HasSubstr("2 StatefulSets (app=shop) do not have; they have: data, logs"));
}

TEST(CheckTargetTest, TheVolumesOfAllStatefulSetsCount) {
  const auto half = StatefulSetOf(600, {"data"});
  EXPECT_EQ(CheckTarget(ForLabel("shop"), {&half}), std::nullopt);
  EXPECT_EQ(CheckTarget(ForLabel("shop"), {&half, &half})->reason, reason::kTooManyVolumes);
}

TEST(CheckTargetTest, MoreVolumesThanARunHoldsAreRefused) {
  auto policy = PolicyNamed("p");
  auto set = StatefulSetOf(512, {"data", "logs"});
  EXPECT_EQ(CheckTarget(policy.Build(), {&set}), std::nullopt);
  for (const int replicas : {513, std::numeric_limits<int>::max()}) {
    set.replicas = replicas;
    EXPECT_EQ(CheckTarget(policy.Build(), {&set})->reason, reason::kTooManyVolumes);
  }
}

// --- Retention: what it chooses is in retention_test.cpp ---

crds::Backup Good(const std::string& name, const std::string& time) {
  return BackupNamed(name)
      .Volume("data-db-0", crds::RunState::kSucceeded, "snap-" + name)
      .Succeeded(time)
      .Build();
}

std::vector<std::string> Names(const std::vector<crds::Backup>& backups) {
  std::vector<std::string> names;
  for (const auto& backup : backups) names.push_back(backup.metadata.name);
  return names;
}

using ::testing::ElementsAre;

class PolicyRetentionTest : public PolicyDecideTest {
 protected:
  PolicyRetentionTest() {
    world_.backups = {Good("a", "2026-06-01T02:00:00Z"), Good("b", "2026-06-02T02:00:00Z")};
    world_.policy = PolicyNamed("nightly").Keeping(1).Build();
  }
  void JobIs(const std::string& name, const std::string& round, MoverPhase phase) {
    MoverRun forget;
    forget.job.key = {"shop", name};
    forget.job.labels["holdfast.dev/round"] = round;
    forget.job.complete = phase == MoverPhase::kSucceeded;
    forget.job.broken = phase == MoverPhase::kFailed;
    forget.state.phase = phase;
    forget.state.message = "the bucket is on fire";
    world_.forgets = {forget};
  }
};

TEST_F(PolicyRetentionTest, SnapshotsGoBeforeObjects) {
  const Plan start = DecideAgain("2026-06-02T03:00:00Z");
  ASSERT_THAT(start.forget, SizeIs(1));
  EXPECT_EQ(start.forget[0].claim, "data-db-0");
  EXPECT_THAT(start.forget[0].snapshots, ElementsAre("snap-a"));
  EXPECT_THAT(start.remove_backups, IsEmpty());
  JobIs(start.forget[0].job, start.forget[0].round, MoverPhase::kRunning);
  const Plan wait = DecideAgain("2026-06-02T03:00:10Z");
  EXPECT_THAT(wait.forget, IsEmpty());
  EXPECT_THAT(wait.remove_backups, IsEmpty());
  JobIs(start.forget[0].job, start.forget[0].round, MoverPhase::kSucceeded);
  const Plan done = DecideAgain("2026-06-02T03:00:20Z");
  EXPECT_THAT(Names(done.remove_backups), ElementsAre("a"));
  EXPECT_THAT(done.remove_jobs, IsEmpty()) << "they tell that the objects may go";
  world_.backups.erase(world_.backups.begin());
  EXPECT_THAT(DecideAgain("2026-06-02T03:00:30Z").remove_jobs, SizeIs(1));
}

// The gateway removes them at once, and no Job is waited for.
TEST_F(PolicyRetentionTest, SnapshotsInWhatIsSharedGoByTheGateway) {
  repository_.spec.s3.reset();
  repository_.spec.shared = {"holdfast-system", "offsite"};
  const Plan plan = DecideAgain("2026-06-02T03:00:00Z");
  EXPECT_THAT(plan.forget, IsEmpty());
  ASSERT_THAT(plan.forget_shared, SizeIs(1));
  EXPECT_THAT(plan.forget_shared[0].snapshots, ElementsAre("snap-a"));
  EXPECT_THAT(Names(plan.remove_backups), ElementsAre("a"));
  world_.backups.push_back(BackupNamed("running").Build());
  const Plan wait = DecideAgain("2026-06-02T03:00:10Z");
  EXPECT_THAT(wait.forget_shared, IsEmpty());
  EXPECT_THAT(wait.remove_backups, IsEmpty());
}

TEST_F(PolicyRetentionTest, AFailureIsToldAndNothingGoes) {
  const Plan start = DecideAgain("2026-06-02T03:00:00Z");
  JobIs(start.forget[0].job, start.forget[0].round, MoverPhase::kFailed);
  const Plan failed = DecideAgain("2026-06-02T03:00:20Z");
  EXPECT_THAT(failed.remove_backups, IsEmpty());
  EXPECT_EQ(Ready(failed).reason, reason::kRetentionFailed);
  EXPECT_THAT(Ready(failed).message, HasSubstr("data-db-0: the bucket is on fire"));
}

TEST_F(PolicyRetentionTest, WaitsWhileABackupRuns) {
  world_.backups.push_back(BackupNamed("c").Started("2026-06-02T02:59:00Z").Build());
  EXPECT_THAT(DecideAgain("2026-06-02T03:00:00Z").forget, IsEmpty());
}

}  // namespace
}  // namespace holdfast::controllers::policy
