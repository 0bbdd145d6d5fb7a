// Hooks around a run, told as stories: what Decide plans is stored and done, as the controller
// would; then something happens, and it decides again.
#include <algorithm>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "controllers/backup/decide.h"
#include "controllers/backup/freeze.h"
#include "controllers/reasons.h"
#include "tests/builders/backup_run.h"

namespace holdfast::controllers::backup {
namespace {

using namespace builders;  // NOLINT(google-build-using-namespace): they are the test's language
using crds::BackupPhase;
using crds::HookStage;
using crds::OnError;
using crds::RunState;
using std::chrono::minutes;
using std::chrono::seconds;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;

crds::Hook Runs(const std::string& program) {
  crds::Hook hook;
  hook.command = {program};
  return hook;
}

class BackupHooksTest : public BackupRunTest {
 protected:
  BackupHooksTest() {
    policy_.spec.hooks.pre = {Runs("lock")};
    policy_.spec.hooks.post = {Runs("unlock")};
    world_.allowed.hooks = true;
  }

  // One look: what is planned becomes the truth.
  Plan Look() {
    world_.now += seconds(1);
    Plan plan = Decide(world_, Settings{});
    world_.backup.status = plan.status;
    for (const std::size_t i : plan.hooks.start) {
      world_.hook_news.running.insert(i);
      began_.push_back(NameOf(i));
    }
    for (const hooks::Outcome& outcome : plan.hooks.stored)
      std::erase_if(world_.hook_news.ended, [&](const auto& o) { return o.run == outcome.run; });
    for (const std::string& claim : plan.start) {
      began_.push_back("copy " + claim);
      VolumeWorld& seen = Seen(claim);
      seen.job.emplace();
      seen.job->key = {"shop", "run-" + claim};
      seen.mover.phase = MoverPhase::kRunning;
    }
    for (const JobView& job : plan.stop) stopped_.push_back(job.key.name);
    if (world_.volumes.size() != plan.status.volumes.size())
      for (const auto& volume : plan.status.volumes)
        world_.volumes.emplace_back().claim = volume.claim;
    return plan;
  }

  std::string NameOf(std::size_t i) const {
    const crds::HookRun& run = Status().hooks.runs[i];
    return hooks::HookOf(Status().hooks, run).command[0] + " " + run.pod;
  }
  VolumeWorld& Seen(const std::string& claim) {
    return *std::ranges::find(world_.volumes, claim, &VolumeWorld::claim);
  }
  const crds::BackupStatus& Status() const { return world_.backup.status; }
  std::string Reason() const {
    return crds::FindCondition(Status().conditions, crds::kReady)->reason;
  }
  std::vector<std::string> Began() { return std::exchange(began_, {}); }
  // The state of the run, and of the volumes, by name.
  RunState StateOf(const std::string& name) const {
    for (std::size_t i = 0; i < Status().hooks.runs.size(); ++i)
      if (NameOf(i) == name) return Status().hooks.runs[i].state;
    ADD_FAILURE() << "no run " << name;
    return {};
  }
  const crds::VolumeBackup& Volume(const std::string& claim) const {
    return *std::ranges::find(Status().volumes, claim, &crds::VolumeBackup::claim);
  }

  // A running hook ends; the Runner tells.
  void Ends(const std::string& name, Result<int> exit_code,
            const std::string& container_id = "c1") {
    for (const std::size_t i : std::set(world_.hook_news.running)) {
      if (NameOf(i) != name) continue;
      world_.hook_news.running.erase(i);
      world_.hook_news.ended.push_back(
          {i, "app", container_id, exit_code, "out", "err", world_.now});
      return;
    }
    ADD_FAILURE() << name << " does not run";
  }
  void IsCopied(const std::string& claim) {
    protocol::MoverResult result;
    result.snapshot = std::string(64, 'a');
    Seen(claim).mover.phase = MoverPhase::kSucceeded;
    Seen(claim).mover.result = result;
    Seen(claim).job->complete = true;
  }
  // The process dies: nothing is known of what ran.
  void OperatorIsReplaced() { world_.hook_news = {}; }

  // Up to the moment when all pods are frozen and the movers run.
  void Freeze() {
    Look();  // volumes
    Look();  // hooks are written down
    Look();
    ASSERT_THAT(Began(), ElementsAre("lock db-0", "lock db-1"));
    Ends("lock db-0", 0);
    Ends("lock db-1", 0);
    Look();
    ASSERT_THAT(Began(), ElementsAre("copy data-db-0", "copy data-db-1"));
  }

  std::vector<std::string> began_;
  std::vector<std::string> stopped_;
};

TEST_F(BackupHooksTest, AllIsWrittenDownBeforeAnythingIsStarted) {
  Look();
  const Plan plan = Look();
  EXPECT_THAT(plan.hooks.start, IsEmpty());
  EXPECT_THAT(plan.start, IsEmpty());
  ASSERT_EQ(Status().hooks.runs.size(), 4u);
  EXPECT_EQ(Status().hooks.post[0].command, policy_.spec.hooks.post[0].command);
  EXPECT_TRUE(OwesThaw(Status())) << "the finalizer goes on before the first hook";
  EXPECT_EQ(plan.requeue, RequeueAt(world_.now));
}

TEST_F(BackupHooksTest, AllPodsAreFrozenBeforeTheFirstVolumeIsRead) {
  Look();
  Look();
  Look();
  EXPECT_THAT(Began(), ElementsAre("lock db-0", "lock db-1"));
  EXPECT_EQ(Status().phase, BackupPhase::kRunning);
  EXPECT_EQ(Status().hooks.frozen_time, world_.now);
  EXPECT_EQ(Reason(), reason::kFreezing);
  Ends("lock db-0", 0);
  Look();
  EXPECT_THAT(Began(), IsEmpty()) << "db-1 is not frozen yet";
  Ends("lock db-1", 0);
  Look();
  EXPECT_THAT(Began(), ElementsAre("copy data-db-0", "copy data-db-1"));
}

TEST_F(BackupHooksTest, EachPodIsThawedOnceItsOwnVolumesAreCopied) {
  ASSERT_NO_FATAL_FAILURE(Freeze());
  Look();
  EXPECT_THAT(Began(), IsEmpty());
  IsCopied("data-db-1");
  Look();
  EXPECT_THAT(Began(), ElementsAre("unlock db-1"));
  IsCopied("data-db-0");
  Look();
  EXPECT_THAT(Began(), ElementsAre("unlock db-0"));
  EXPECT_EQ(Reason(), reason::kThawing);
  EXPECT_EQ(Status().phase, BackupPhase::kRunning) << "not over while something may be frozen";
  Ends("unlock db-0", 0);
  Ends("unlock db-1", 0);
  const Plan plan = Look();
  EXPECT_EQ(Status().phase, BackupPhase::kSucceeded);
  EXPECT_EQ(Status().hooks.thawed_time, world_.now);
  EXPECT_FALSE(OwesThaw(Status()));
  EXPECT_EQ(plan.hooks.ended.size(), 2u);
}

TEST_F(BackupHooksTest, HooksOfOnePodRunOneAfterTheOther) {
  stateful_set_ = StatefulSetOf(1);
  policy_.spec.hooks.pre = {Runs("flush"), Runs("lock")};
  policy_.spec.hooks.post = {Runs("unlock"), Runs("tell")};
  Look();
  Look();
  Look();
  EXPECT_THAT(Began(), ElementsAre("flush db-0"));
  Ends("flush db-0", 0);
  Look();
  EXPECT_THAT(Began(), ElementsAre("lock db-0"));
  Ends("lock db-0", 0);
  Look();
  IsCopied("data-db-0");
  Began();
  Look();
  EXPECT_THAT(Began(), ElementsAre("unlock db-0"));
  Ends("unlock db-0", 3);
  Look();
  EXPECT_THAT(Began(), ElementsAre("tell db-0")) << "a post hook that fails keeps none from it";
}

TEST_F(BackupHooksTest, AFailedPreHookCostsThePodsVolumesAndThawsThePodAtOnce) {
  Look();
  Look();
  Look();
  Began();
  Ends("lock db-0", 7);
  Look();
  EXPECT_EQ(Volume("data-db-0").state, RunState::kFailed);
  EXPECT_EQ(Volume("data-db-0").message,
            "pre hook 0 (lock) in pod db-0 failed: it ended with exit code 7");
  EXPECT_THAT(Began(), ElementsAre("unlock db-0"));
  Ends("lock db-1", 0);
  Look();
  EXPECT_THAT(Began(), ElementsAre("copy data-db-1")) << "the other pod goes on";
  IsCopied("data-db-1");
  Ends("unlock db-0", 0);
  Look();
  Ends("unlock db-1", 0);
  Look();
  EXPECT_EQ(Status().phase, BackupPhase::kPartiallyFailed);
}

TEST_F(BackupHooksTest, AFailedPreHookThatMayFailIsOnlyNoted) {
  policy_.spec.hooks.pre[0].on_error = OnError::kContinue;
  Look();
  Look();
  Look();
  Began();
  Ends("lock db-0", Fail(Code::kTimeout, "it had not ended after 30s"));
  Ends("lock db-1", 0);
  Look();
  EXPECT_THAT(Began(), ElementsAre("copy data-db-0", "copy data-db-1"));
  EXPECT_EQ(StateOf("lock db-0"), RunState::kFailed);
  EXPECT_EQ(Status().hooks.runs[0].exit_code, std::nullopt);
}

TEST_F(BackupHooksTest, LaterPreHooksOfABrokenPodAreSkipped) {
  stateful_set_ = StatefulSetOf(1);
  policy_.spec.hooks.pre = {Runs("flush"), Runs("lock")};
  Look();
  Look();
  Look();
  Began();
  Ends("flush db-0", 1);
  Look();
  EXPECT_EQ(StateOf("lock db-0"), RunState::kSkipped);
  EXPECT_THAT(Began(), ElementsAre("unlock db-0")) << "flush may have left something";
}

TEST_F(BackupHooksTest, AFailedPostHookCostsTheVolume) {
  ASSERT_NO_FATAL_FAILURE(Freeze());
  IsCopied("data-db-0");
  IsCopied("data-db-1");
  Look();
  Ends("unlock db-0", 1);
  Ends("unlock db-1", 0);
  Look();
  EXPECT_EQ(Status().phase, BackupPhase::kPartiallyFailed);
  EXPECT_EQ(Volume("data-db-0").state, RunState::kFailed);
  EXPECT_EQ(Volume("data-db-0").snapshot, std::string(64, 'a')) << "kept apart";
}

TEST_F(BackupHooksTest, PostHooksRunAfterAFailedCopyToo) {
  ASSERT_NO_FATAL_FAILURE(Freeze());
  for (const char* claim : {"data-db-0", "data-db-1"}) {
    Seen(claim).mover.phase = MoverPhase::kFailed;
    Seen(claim).mover.message = "the store is full";
  }
  Look();
  EXPECT_THAT(Began(), ElementsAre("unlock db-0", "unlock db-1"));
  Ends("unlock db-0", 0);
  Ends("unlock db-1", 0);
  Look();
  EXPECT_EQ(Status().phase, BackupPhase::kFailed);
}

TEST_F(BackupHooksTest, ALostPreHookIsNotRunAgain) {
  Look();
  Look();
  Look();
  Began();
  OperatorIsReplaced();
  Look();
  EXPECT_THAT(Began(), ElementsAre("unlock db-0", "unlock db-1"));
  EXPECT_EQ(StateOf("lock db-0"), RunState::kFailed);
  EXPECT_THAT(Volume("data-db-0").message, HasSubstr("is not known"));
}

TEST_F(BackupHooksTest, ALostPostHookIsRunAgain) {
  ASSERT_NO_FATAL_FAILURE(Freeze());
  IsCopied("data-db-0");
  IsCopied("data-db-1");
  Look();
  Began();
  OperatorIsReplaced();
  Look();
  EXPECT_THAT(Began(), ElementsAre("unlock db-0", "unlock db-1"));
  EXPECT_EQ(Status().hooks.runs[1].attempts, 2);
}

TEST_F(BackupHooksTest, AReplacedOperatorThawsWhatTheOldOneFroze) {
  ASSERT_NO_FATAL_FAILURE(Freeze());
  OperatorIsReplaced();
  world_.policy = nullptr;  // and the policy is gone too
  IsCopied("data-db-0");
  IsCopied("data-db-1");
  Look();
  EXPECT_THAT(Began(), ElementsAre("unlock db-0", "unlock db-1"));
}

TEST_F(BackupHooksTest, APostHookThatCouldNotBeRunIsTriedAgainForAWhile) {
  ASSERT_NO_FATAL_FAILURE(Freeze());
  IsCopied("data-db-0");
  IsCopied("data-db-1");
  Look();
  Ends("unlock db-1", 0);
  Began();
  const TimePoint first = world_.now;
  int attempts = 1;
  while (StateOf("unlock db-0") != RunState::kFailed) {
    ASSERT_LT(attempts, 100);
    Ends("unlock db-0", Fail(Code::kUnavailable, "no connection"));
    Plan plan = Look();
    if (StateOf("unlock db-0") == RunState::kFailed) break;
    ASSERT_THAT(Began(), IsEmpty()) << "not at once";
    ASSERT_TRUE(plan.requeue.at);
    world_.now += minutes(2);
    Look();
    ASSERT_THAT(Began(), ElementsAre("unlock db-0"));
    ++attempts;
  }
  EXPECT_GE(world_.now - first, hooks::kPatience);
  EXPECT_GT(attempts, 5);
  EXPECT_EQ(Volume("data-db-0").state, RunState::kFailed);
  EXPECT_EQ(Status().phase, BackupPhase::kPartiallyFailed);
}

TEST_F(BackupHooksTest, BeyondTheDeadlineEverythingIsLetGoAndTheCopyFails) {
  ASSERT_NO_FATAL_FAILURE(Freeze());
  IsCopied("data-db-1");
  Plan plan = Look();
  EXPECT_THAT(Began(), ElementsAre("unlock db-1"));
  Ends("unlock db-1", 0);
  plan = Look();
  EXPECT_LE(*plan.requeue.at, *hooks::ThawTime(Status().hooks));
  world_.now = *hooks::ThawTime(Status().hooks);
  plan = Look();
  EXPECT_THAT(Began(), ElementsAre("unlock db-0"));
  EXPECT_THAT(stopped_, ElementsAre("run-data-db-0")) << "its mover must not go on reading";
  EXPECT_EQ(Volume("data-db-0").state, RunState::kFailed);
  EXPECT_THAT(Volume("data-db-0").message, HasSubstr("spec.hooks.deadline"));
  EXPECT_EQ(Volume("data-db-1").state, RunState::kSucceeded) << "copied in time";
  EXPECT_THAT(plan.hooks.expired, HasSubstr("held for 10m"));
  Ends("unlock db-0", 0);
  plan = Look();
  EXPECT_EQ(plan.hooks.expired, "");
  EXPECT_EQ(Status().phase, BackupPhase::kPartiallyFailed);
}

TEST_F(BackupHooksTest, BeyondTheDeadlineTheCopyMayGoOn) {
  policy_.spec.hooks.on_deadline = OnError::kContinue;
  ASSERT_NO_FATAL_FAILURE(Freeze());
  world_.now = *hooks::ThawTime(Status().hooks);
  Look();
  EXPECT_THAT(Began(), ElementsAre("unlock db-0", "unlock db-1"));
  EXPECT_THAT(stopped_, IsEmpty());
  Ends("unlock db-0", 0);
  Ends("unlock db-1", 0);
  Look();
  EXPECT_EQ(Status().phase, BackupPhase::kRunning);
  IsCopied("data-db-0");
  IsCopied("data-db-1");
  Look();
  EXPECT_EQ(Status().phase, BackupPhase::kSucceeded);
}

TEST_F(BackupHooksTest, BeyondTheDeadlineNoPreHookBegins) {
  stateful_set_ = StatefulSetOf(1);
  policy_.spec.hooks.pre = {Runs("flush"), Runs("lock")};
  Look();
  Look();
  Look();
  Began();
  world_.now = *hooks::ThawTime(Status().hooks);
  Look();
  EXPECT_THAT(Began(), IsEmpty()) << "flush still runs; unlock before it ends could come too early";
  Ends("flush db-0", 0);
  Look();
  EXPECT_EQ(StateOf("lock db-0"), RunState::kSkipped);
  EXPECT_THAT(Began(), ElementsAre("unlock db-0"));
}

TEST_F(BackupHooksTest, APodThatWasStartedAnewWasNotHeld) {
  ASSERT_NO_FATAL_FAILURE(Freeze());
  IsCopied("data-db-0");
  IsCopied("data-db-1");
  Look();
  Ends("unlock db-0", 0, "c2");
  Ends("unlock db-1", 0);
  Look();
  EXPECT_EQ(Volume("data-db-0").state, RunState::kFailed);
  EXPECT_THAT(Volume("data-db-0").message, HasSubstr("was started anew"));
  EXPECT_EQ(Volume("data-db-1").state, RunState::kSucceeded);
}

TEST_F(BackupHooksTest, NothingIsFrozenWhileItsMoversWouldWait) {
  repository_ = RepositoryNamed("offsite").WithSlots(2).Build();
  world_.free_slots = 1;
  Look();
  Look();
  Look();
  EXPECT_THAT(Began(), IsEmpty());
  EXPECT_EQ(Reason(), reason::kWaitingForSlot);
  world_.pruning = "prune";
  Look();
  EXPECT_EQ(Reason(), reason::kWaitingForPrune);
  world_.pruning.clear();
  world_.free_slots = 2;
  Look();
  EXPECT_THAT(Began(), ElementsAre("lock db-0", "lock db-1"));
}

TEST_F(BackupHooksTest, AScaledDownSetNeedsNoHooks) {
  stateful_set_ = StatefulSetOf(0);
  world_.claims = {"data-db-0"};
  Look();
  Look();
  EXPECT_THAT(Began(), ElementsAre("copy data-db-0"));
  EXPECT_THAT(Status().hooks.runs, IsEmpty());
}

TEST_F(BackupHooksTest, PostHooksAloneRunAfterTheCopy) {
  policy_.spec.hooks.pre.clear();
  Look();
  Look();
  Look();
  EXPECT_THAT(Began(), ElementsAre("copy data-db-0", "copy data-db-1"));
  IsCopied("data-db-0");
  Look();
  EXPECT_THAT(Began(), ElementsAre("unlock db-0"));
}

TEST_F(BackupHooksTest, PreHooksAloneEndTheHoldByThemselves) {
  policy_.spec.hooks.post.clear();
  Look();
  Look();
  Look();
  Ends("lock db-0", 0);
  Ends("lock db-1", 0);
  Began();
  Look();
  EXPECT_THAT(Began(), ElementsAre("copy data-db-0", "copy data-db-1"));
  EXPECT_FALSE(OwesThaw(Status()));
}

TEST_F(BackupHooksTest, APolicyThatChangesBeforeTheStartIsTakenAnew) {
  Look();
  Look();
  policy_.spec.hooks.post[0].command = {"release"};
  const Plan plan = Look();
  EXPECT_THAT(plan.hooks.start, IsEmpty());
  EXPECT_EQ(Status().hooks.post[0].command[0], "release");
  Look();
  Began();
  policy_.spec.hooks.post[0].command = {"too late"};
  Look();
  EXPECT_EQ(Status().hooks.post[0].command[0], "release");
}

TEST_F(BackupHooksTest, MoreRunsThanAnObjectHoldsAreRefused) {
  stateful_set_ = StatefulSetOf(300);
  Look();
  const Plan plan = Look();
  EXPECT_THAT(plan.hooks.start, IsEmpty());
  EXPECT_TRUE(crds::IsTrue(Status().conditions, crds::kStalled));
  EXPECT_THAT(crds::FindCondition(Status().conditions, crds::kReady)->message,
              HasSubstr("600 runs"));
}

TEST_F(BackupHooksTest, ADeletedBackupIsThawed) {
  ASSERT_NO_FATAL_FAILURE(Freeze());
  HookPlan plan;
  crds::BackupStatus status = Status();
  EXPECT_FALSE(Abandon(world_.backup, world_.hook_news, world_.now, plan, status));
  EXPECT_EQ(plan.start.size(), 2u);
  world_.backup.status = status;
  world_.hook_news.running = {plan.start.begin(), plan.start.end()};
  Ends("unlock db-0", 0);
  Ends("unlock db-1", Fail(Code::kNotFound, "pods \"db-1\" not found"));
  plan = {};
  EXPECT_TRUE(Abandon(world_.backup, world_.hook_news, world_.now, plan, status));
}

TEST_F(BackupHooksTest, ADeletedBackupWaitsForItsPreHookBeforeItThaws) {
  stateful_set_ = StatefulSetOf(1);
  policy_.spec.hooks.pre = {Runs("flush"), Runs("lock")};
  Look();
  Look();
  Look();
  HookPlan plan;
  crds::BackupStatus status = Status();
  EXPECT_FALSE(Abandon(world_.backup, world_.hook_news, world_.now, plan, status));
  EXPECT_THAT(plan.start, IsEmpty());
  Ends("flush db-0", 0);
  EXPECT_FALSE(Abandon(world_.backup, world_.hook_news, world_.now, plan, status));
  ASSERT_THAT(plan.start, ElementsAre(2u)) << "unlock; lock is skipped";
  EXPECT_EQ(status.hooks.runs[1].state, RunState::kSkipped);
}

TEST_F(BackupHooksTest, ABackupThatIsDeletedBeforeItBeganOwesNothing) {
  Look();
  Look();
  HookPlan plan;
  crds::BackupStatus status = Status();
  EXPECT_TRUE(Abandon(world_.backup, {}, world_.now, plan, status));
  EXPECT_THAT(plan.start, IsEmpty());
}

// An object has to stay below etcd's 1.5 MiB whatever commands say.
TEST(HookRunsTest, TheMostRunsWithTheLongestTailsFitIntoAnObject) {
  crds::FreezeHooks hooks;
  hooks.pre = {Runs("lock")};
  hooks.post = {Runs("unlock")};
  const crds::BackupHooks most =
      hooks::Resolve(hooks, std::vector<std::string>(hooks::kMostRuns / 2, "db"));
  EXPECT_EQ(most.runs.size(), hooks::kMostRuns);
  EXPECT_LE(2 * hooks::kMostRuns * hooks::TailLimit(most), 256u * 1024u);
  EXPECT_GE(hooks::TailLimit(most), 200u) << "still worth reading";
  EXPECT_EQ(hooks::TailLimit(hooks::Resolve(hooks, {"db-0"})), 2048u);
}

}  // namespace
}  // namespace holdfast::controllers::backup
