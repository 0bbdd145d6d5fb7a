#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "controllers/reasons.h"
#include "controllers/repository/decide.h"
#include "controllers/repository/probe_job.h"

namespace holdfast::controllers::repository {
namespace {

using namespace std::chrono_literals;
using crds::ConditionStatus;
using protocol::ExitCode;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;

const TimePoint kNow = *ParseTime("2026-08-01T12:00:00Z");
const std::string kId(64, 'a');
const std::string kOtherId(64, 'b');

crds::BackupRepository Repository() {
  crds::BackupRepository repository;
  repository.metadata.name = "offsite";
  repository.metadata.namespace_ = "shop";
  repository.metadata.uid = "uid-1";
  repository.metadata.generation = 1;
  repository.spec.s3.emplace();
  repository.spec.s3->endpoint = "https://s3.example.com";
  repository.spec.s3->bucket = "backups";
  repository.spec.s3->credentials_secret.name = "s3";
  repository.spec.password_secret.emplace().name = "password";
  return repository;
}

struct ProbeBuilder {
  Probe probe;

  explicit ProbeBuilder(const std::string& name, int generation = 1, int attempt = 0) {
    probe.job.key = {"shop", name};
    probe.job.uid = "job-" + name;
    probe.job.created = kNow - 5s;
    probe.job.labels = {{kGenerationLabel, std::to_string(generation)},
                        {kAttemptLabel, std::to_string(attempt)}};
    probe.state.phase = MoverPhase::kRunning;
  }
  ProbeBuilder& Created(TimePoint time) {
    probe.job.created = time;
    return *this;
  }
  ProbeBuilder& Waiting(const std::string& reason, const std::string& message) {
    probe.state.phase = MoverPhase::kWaiting;
    probe.state.reason = reason;
    probe.state.message = message;
    return *this;
  }
  ProbeBuilder& Opened(const std::string& id, std::vector<std::string> holders = {}) {
    probe.job.complete = true;
    probe.state.phase = MoverPhase::kSucceeded;
    probe.state.result.emplace();
    probe.state.result->verb = "init";
    probe.state.result->repository_id = id;
    probe.state.result->snapshots = 12;
    probe.state.result->stored_bytes = 3ull << 30;
    probe.state.result->lock_holders = std::move(holders);
    return *this;
  }
  ProbeBuilder& Failed(ExitCode exit, const std::string& message) {
    Silent(std::string(protocol::ExitReason(exit)), message);
    probe.state.result.emplace();
    probe.state.result->verb = "init";
    probe.state.result->exit = exit;
    return *this;
  }
  ProbeBuilder& Silent(const std::string& reason, const std::string& message) {
    probe.job.broken = true;
    probe.state.phase = MoverPhase::kFailed;
    probe.state.reason = reason;
    probe.state.message = message;
    return *this;
  }
  operator Probe() const { return probe; }
};

class RepositoryDecideTest : public ::testing::Test {
 protected:
  RepositoryDecideTest() {
    world_.repository = Repository();
    world_.now = kNow;
    settings_.cluster_name = "prod";
  }

  Plan Decide() { return repository::Decide(world_, settings_); }

  // What the controller does between two passes: writes the status, creates the Job.
  Plan DecideAndRecord() {
    Plan plan = Decide();
    world_.repository.status = plan.status;
    return plan;
  }

  void MakeHealthy() {
    world_.probes = {ProbeBuilder("first").Opened(kId)};
    DecideAndRecord();
  }

  const crds::Condition& Condition(const Plan& plan, std::string_view type) {
    static const crds::Condition kNone;
    const crds::Condition* found = crds::FindCondition(plan.status.conditions, type);
    EXPECT_NE(found, nullptr) << type;
    return found != nullptr ? *found : kNone;
  }

  World world_;
  Settings settings_;
};

TEST_F(RepositoryDecideTest, ANewRepositoryIsProbedAndCreatedAtOnce) {
  const Plan plan = Decide();
  ASSERT_TRUE(plan.start);
  EXPECT_THAT(plan.start->name, ::testing::StartsWith("offsite-probe-"));
  EXPECT_EQ(plan.start->attempt, 0);
  EXPECT_TRUE(plan.start->create);
  EXPECT_EQ(plan.status.location, "s3:https://s3.example.com/backups");
  EXPECT_EQ(Condition(plan, crds::kReady).status, ConditionStatus::kFalse);
  EXPECT_EQ(Condition(plan, crds::kReconciling).reason, reason::kProbing);
  EXPECT_EQ(Condition(plan, crds::kReconciling).message,
            "Opening the repository at s3:https://s3.example.com/backups.");
  EXPECT_THAT(plan.events, IsEmpty()) << "work under way is no event";
}

TEST_F(RepositoryDecideTest, AnotherOperatorGivesTheProbeTheSameName) {
  EXPECT_EQ(Decide().start->name, Decide().start->name);
}

TEST_F(RepositoryDecideTest, OnlyOneProbeAtATime) {
  world_.probes = {ProbeBuilder("running")};
  const Plan plan = Decide();
  EXPECT_FALSE(plan.start);
  EXPECT_EQ(plan.requeue, AwaitChange());
}

TEST_F(RepositoryDecideTest, SuccessIsRecordedOnceAndThenNothingMoves) {
  world_.probes = {ProbeBuilder("first").Opened(kId)};
  const Plan plan = DecideAndRecord();
  EXPECT_EQ(plan.status.id, kId);
  EXPECT_EQ(plan.status.snapshots, 12);
  EXPECT_EQ(plan.status.stored, "3.0 GiB");
  EXPECT_EQ(plan.status.last_probe->job, "first");
  EXPECT_EQ(plan.status.last_probe->time, kNow);
  EXPECT_EQ(Condition(plan, crds::kReady).status, ConditionStatus::kTrue);
  EXPECT_EQ(Condition(plan, crds::kReady).reason, reason::kReachable);
  ASSERT_EQ(plan.events.size(), 1u);
  EXPECT_EQ(plan.events[0].type, kube::EventType::kNormal);
  EXPECT_EQ(plan.requeue, RequeueAt(kNow + 600s));

  world_.now = kNow + 300s;
  const Plan later = Decide();
  EXPECT_EQ(later.status, world_.repository.status) << "resourceVersion stands still";
  EXPECT_THAT(later.events, IsEmpty());
  EXPECT_FALSE(later.start);
  EXPECT_EQ(later.requeue, RequeueAt(kNow + 600s));
}

TEST_F(RepositoryDecideTest, AProbeTellsUntilWhenTheStoreHoldsWhatIsInUse) {
  world_.probes = {ProbeBuilder("first").Opened(kId)};
  world_.probes[0].state.result->retained_until = "2026-09-01T05:00:00Z";
  EXPECT_EQ(Decide().status.locked_until, ParseTime("2026-09-01T05:00:00Z").value());
  world_.repository.status.locked_until = ParseTime("2026-09-01T05:00:00Z").value();
  world_.probes[0].state.result->retained_until.clear();
  EXPECT_EQ(Decide().status.locked_until, std::nullopt) << "the lock was switched off";
}

TEST_F(RepositoryDecideTest, AHealthyRepositoryIsProbedAgainButNeverCreatedAgain) {
  MakeHealthy();
  world_.now = kNow + 600s;
  const Plan plan = DecideAndRecord();
  ASSERT_TRUE(plan.start);
  EXPECT_FALSE(plan.start->create);
  EXPECT_EQ(Condition(plan, crds::kReady).status, ConditionStatus::kTrue)
      << "stays ready meanwhile";
  const std::string first = plan.start->name;

  world_.probes = {ProbeBuilder("first").Opened(kId),
                   ProbeBuilder(first).Created(kNow + 600s).Opened(kId)};
  const Plan next = DecideAndRecord();
  ASSERT_EQ(next.remove.size(), 1u) << "the probe before it goes";
  EXPECT_EQ(next.remove[0].key.name, "first");
  world_.now = kNow + 1200s;
  EXPECT_NE(Decide().start->name, first);
}

TEST_F(RepositoryDecideTest, CreatingCanBeForbidden) {
  world_.repository.spec.create_if_missing = false;
  EXPECT_FALSE(Decide().start->create);
}

struct Failure {
  ExitCode exit;
  const char* reason;
  bool stalled;
};

class RepositoryFailureTest : public RepositoryDecideTest,
                              public ::testing::WithParamInterface<Failure> {};

TEST_P(RepositoryFailureTest, SaysWhatTheMoverSaidAndComesBack) {
  world_.probes = {ProbeBuilder("first").Failed(GetParam().exit, "the mover's own sentence")};
  const Plan plan = Decide();
  const crds::Condition& ready = Condition(plan, crds::kReady);
  EXPECT_EQ(ready.status, ConditionStatus::kFalse);
  EXPECT_EQ(ready.reason, GetParam().reason);
  EXPECT_EQ(ready.message, "The mover's own sentence. It is tried again by itself.");
  EXPECT_EQ(crds::IsTrue(plan.status.conditions, crds::kStalled), GetParam().stalled);
  EXPECT_EQ(plan.events[0].type, kube::EventType::kWarning);
  EXPECT_EQ(plan.status.last_probe->state, crds::RunState::kFailed);
  EXPECT_EQ(plan.requeue, RequeueAt(kNow + 10s)) << "a corrected Secret heals it by itself";
}

INSTANTIATE_TEST_SUITE_P(Exits, RepositoryFailureTest,
                         ::testing::Values(Failure{ExitCode::kWrongPassword, "WrongPassword", true},
                                           Failure{ExitCode::kDenied, "AccessDenied", true},
                                           Failure{ExitCode::kNoBucket, "NoBucket", true},
                                           Failure{ExitCode::kNoRepository, "NoRepository", true},
                                           Failure{ExitCode::kCorrupt, "Corrupt", true},
                                           Failure{ExitCode::kUnreachable, "Unreachable", false},
                                           Failure{ExitCode::kLocked, "Locked", false},
                                           Failure{ExitCode::kFailed, "Failed", false}));

TEST_F(RepositoryDecideTest, BackoffDoublesUpToItsBound) {
  EXPECT_EQ(ProbeBackoff(1, settings_), 10s);
  EXPECT_EQ(ProbeBackoff(2, settings_), 20s);
  EXPECT_EQ(ProbeBackoff(5, settings_), 160s);
  EXPECT_EQ(ProbeBackoff(6, settings_), 300s);
  EXPECT_EQ(ProbeBackoff(1000000, settings_), 300s);
}

TEST_F(RepositoryDecideTest, TheNextProbeAfterAFailureCountsIt) {
  world_.probes = {ProbeBuilder("third", 1, 2).Failed(ExitCode::kUnreachable, "no answer")};
  EXPECT_EQ(DecideAndRecord().requeue, RequeueAt(kNow + 40s));
  world_.now = kNow + 40s;
  const Plan plan = Decide();
  ASSERT_TRUE(plan.start);
  EXPECT_EQ(plan.start->attempt, 3);
  EXPECT_EQ(Condition(plan, crds::kReady).reason, "Unreachable") << "until the next one answers";
}

TEST_F(RepositoryDecideTest, AChangedSpecIsProbedAtOnce) {
  world_.probes = {ProbeBuilder("old", 1, 5).Failed(ExitCode::kNoBucket, "no such bucket")};
  DecideAndRecord();
  world_.repository.metadata.generation = 2;
  const Plan plan = Decide();
  ASSERT_TRUE(plan.start);
  EXPECT_EQ(plan.start->attempt, 0);
  EXPECT_EQ(Condition(plan, crds::kReady).reason, reason::kProbing);
}

TEST_F(RepositoryDecideTest, AChangedSpecReplacesAProbeThatWaits) {
  world_.repository.metadata.generation = 2;
  world_.probes = {ProbeBuilder("old", 1).Waiting(reason::kPodMisconfigured, "no such Secret")};
  const Plan plan = Decide();
  ASSERT_TRUE(plan.start);
  ASSERT_EQ(plan.remove.size(), 1u);
  EXPECT_EQ(plan.remove[0].key.name, "old");
}

TEST_F(RepositoryDecideTest, AChangedSpecNeverDeletesAProbeThatRuns) {
  world_.repository.metadata.generation = 2;
  world_.probes = {ProbeBuilder("old", 1)};
  const Plan plan = Decide();
  EXPECT_FALSE(plan.start);
  EXPECT_THAT(plan.remove, IsEmpty());
}

TEST_F(RepositoryDecideTest, AReplacedRepositoryIsLeftAloneUntilSomebodyDecides) {
  MakeHealthy();
  world_.now = kNow + 600s;
  world_.probes = {ProbeBuilder("second").Created(kNow + 599s).Opened(kOtherId)};
  const Plan plan = Decide();
  EXPECT_EQ(plan.status.id, kId);
  EXPECT_EQ(Condition(plan, crds::kReady).status, ConditionStatus::kFalse);
  const crds::Condition& stalled = Condition(plan, crds::kStalled);
  EXPECT_EQ(stalled.reason, reason::kRepositoryReplaced);
  EXPECT_THAT(stalled.message,
              HasSubstr("has the id bbbbbbbb, but the one that was here had aaaaaaaa: somebody "
                        "replaced it, and nothing is written to it."));
  EXPECT_THAT(stalled.message, HasSubstr("delete this BackupRepository and create it again"));
}

TEST_F(RepositoryDecideTest, AnotherPlaceHasAnotherId) {
  MakeHealthy();
  world_.repository.metadata.generation = 2;
  world_.repository.spec.s3->bucket = "elsewhere";
  const Plan plan = Decide();
  EXPECT_EQ(plan.status.id, "");
  EXPECT_FALSE(plan.status.snapshots);
  EXPECT_EQ(plan.status.location, "s3:https://s3.example.com/elsewhere");
  EXPECT_TRUE(plan.start->create);
}

TEST_F(RepositoryDecideTest, AMissingSecretIsNamedWhileTheKubeletWaitsForIt) {
  MakeHealthy();
  world_.probes = {ProbeBuilder("second").Waiting(
      reason::kPodMisconfigured, "pod p cannot start: secret \"password\" not found")};
  const Plan plan = Decide();
  EXPECT_EQ(Condition(plan, crds::kReady).status, ConditionStatus::kFalse);
  EXPECT_EQ(Condition(plan, crds::kStalled).message,
            "Pod p cannot start: secret \"password\" not found. The probe goes on by itself once "
            "that is put right.");
  EXPECT_FALSE(plan.start);
}

TEST_F(RepositoryDecideTest, AFullClusterDoesNotMakeAHealthyRepositoryUnready) {
  MakeHealthy();
  world_.probes = {ProbeBuilder("second").Waiting(reason::kUnschedulable, "no node")};
  const Plan plan = Decide();
  EXPECT_EQ(Condition(plan, crds::kReady).status, ConditionStatus::kTrue);
  EXPECT_EQ(Condition(plan, crds::kReconciling).reason, reason::kUnschedulable);
}

TEST_F(RepositoryDecideTest, AFullClusterIsWhyANewOneIsNotReady) {
  world_.probes = {ProbeBuilder("first").Waiting(reason::kImageUnavailable, "cannot pull")};
  const Plan plan = Decide();
  EXPECT_EQ(Condition(plan, crds::kReady).reason, reason::kImageUnavailable);
  EXPECT_FALSE(crds::IsTrue(plan.status.conditions, crds::kStalled));
}

TEST_F(RepositoryDecideTest, TheDeadlineOfAWaitingProbeDoesNotHideWhyItWaited) {
  world_.probes = {ProbeBuilder("first").Waiting(reason::kPodMisconfigured, "no such Secret")};
  DecideAndRecord();
  world_.probes = {ProbeBuilder("first").Silent(reason::kDeadlineExceeded, "stopped")};
  EXPECT_EQ(Condition(Decide(), crds::kReady).reason, reason::kPodMisconfigured);
}

TEST_F(RepositoryDecideTest, OnlyTheThirdSilentProbeSpeaksAgainstAHealthyRepository) {
  MakeHealthy();
  for (int attempt = 0; attempt < 3; ++attempt) {
    world_.now += 600s;
    world_.probes = {ProbeBuilder("silent-" + std::to_string(attempt), 1, attempt)
                         .Created(world_.now)
                         .Silent(reason::kNoResult, "its node failed")};
    const Plan plan = DecideAndRecord();
    EXPECT_EQ(crds::IsTrue(plan.status.conditions, crds::kReady), attempt < 2) << attempt;
    EXPECT_EQ(plan.requeue, RequeueAt(world_.now + ProbeBackoff(attempt + 1, settings_)));
  }
}

TEST_F(RepositoryDecideTest, LocksOfTheDeadAreRemovedAtOnceAndOthersShown) {
  world_.probes = {ProbeBuilder("first").Opened(kId, {"prod/shop/gone", "staging/shop/other"})};
  world_.dead_holders = {"prod/shop/gone"};
  world_.locks_left_behind = true;
  Plan plan = DecideAndRecord();
  ASSERT_EQ(plan.status.locks.size(), 1u);
  EXPECT_EQ(plan.status.locks[0].holder, "staging/shop/other");
  EXPECT_FALSE(plan.start) << "the result is recorded first";
  plan = Decide();
  ASSERT_TRUE(plan.start);
  EXPECT_THAT(plan.start->dead_holders, ElementsAre("prod/shop/gone"));
}

TEST_F(RepositoryDecideTest, ARemovalThatDoesNotHelpIsNoBusyLoop) {
  ProbeBuilder removing("second");
  removing.Opened(kId, {"prod/shop/gone"});
  removing.probe.job.labels[kRemovesLocksLabel] = "true";
  world_.probes = {removing};
  world_.dead_holders = {"prod/shop/gone"};
  world_.locks_left_behind = true;
  EXPECT_EQ(DecideAndRecord().requeue, RequeueAt(kNow + 300s));
  EXPECT_FALSE(Decide().start);
}

TEST_F(RepositoryDecideTest, LocksThatWereReleasedWaitForTheNextRegularProbe) {
  MakeHealthy();
  world_.dead_holders = {"prod/shop/done"};
  EXPECT_FALSE(Decide().start);
}

TEST_F(RepositoryDecideTest, ASpecWithoutAPlaceIsRefused) {
  world_.repository.spec.s3.reset();
  const Plan plan = Decide();
  EXPECT_FALSE(plan.start);
  EXPECT_EQ(Condition(plan, crds::kReady).status, ConditionStatus::kFalse);
  EXPECT_EQ(Condition(plan, crds::kStalled).reason, reason::kNotSupported);
  EXPECT_EQ(plan.requeue, AwaitChange());
}

TEST_F(RepositoryDecideTest, OneThatIsToCutLikeAnotherWaitsForIt) {
  world_.repository.spec.chunker_from = "first";
  EXPECT_FALSE(Decide().start);
  EXPECT_EQ(Condition(Decide(), crds::kStalled).reason, reason::kRepositoryNotFound);
  world_.chunker_from = Repository();
  EXPECT_FALSE(Decide().start);
  EXPECT_EQ(Condition(Decide(), crds::kReconciling).reason, reason::kRepositoryNotReady);
  world_.chunker_from->status.id = kOtherId;
  const Plan plan = Decide();
  ASSERT_TRUE(plan.start);
  EXPECT_TRUE(plan.start->create);
  const Json job =
      BuildProbeJob(world_.repository, &*world_.chunker_from, *plan.start, settings_).value();
  const std::vector<std::string> args = job["spec"]["template"]["spec"]["containers"][0]["args"];
  EXPECT_THAT(args, ::testing::Contains("--copy-chunker-params"));
}

TEST_F(RepositoryDecideTest, AFolderIsToldByWhatIsMounted) {
  world_.repository.spec.s3.reset();
  world_.repository.spec.filesystem.emplace().claim_name = "backups";
  const Plan plan = Decide();
  ASSERT_TRUE(plan.start);
  EXPECT_EQ(plan.status.location, "claim:backups");
}

TEST_F(RepositoryDecideTest, AScheduleThatNeverComesIsToldWhileBackupsWork) {
  world_.repository.spec.prune.emplace().schedule = "0 0 30 2 *";
  world_.probes = {ProbeBuilder("first").Opened(kId)};
  const Plan plan = DecideAndRecord();
  EXPECT_EQ(Condition(plan, crds::kReady).status, ConditionStatus::kTrue);
  EXPECT_EQ(Condition(plan, crds::kStalled).reason, reason::kInvalidSchedule);
  EXPECT_THAT(Condition(plan, crds::kStalled).message, HasSubstr("spec.prune.schedule"));
  EXPECT_EQ(Decide().status, plan.status);
}

TEST_F(RepositoryDecideTest, TheProbeJobSaysWhatItIsAbout) {
  const ProbeStart start{"offsite-probe-1", 2, true, {"prod/shop/gone"}};
  const Json job = BuildProbeJob(world_.repository, nullptr, start, settings_).value();
  const Json& labels = job["metadata"]["labels"];
  EXPECT_EQ(labels["holdfast.dev/verb"], "probe");
  EXPECT_EQ(labels[kGenerationLabel], "1");
  EXPECT_EQ(labels[kAttemptLabel], "2");
  EXPECT_EQ(labels[kRemovesLocksLabel], "true");
  EXPECT_EQ(job["spec"]["backoffLimit"], 0);
  EXPECT_EQ(FindString(job["metadata"]["ownerReferences"][0], {"uid"}), "uid-1");
  EXPECT_THAT(
      job["spec"]["template"]["spec"]["containers"][0]["args"].get<std::vector<std::string>>(),
      ::testing::IsSupersetOf({"init", "--if-missing", "--dead-holder=prod/shop/gone"}));
}

TEST_F(RepositoryDecideTest, TellsHowLongItsQueueIs) {
  MakeHealthy();
  world_.waiting = 7;
  EXPECT_EQ(DecideAndRecord().status.waiting, 7);
  world_.waiting = 0;
  EXPECT_EQ(Decide().status.waiting, 0);
}

TEST_F(RepositoryDecideTest, DoesNotTellEveryStepOfAQueueThatMoves) {
  MakeHealthy();
  world_.repository.status.waiting = 7;
  world_.waiting = 6;
  world_.waiting_told = kNow - kTellPeriod + 1s;
  const Plan plan = Decide();
  EXPECT_EQ(plan.status.waiting, 7);
  EXPECT_EQ(plan.requeue, RequeueAt(kNow + 1s));
  world_.now += 1s;
  EXPECT_EQ(Decide().status.waiting, 6);
}

}  // namespace
}  // namespace holdfast::controllers::repository
