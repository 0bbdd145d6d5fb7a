#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "controllers/backup/copies.h"
#include "controllers/labels.h"
#include "controllers/policy/decide.h"
#include "controllers/policy/job_builder.h"
#include "controllers/reasons.h"
#include "controllers/trim.h"
#include "tests/builders/kinds.h"

namespace holdfast::controllers::backup {
namespace {

using namespace builders;  // NOLINT(google-build-using-namespace): they are the test's language
using namespace std::chrono_literals;
using crds::BackupPhase;
using crds::RunState;
using ::testing::Contains;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::SizeIs;

const std::string kFirst(64, 'a');

// A Backup that is done, and owes a copy to "second".
class BackupCopiesTest : public ::testing::Test {
 protected:
  BackupCopiesTest() {
    world_.now = At("2026-06-01T03:00:00Z");
    world_.backup = BackupNamed("run")
                        .Volume("data-db-0", RunState::kSucceeded, kFirst)
                        .Volume("data-db-1", RunState::kFailed, std::string(64, 'b'))
                        .Succeeded("2026-06-01T02:00:00Z")
                        .Build();
    world_.backup.status.repository = "offsite";
    OweCopies(policy_, world_.backup.status);
    world_.copy_source = &source_;
    CopyWorld seen;
    seen.repository = "second";
    seen.destination = &second_;
    seen.free_slots = 1;
    world_.copies = {seen};
  }
  Plan Decided() const { return Decide(world_, Settings{}); }
  // What a reconcile leaves behind.
  Plan Settle() {
    Plan plan = Decided();
    world_.backup.status = plan.status;
    return plan;
  }
  const crds::BackupCopy& Copy() const { return world_.backup.status.copies[0]; }
  void Runs(MoverPhase phase, const std::string& message = "") {
    MoverRun run;
    run.job.key = {"shop", CopyJobName(world_.backup, Copy())};
    run.job.complete = phase == MoverPhase::kSucceeded;
    run.job.broken = phase == MoverPhase::kFailed;
    run.state.phase = phase;
    run.state.message = message;
    if (run.job.complete) run.state.result.emplace().bytes_added = 2048;
    world_.copies[0].run = run;
    world_.jobs = {run.job};
  }

  const crds::BackupPolicy policy_ =
      PolicyNamed("nightly").With([](auto& p) { p.spec.copy_to = {"second"}; }).Build();
  crds::BackupRepository source_ = RepositoryNamed("offsite").Build();
  crds::BackupRepository second_ = RepositoryNamed("second").Build();
  World world_;
};

TEST_F(BackupCopiesTest, ARunThatEndsOwesWhatThePolicySays) {
  ASSERT_THAT(world_.backup.status.copies, SizeIs(1));
  EXPECT_TRUE(OwesCopies(world_.backup.status));
  crds::BackupStatus nothing;
  OweCopies(policy_, nothing);
  EXPECT_THAT(nothing.copies, IsEmpty()) << "there is nothing to copy";
  EXPECT_TRUE(OwesCopies(Trimmed(world_.backup).status)) << "the cache must know";
}

TEST_F(BackupCopiesTest, IsMadeOnceAndRecorded) {
  const Plan first = Settle();
  EXPECT_THAT(first.start_copies, ElementsAre("second"));
  EXPECT_EQ(Copy().state, RunState::kRunning);
  const std::string name = CopyJobName(world_.backup, Copy());
  EXPECT_THAT(Decided().start_copies, ElementsAre("second")) << "made again under the same name";
  EXPECT_EQ(CopyJobName(world_.backup, Settle().status.copies[0]), name);
  Runs(MoverPhase::kRunning);
  EXPECT_THAT(Settle().start_copies, IsEmpty());
  Runs(MoverPhase::kSucceeded);
  EXPECT_THAT(Settle().expire, IsEmpty()) << "not before its end is written down";
  EXPECT_EQ(Copy().state, RunState::kSucceeded);
  EXPECT_THAT(Copy().message, HasSubstr("2.0 KiB"));
  EXPECT_EQ(Copy().completion_time, world_.now);
  EXPECT_THAT(Settle().expire, SizeIs(1));
  EXPECT_FALSE(OwesCopies(world_.backup.status));
}

TEST_F(BackupCopiesTest, AFailureLeavesTheBackupGoodAndIsTriedAgainLaterEachTime) {
  Settle();
  Runs(MoverPhase::kFailed, "the store is full");
  const Plan failed = Settle();
  EXPECT_EQ(world_.backup.status.phase, BackupPhase::kSucceeded);
  EXPECT_EQ(Copy().state, RunState::kFailed);
  EXPECT_EQ(Copy().message, "the store is full");
  EXPECT_EQ(failed.requeue, RequeueAt(world_.now + 10min));
  world_.now += 5min;
  EXPECT_EQ(Settle().requeue, RequeueAt(world_.now + 5min));
  EXPECT_THAT(Decided().start_copies, IsEmpty());
  world_.now += 5min;
  const std::string before = CopyJobName(world_.backup, Copy());
  EXPECT_THAT(Settle().start_copies, ElementsAre("second"));
  EXPECT_EQ(Copy().attempts, 2);
  EXPECT_NE(CopyJobName(world_.backup, Copy()), before);
  Runs(MoverPhase::kFailed, "still full");
  EXPECT_EQ(Settle().requeue, RequeueAt(world_.now + 20min));
}

TEST_F(BackupCopiesTest, ARepositoryThatIsPutRightIsTriedAtOnce) {
  Settle();
  Runs(MoverPhase::kFailed, "wrong password");
  Settle();
  world_.now += 1min;
  EXPECT_THAT(Decided().start_copies, IsEmpty());
  crds::SetNotReady(second_.status.conditions, {1, "WrongPassword", "no"}, world_.now);
  crds::SetReady(second_.status.conditions, {1, "Reachable", "yes"}, world_.now);
  EXPECT_THAT(Decided().start_copies, ElementsAre("second"));
}

TEST_F(BackupCopiesTest, WhatItWaitsForIsTold) {
  const auto message = [&] { return Decided().status.copies[0].message; };
  world_.copies[0].free_slots = 0;
  EXPECT_THAT(message(), HasSubstr("limits.concurrentMovers"));
  EXPECT_THAT(Decided().start_copies, IsEmpty());
  EXPECT_TRUE(Decided().requeue.at);
  second_ = RepositoryNamed("second").NotReadyBecause("no answer").Build();
  EXPECT_THAT(message(), HasSubstr("no answer"));
  world_.copies[0].destination = nullptr;
  EXPECT_THAT(message(), HasSubstr("there is no BackupRepository \"second\""));
  world_.copy_source = nullptr;
  EXPECT_THAT(message(), HasSubstr("there is no BackupRepository \"offsite\""));
}

TEST_F(BackupCopiesTest, TheJobReadsOneRepositoryAndWritesTheOther) {
  source_.spec.s3->ca_bundle.emplace().secret = "ca";
  second_.spec.s3.reset();
  second_.spec.filesystem.emplace().claim_name = "nas";
  Settings settings;
  settings.cluster_name = "prod";
  const Json job =
      BuildCopyJob(world_.backup, world_.backup.status.copies[0], source_, second_, settings)
          .value();
  const Json& pod = job["spec"]["template"]["spec"];
  const std::vector<std::string> args = pod["containers"][0]["args"];
  EXPECT_EQ(args[0], "copy");
  EXPECT_EQ(args.back(), kFirst) << "what failed is not copied";
  EXPECT_THAT(args, Contains("--repo=/holdfast/repository"));
  EXPECT_THAT(args, Contains("--from-repo=s3:https://s3.example.com/backups/prod"));
  EXPECT_THAT(args, Contains("--from-ca-file=/holdfast/from-ca/bundle.pem"));
  std::vector<std::string> names;
  for (const Json& variable : pod["containers"][0]["env"]) names.push_back(variable["name"]);
  EXPECT_THAT(names, Contains("FROM_AWS_ACCESS_KEY_ID"));
  EXPECT_THAT(names, ::testing::Not(Contains("AWS_ACCESS_KEY_ID")));
  std::vector<std::string> paths;
  for (const Json& mount : pod["containers"][0]["volumeMounts"])
    paths.push_back(mount["mountPath"]);
  EXPECT_THAT(paths, ::testing::IsSupersetOf({"/holdfast/repository", "/holdfast/password",
                                              "/holdfast/from-password", "/holdfast/from-ca"}));
  EXPECT_EQ(job["metadata"]["labels"][kRepositoryLabel], "second");
  EXPECT_EQ(job["metadata"]["labels"][kVerbLabel], "copy");
}

// --- In the policy ---

class PolicyCopiesTest : public BackupCopiesTest {
 protected:
  PolicyCopiesTest() {
    policy_world_.now = world_.now;
    policy_world_.policy = policy_;
    policy_world_.policy.spec.retention.keep_last = 1;
    policy_world_.repository = &source_;
    policy_world_.stateful_sets = {&set_};
    policy_world_.copies = {{"second", &second_}};
    world_.backup.status.volumes.pop_back();
    world_.backup.status.copies[0].attempts = 1;
    world_.backup.status.copies[0].state = RunState::kSucceeded;
  }
  policy::Plan PolicyDecided() {
    const crds::Backup newer = BackupNamed("newer")
                                   .Volume("data-db-0", RunState::kSucceeded, std::string(64, 'c'))
                                   .Succeeded("2026-06-01T02:30:00Z")
                                   .Build();
    policy_world_.backups = {world_.backup, newer};
    return policy::Decide(policy_world_);
  }

  const StatefulSetView set_ = StatefulSetOf(1);
  policy::World policy_world_;
};

TEST_F(PolicyCopiesTest, AFailedCopyShowsInTheCondition) {
  world_.backup.status.copies[0].state = RunState::kFailed;
  world_.backup.status.copies[0].message = "the store is full";
  const policy::Plan plan = PolicyDecided();
  const auto* ready = crds::FindCondition(plan.status.conditions, crds::kReady);
  EXPECT_EQ(ready->status, crds::ConditionStatus::kFalse);
  EXPECT_EQ(ready->reason, reason::kCopyFailed);
  EXPECT_THAT(ready->message, HasSubstr("\"second\", which is tried again: the store is full"));
}

TEST_F(PolicyCopiesTest, ACopyThatIsWantedNoMoreDoesNot) {
  world_.backup.status.copies[0].state = RunState::kFailed;
  policy_world_.policy.spec.copy_to.clear();
  const policy::Plan plan = PolicyDecided();
  EXPECT_NE(crds::FindCondition(plan.status.conditions, crds::kReady)->reason, reason::kCopyFailed);
}

TEST_F(PolicyCopiesTest, RetentionForgetsInBothBeforeTheObjectGoes) {
  policy::Plan plan = PolicyDecided();
  ASSERT_THAT(plan.forget, SizeIs(2));
  EXPECT_EQ(plan.forget[0].copies_in, "");
  EXPECT_EQ(plan.forget[1].copies_in, "second");
  EXPECT_THAT(plan.forget[1].snapshots, ElementsAre(kFirst));
  EXPECT_NE(plan.forget[0].job, plan.forget[1].job);
  const Json job = policy::BuildForgetJob(policy_world_, plan.forget[1], Settings{}).value();
  EXPECT_EQ(job["metadata"]["labels"][kRepositoryLabel], "second");
  const std::vector<std::string> args = job["spec"]["template"]["spec"]["containers"][0]["args"];
  EXPECT_THAT(args, Contains("--copies"));
  const auto done = [&](const std::string& name) {
    MoverRun run;
    run.job.key = {"shop", name};
    run.job.labels = {{kRoundLabel, plan.forget[0].round}};
    run.job.complete = true;
    run.state.phase = MoverPhase::kSucceeded;
    return run;
  };
  policy_world_.forgets = {done(plan.forget[0].job)};
  EXPECT_THAT(PolicyDecided().remove_backups, IsEmpty());
  policy_world_.forgets.push_back(done(plan.forget[1].job));
  EXPECT_THAT(PolicyDecided().remove_backups, SizeIs(1));
}

TEST_F(PolicyCopiesTest, WhatIsBeingCopiedStaysUntilThen) {
  world_.backup.status.copies[0].state = RunState::kRunning;
  EXPECT_THAT(PolicyDecided().forget, IsEmpty());
}

TEST_F(PolicyCopiesTest, ARepositoryThatIsGoneHoldsNothingUp) {
  policy_world_.copies.clear();
  EXPECT_THAT(PolicyDecided().forget, SizeIs(1));
}

}  // namespace
}  // namespace holdfast::controllers::backup
