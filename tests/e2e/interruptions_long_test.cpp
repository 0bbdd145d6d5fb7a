// A restore in place whose movers die, whose store is away for a minute, whose volume is full: it
// carries on, or says what is missing. These take their time: data enough to be in the middle of,
// and the pauses that Kubernetes makes between attempts.
#include "tests/e2e/interruption_scene.h"
#include "tests/e2e/outages.h"

namespace holdfast::e2e {
namespace {

using std::chrono::seconds;

class InterruptionsLongTest : public InterruptionScene {
 protected:
  void ExpectDown() const {
    EXPECT_EQ(Replicas(), 0) << "no pod runs on a volume that is half written";
  }
};

TEST_F(InterruptionsLongTest, MoversDieAndTheStoreIsAway) {
  ASSERT_NO_FATAL_FAILURE(MakeLostApp(64));
  Restore("back");
  const std::string first = AwaitMover("back", 1);
  ASSERT_NO_FATAL_FAILURE(KillProcess("holdfast-mover", first));
  const std::string second = AwaitMover("back", 2);
  ASSERT_NE(second, first);
  kubectl_.Must({"delete", "pod", second, "--wait=false"});
  ASSERT_TRUE(WaitUntil("another mover writes", seconds(120), [&] {
    const std::string pod = AwaitMover("back", 2);
    return !pod.empty() && pod != second;
  }));
  const std::string third = AwaitMover("back", 2);
  ExpectDown();
  {
    const StoreAway away;
    ASSERT_TRUE(WaitUntil("the mover finds the store away", seconds(60), [&] {
      return kubectl_.Run({"logs", third}).text.find("trying again") != std::string::npos;
    }));
    away.LastAMinute([this] {
      ExpectDown();
      EXPECT_EQ(FindString(kubectl_.Get("rst", "back"), {"status", "phase"}), "Restoring");
    });
  }
  ASSERT_TRUE(WaitForPhase("rst", "back", "Succeeded", seconds(420)));
  ExpectGood();
}

// Before a mover has opened the repository; and once all is written, when nobody asks for it.
TEST_F(InterruptionsLongTest, TheStoreIsAwayBeforeAndAfter) {
  ASSERT_NO_FATAL_FAILURE(MakeLostApp(4));
  {
    const StoreAway away;
    Restore("back",
            "  hooks: {post: [{command: [sh, -c, 'until [ -e /dev/shm/go ]; do sleep 0.2; "
            "done'], timeout: 10m}]}\n");
    away.LastAMinute([this] {
      EXPECT_EQ(Find(kubectl_.Get("rst", "back"), {"status", "completionTime"}), nullptr);
    });
  }
  ASSERT_TRUE(WaitUntil("its post hook runs", seconds(420), [this] {
    return FindString(Step("back", "PostHooks"), {"state"}) == "Running";
  }));
  const StoreAway away;
  kubectl_.Shell("app-0", "touch /dev/shm/go");
  ASSERT_TRUE(WaitForPhase("rst", "back", "Succeeded", seconds(90)));
  ExpectGood();
}

// A claim that is smaller than the data; then one that is not.
TEST_F(InterruptionsLongTest, TheVolumeIsFull) {
  ASSERT_NO_FATAL_FAILURE(MakeLostApp(24));
  const std::string node = FindString(kubectl_.Get("pod", "app-0"), {"spec", "nodeName"});
  kubectl_.Must({"scale", "statefulset/app", "--replicas=0"});
  kubectl_.Must({"delete", "pvc", "data-app-0", "--timeout=60s"});
  const SmallClaim small(kubectl_, "data-app-0", node, 16);
  kubectl_.Must({"scale", "statefulset/app", "--replicas=1"});
  kubectl_.Must({"rollout", "status", "statefulset/app", "--timeout=120s"});

  Restore("too-large", "  retries: 0\n");
  ASSERT_TRUE(WaitForPhase("rst", "too-large", "Failed", seconds(120)));
  // A hard link counts like the file.
  const std::string message = ConditionMessage("rst", "too-large", "Ready");
  for (const char* part : {"Claim data-app-0 failed: ", "the volume has 16.0 MiB",
                           "48.0 MiB are restored to it", "StatefulSet app stays at 0 replicas"})
    EXPECT_NE(message.find(part), std::string::npos) << message;
  ExpectDown();

  // The pod of the failed mover, kept for its log, keeps the claim.
  kubectl_.Must({"delete", "jobs", "-l", "holdfast.dev/restore=too-large", "--timeout=60s"});
  small.Remove();
  Restore("again");
  ASSERT_TRUE(WaitForPhase("rst", "again", "Succeeded", seconds(180)));
  EXPECT_EQ(Replicas(), 1) << "the size from before the first";
  EXPECT_FALSE(Step("again", "CreateClaims").is_null());
  ExpectGood();
}

}  // namespace
}  // namespace holdfast::e2e
