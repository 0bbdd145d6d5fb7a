#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "controllers/reasons.h"
#include "controllers/repository/upkeep.h"
#include "controllers/repository/upkeep_job.h"
#include "tests/builders/kinds.h"

namespace holdfast::controllers::repository {
namespace {

using namespace builders;  // NOLINT(google-build-using-namespace): they are the test's language
using crds::RunState;
using protocol::ExitCode;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::SizeIs;

// Created on a Saturday; checks at 4 every day, prunes at 5 on Sundays.
class UpkeepTest : public ::testing::Test {
 protected:
  UpkeepTest() {
    world_.repository = RepositoryNamed("offsite").Build();
    world_.repository.metadata.creation_timestamp = At("2026-08-01T12:00:00Z");
    world_.repository.spec.check.emplace().schedule = "0 4 * * *";
    world_.repository.spec.prune.emplace().schedule = "0 5 * * 0";
  }
  Plan DecideAt(const std::string& now) {
    world_.now = At(now);
    Plan plan;
    plan.status = world_.repository.status;
    DecideUpkeep(world_, plan);
    return plan;
  }
  // What a reconcile leaves behind.
  Plan Settle(const std::string& now) {
    const Plan plan = DecideAt(now);
    world_.repository.status = plan.status;
    return plan;
  }
  MoverRun Running(const std::string& name, const std::string& since) {
    MoverRun run;
    run.job.key = {"shop", name};
    run.job.created = At(since);
    run.state.phase = MoverPhase::kRunning;
    return run;
  }
  MoverRun Ended(MoverRun run, ExitCode exit, const std::string& message = "") {
    run.job.complete = exit == ExitCode::kOk;
    run.job.broken = !run.job.complete;
    run.state.phase = run.job.complete ? MoverPhase::kSucceeded : MoverPhase::kFailed;
    run.state.message = message;
    run.state.result.emplace();
    run.state.result->exit = exit;
    run.state.result->snapshots = 7;
    run.state.result->stored_bytes = 3 << 20;
    run.state.result->bytes_freed = 2 << 20;
    run.state.result->bytes_unused = 1 << 20;
    return run;
  }
  const crds::Condition* Healthy(const Plan& plan) {
    return crds::FindCondition(plan.status.conditions, crds::kHealthy);
  }

  World world_;
};

TEST_F(UpkeepTest, WaitsForTheEarlierOfBothSchedules) {
  const Plan plan = DecideAt("2026-08-01T12:00:01Z");
  EXPECT_FALSE(plan.chore);
  EXPECT_EQ(plan.requeue, RequeueAt(At("2026-08-02T04:00:00Z")));
}

TEST_F(UpkeepTest, ADueRunIsNamedByItsTime) {
  const Plan plan = DecideAt("2026-08-02T04:00:02Z");
  EXPECT_EQ(plan.chore, (ChoreStart{Chore::kCheck, "offsite-check-20260802-0400"}));
}

TEST_F(UpkeepTest, ManyMissedRunsAreOneEachAndNeverBothAtOnce) {
  const Plan first = DecideAt("2026-08-20T12:00:00Z");
  EXPECT_EQ(first.chore, (ChoreStart{Chore::kPrune, "offsite-prune-20260816-0500"}));
  world_.prunes = {Running(first.chore->job, "2026-08-20T12:00:00Z")};
  EXPECT_FALSE(Settle("2026-08-20T12:00:05Z").chore) << "the check waits for it";
  world_.prunes = {Ended(world_.prunes[0], ExitCode::kOk)};
  const Plan second = Settle("2026-08-20T12:10:00Z");
  EXPECT_EQ(second.chore, (ChoreStart{Chore::kCheck, "offsite-check-20260820-0400"}));
  world_.checks = {Ended(Running(second.chore->job, "2026-08-20T12:10:00Z"), ExitCode::kOk)};
  const Plan third = Settle("2026-08-20T12:20:00Z");
  EXPECT_FALSE(third.chore);
  EXPECT_EQ(third.requeue, RequeueAt(At("2026-08-21T04:00:00Z")));
}

TEST_F(UpkeepTest, NothingStartsOnARepositoryThatIsNotReady) {
  world_.repository.status =
      RepositoryNamed("offsite").NotReadyBecause("the bucket is gone").Build().status;
  EXPECT_FALSE(DecideAt("2026-08-02T04:00:02Z").chore);
}

TEST_F(UpkeepTest, APruneSaysWhatItFreed) {
  world_.prunes = {Ended(Running("p", "2026-08-02T05:00:00Z"), ExitCode::kOk)};
  const Plan plan = DecideAt("2026-08-02T05:10:00Z");
  EXPECT_EQ(plan.status.last_prune->state, RunState::kSucceeded);
  EXPECT_EQ(plan.status.last_prune->message, "freed 2.0 MiB");
  EXPECT_EQ(plan.status.unused_bytes, 1 << 20);
  EXPECT_EQ(plan.status.stored, "3.0 MiB");
}

TEST_F(UpkeepTest, APruneSaysWhatTheStoreHolds) {
  world_.prunes = {Ended(Running("p", "2026-08-02T05:00:00Z"), ExitCode::kOk)};
  protocol::MoverResult& result = *world_.prunes[0].state.result;
  result.bytes_retained = 3 << 20;
  result.bytes_retained_until = "2026-08-20T05:00:00Z";
  result.objects_retained = 1234;
  result.retained_until = "2026-09-01T05:00:00Z";
  const Plan plan = DecideAt("2026-08-02T05:10:00Z");
  EXPECT_EQ(
      plan.status.last_prune->message,
      "freed 2.0 MiB; the store holds 3.0 MiB that nobody needs until 2026-08-20T05:00:00Z at "
      "the latest; 1234 objects are held until 2026-09-01T05:00:00Z now");
  EXPECT_EQ(plan.status.locked_until, At("2026-09-01T05:00:00Z"));
}

TEST_F(UpkeepTest, ALockThatIsNotExtendedIsToldApart) {
  world_.repository.status.locked_until = At("2026-08-10T05:00:00Z");
  world_.prunes = {Ended(Running("p", "2026-08-02T05:00:00Z"), ExitCode::kFailed, "denied")};
  world_.prunes[0].state.result->not_retained = true;
  const Plan plan = DecideAt("2026-08-02T05:10:00Z");
  EXPECT_EQ(plan.status.last_prune->state, RunState::kFailed);
  EXPECT_EQ(plan.status.last_prune->message, "denied");
  EXPECT_EQ(plan.status.locked_until, At("2026-08-10T05:00:00Z")) << "it is held until then";
  ASSERT_THAT(plan.events, SizeIs(1));
  EXPECT_EQ(plan.events[0].reason, reason::kObjectLockNotExtended);
}

TEST_F(UpkeepTest, DamageMakesTheRepositoryUnhealthyUntilACheckFindsNone) {
  world_.checks = {Ended(Running("c1", "2026-08-02T04:00:00Z"), ExitCode::kCorrupt,
                         "2 places in the repository are damaged")};
  const Plan bad = Settle("2026-08-02T04:10:00Z");
  EXPECT_EQ(Healthy(bad)->status, crds::ConditionStatus::kFalse);
  EXPECT_EQ(Healthy(bad)->message, "2 places in the repository are damaged");
  EXPECT_TRUE(crds::IsTrue(bad.status.conditions, crds::kReady)) << "backups mend what they can";
  ASSERT_THAT(bad.events, SizeIs(1));
  EXPECT_EQ(bad.events[0].reason, reason::kCheckFailed);
  EXPECT_THAT(DecideAt("2026-08-02T04:11:00Z").events, IsEmpty()) << "told once";

  world_.checks.push_back(Ended(Running("c2", "2026-08-03T04:00:00Z"), ExitCode::kOk));
  const Plan good = DecideAt("2026-08-03T04:10:00Z");
  EXPECT_EQ(Healthy(good)->status, crds::ConditionStatus::kTrue);
  ASSERT_THAT(good.remove, SizeIs(1));
  EXPECT_EQ(good.remove[0].key.name, "c1");
}

TEST_F(UpkeepTest, ACheckThatCouldNotBeCarriedOutSaysNothingAboutTheData) {
  world_.checks = {Ended(Running("c", "2026-08-02T04:00:00Z"), ExitCode::kUnreachable,
                         "the endpoint does not answer")};
  const Plan plan = DecideAt("2026-08-02T04:10:00Z");
  EXPECT_EQ(Healthy(plan), nullptr);
  EXPECT_EQ(plan.status.last_check->state, RunState::kFailed);
  EXPECT_EQ(plan.status.last_check->message, "the endpoint does not answer");
}

TEST_F(UpkeepTest, SettledSaysNothingNew) {
  world_.checks = {Ended(Running("c", "2026-08-02T04:00:00Z"), ExitCode::kOk)};
  Settle("2026-08-02T04:10:00Z");
  EXPECT_EQ(DecideAt("2026-08-02T04:30:00Z").status, world_.repository.status);
}

std::vector<std::string> ArgsOf(const Json& job) {
  return job["spec"]["template"]["spec"]["containers"][0]["args"].get<std::vector<std::string>>();
}

TEST_F(UpkeepTest, TheJobsCarryTheirBounds) {
  world_.repository.spec.prune->max_repack.text = "10Gi";
  const Json prune =
      BuildChoreJob(world_.repository, {Chore::kPrune, "offsite-prune-1"}, {}).value();
  EXPECT_THAT(ArgsOf(prune),
              ::testing::IsSupersetOf({"prune", "--max-unused=5%", "--max-repack=10737418240"}));
  EXPECT_EQ(prune["metadata"]["labels"]["holdfast.dev/verb"], "prune");
  world_.repository.spec.check->read_data = "12.5%";
  const Json check =
      BuildChoreJob(world_.repository, {Chore::kCheck, "offsite-check-1"}, {}).value();
  EXPECT_THAT(ArgsOf(check), ::testing::IsSupersetOf({"check", "--read-data-subset=12.5%"}));
  world_.repository.spec.check->read_data = "0%";
  EXPECT_THAT(ArgsOf(BuildChoreJob(world_.repository, {Chore::kCheck, "c"}, {}).value()),
              ::testing::Not(::testing::Contains(HasSubstr("read-data"))));
}

}  // namespace
}  // namespace holdfast::controllers::repository
