// A standby whose volume is full, whose store is away for a minute, whose movers and operator die
// while it is promoted: it is never run on what is half written, never calls that current, and
// comes to the same end. (A lost node: lost_node_test.cpp.)
#include "tests/e2e/follow_scene.h"
#include "tests/e2e/outages.h"

namespace holdfast::e2e {
namespace {

using std::chrono::seconds;

class FollowLongTest : public FollowScene {
 protected:
  // So slow that a child can be interrupted.
  static constexpr const char* kSlow = "{downloadPerSecond: 2Mi}";

  // Standby "copy", which holds Backup "first".
  void MakeStandby() {
    ASSERT_NO_FATAL_FAILURE(MakeProtectedApp(1, 4, kSlow));
    kubectl_.Apply(CopyYaml(0));
    ASSERT_TRUE(BackedUp("first"));
    kubectl_.Apply(FollowYaml("{statefulSet: copy}"));
    ASSERT_TRUE(AwaitHolds(kubectl_, "standby", "first"));
  }
  void Change(int megabytes) const {
    kubectl_.Shell("app-0", "dd if=/dev/urandom of=/data/big bs=1M count=" +
                                std::to_string(megabytes) + " 2>/dev/null");
  }
  void ExpectStartedAs(const std::string& backup) const {
    EXPECT_EQ(FindString(Follow(kubectl_, "standby"), {"backup"}), backup);
    kubectl_.Must({"rollout", "status", "statefulset/copy", "--timeout=120s"});
    EXPECT_EQ(DataDigest("copy-0"), DataDigest("app-0"));
  }
};

TEST_F(FollowLongTest, TheStoreIsAwayForAMinute) {
  ASSERT_NO_FATAL_FAILURE(MakeStandby());
  Change(24);
  ASSERT_TRUE(BackedUp("second"));
  const std::string child = AwaitWriting();
  {
    const StoreAway away;
    away.LastAMinute([this] { ExpectNotYet("second"); });
  }
  ASSERT_TRUE(AwaitHolds(kubectl_, "standby", "second"));
  EXPECT_EQ(FindString(kubectl_.Get("rst", child), {"status", "phase"}), "Succeeded");

  // At the promotion, which waits for the child that writes.
  Change(24);
  ASSERT_TRUE(BackedUp("third"));
  ASSERT_NE(AwaitWriting(), "");
  {
    const StoreAway away;
    Promote(kubectl_, "standby");
    away.LastAMinute([this] { ExpectNotYet("third"); });
  }
  ASSERT_TRUE(AwaitPromoted(kubectl_, "standby"));
  ExpectStartedAs("third");
}

TEST_F(FollowLongTest, EverybodyDiesWhileItIsPromoted) {
  ASSERT_NO_FATAL_FAILURE(MakeStandby());
  Change(24);
  ASSERT_TRUE(BackedUp("second"));
  const std::string child = AwaitWriting();
  Promote(kubectl_, "standby");
  const std::string first = RunningMover(child);
  ASSERT_NO_FATAL_FAILURE(KillProcess("holdfast-mover", first));
  ASSERT_TRUE(WaitUntil("another mover writes", seconds(120), [&] {
    ExpectNotYet("second");
    const std::string mover = RunningMover(child);
    return HasFailure() || (!mover.empty() && mover != first);
  }));
  ASSERT_NO_FATAL_FAILURE(KillOperator());
  ASSERT_TRUE(WaitUntil("it is promoted", seconds(300), [this] {
    return Find(Follow(kubectl_, "standby"), {"promotedTime"}) != nullptr;
  }));
  ASSERT_NO_FATAL_FAILURE(KillOperator());
  ASSERT_TRUE(AwaitPromoted(kubectl_, "standby"));
  WaitForOperator();
  ExpectStartedAs("second");
  EXPECT_EQ(Children().size(), 2u) << "one backup, one child";
}

TEST_F(FollowLongTest, FromAnotherNamespaceNewsComeOnceTheStoreIsBackAndNobodyStartsLateForIt) {
  ASSERT_NO_FATAL_FAILURE(MakeProtectedApp(1, 2));
  ASSERT_TRUE(BackedUp("first"));
  const Kubectl standby = MakeStandbyElsewhere();
  ASSERT_TRUE(AwaitHolds(standby, "standby", "first"));
  {
    const StoreAway away;
    away.LastAMinute([&] {
      EXPECT_EQ(FindString(Follow(standby, "standby"), {"backup"}), "first");
      EXPECT_EQ(FindInt(standby.Get("sts", "app"), {"spec", "replicas"}), 0);
    });
  }
  Change(2);
  const std::string content = DataDigest("app-0");
  ASSERT_TRUE(BackedUp("second"));
  ASSERT_TRUE(AwaitHolds(standby, "standby", "second"));

  const StoreAway away;
  Promote(standby, "standby");
  ASSERT_TRUE(AwaitPromoted(standby, "standby"));
  const std::string message = FindString(standby.Condition("rst", "standby", "Ready"), {"message"});
  EXPECT_NE(message.find("with Backup second"), message.npos) << message;
  EXPECT_NE(message.find("could not be searched for newer Backups"), message.npos) << message;
  kubectl_ = standby;
  kubectl_.Must({"rollout", "status", "statefulset/app", "--timeout=120s"});
  EXPECT_EQ(DataDigest("app-0"), content);
  kubectl_.Run({"delete", "namespace", standby.ns(), "--wait=false"});
}

TEST_F(FollowLongTest, ItsVolumeIsFull) {
  ASSERT_NO_FATAL_FAILURE(MakeProtectedApp(1, 4));
  kubectl_.Apply(CopyYaml(0));
  const std::string node = FindString(kubectl_.Get("pod", "app-0"), {"spec", "nodeName"});
  const SmallClaim small(kubectl_, "data-copy-0", node, 16);
  ASSERT_TRUE(BackedUp("first"));
  kubectl_.Apply(FollowYaml("{statefulSet: copy}"));
  ASSERT_TRUE(AwaitHolds(kubectl_, "standby", "first"));

  const auto expect_full = [this] {
    ASSERT_TRUE(WaitUntil("the child has failed for want of space", seconds(180), [this] {
      return FindString(kubectl_.Condition("rst", "standby", "Ready"), {"reason"}) == "NoSpace" &&
             ConditionMessage("rst", "standby", "Ready").find(" failed: ") != std::string::npos;
    }));
    // A hard link counts like the file.
    const std::string message = ConditionMessage("rst", "standby", "Ready");
    for (const char* part :
         {"Claim data-copy-0 failed: ", "the volume has 16.0 MiB", "48.0 MiB are restored to it",
          "StatefulSet copy stays at 0 replicas", "It is tried again at "})
      EXPECT_NE(message.find(part), message.npos) << message;
    EXPECT_EQ(message.find("kubectl scale"), message.npos) << "there is no size to go back to";
    const Json follow = Follow(kubectl_, "standby");
    EXPECT_EQ(Find(follow, {"backup"}), nullptr) << "what it held is half overwritten: " << follow;
    EXPECT_EQ(Find(follow, {"recoveryPoint"}), nullptr) << follow;
  };
  Change(24);
  ASSERT_TRUE(BackedUp("too-large"));
  ASSERT_NO_FATAL_FAILURE(expect_full());

  // The data gets smaller: the next backup is not made to wait for the one that failed.
  Change(3);
  ASSERT_TRUE(BackedUp("smaller"));
  ASSERT_TRUE(AwaitHolds(kubectl_, "standby", "smaller"));
  EXPECT_TRUE(WaitForReason("rst", "standby", "Ready", "True", "Following", seconds(30)));

  // It gets larger again, and is to be promoted as it is. Then the volume gets larger.
  Change(24);
  ASSERT_TRUE(BackedUp("large-again"));
  ASSERT_NO_FATAL_FAILURE(expect_full());
  Promote(kubectl_, "standby");
  ASSERT_TRUE(WaitUntil("the wish is seen", seconds(60), [this] {
    const Json restore = kubectl_.Get("rst", "standby");
    return FindInt(restore, {"status", "observedGeneration"}) ==
           FindInt(restore, {"metadata", "generation"});
  }));
  ExpectNotYet("large-again");
  // The pods of failed movers, kept for their logs, keep the claim.
  kubectl_.Must({"delete", "jobs", "-l", "holdfast.dev/verb=restore", "--timeout=60s"});
  small.Remove();
  ASSERT_TRUE(AwaitPromoted(kubectl_, "standby"));
  ExpectStartedAs("large-again");
}

}  // namespace
}  // namespace holdfast::e2e
