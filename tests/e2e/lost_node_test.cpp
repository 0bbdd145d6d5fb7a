// A node is cut off with the pod of a StatefulSet that is to be restored, or with the mover that
// writes for a restore in place, for a claim that comes up filled, for a standby. Nothing half
// written is run on; once somebody has said that the node is gone, another mover finishes on
// another node. Their storage is one that both nodes see.
#include "tests/e2e/follow_scene.h"
#include "tests/e2e/interruption_scene.h"
#include "tests/e2e/outages.h"
#include "tests/e2e/populator_scene.h"

namespace holdfast::e2e {
namespace {

using std::chrono::seconds;

// So slow that a node is lost before a mover is done.
constexpr const char* kSlow = "{downloadPerSecond: 2Mi}";

// With time to stop: without, the API server lets go of pods at once, wherever they are.
std::string OnSharedStorage(const std::string& stateful_set) {
  return Replaced(Replaced(stateful_set, "requests: {storage: 1Gi}}",
                           "requests: {storage: 64Mi}}, storageClassName: csi"),
                  "terminationGracePeriodSeconds: 0", "terminationGracePeriodSeconds: 1");
}

// The first volume of a Restore.
Json VolumeOf(const Json& restore) {
  const Json* volumes = Find(restore, {"status", "volumes"});
  return volumes == nullptr || volumes->empty() ? Json() : volumes->front();
}

// Once its mover writes. `find` gives the Restore, or null.
Json AwaitWritten(const std::function<Json()>& find) {
  Json volume;
  WaitUntil("a mover writes", seconds(120), [&] {
    volume = VolumeOf(find());
    return !FindString(volume, {"progress"}).empty();
  });
  return volume;
}

class LostNodeInPlaceTest : public InterruptionScene {
 protected:
  // StatefulSet "app" of one pod, and Backup "good" of it.
  void MakeApp() {
    MakeSecrets();
    kubectl_.Apply(OnSharedStorage(StatefulSetYaml(1)));
    kubectl_.Apply(RepositoryYaml(kSlow));
    kubectl_.Apply(PolicyYaml());
    kubectl_.Must({"rollout", "status", "statefulset/app", "--timeout=120s"});
    kubectl_.Shell("app-0", "dd if=/dev/urandom of=/data/big bs=1M count=32 2>/dev/null && sync");
    good_ = ContentDigest("app-0");
    kubectl_.Apply(BackupYaml("good"));
    ASSERT_TRUE(WaitForPhase("bk", "good", "Succeeded", seconds(120)));
    kubectl_.Shell("app-0", "rm -rf /data/*");
  }
  void ExpectRestoredOn(const std::string& node) const {
    EXPECT_EQ(FindString(VolumeOf(kubectl_.Get("rst", "back")), {"node"}), node);
    kubectl_.Must({"rollout", "status", "statefulset/app", "--timeout=120s"});
    EXPECT_EQ(ContentDigest("app-0"), good_);
  }

 private:
  std::string good_;
};

TEST_F(LostNodeInPlaceTest, AnotherMoverFinishesElsewhere) {
  LostNode node;
  ASSERT_NO_FATAL_FAILURE(MakeApp());
  Restore("back");
  const Json written = AwaitWritten([this] { return kubectl_.Get("rst", "back"); });
  ASSERT_NO_FATAL_FAILURE(node.Cut(FindString(written, {"node"})));
  EXPECT_EQ(Replicas(), 0);
  node.GiveUp();
  ASSERT_TRUE(WaitForPhase("rst", "back", "Succeeded", seconds(300)));
  EXPECT_NE(FindString(VolumeOf(kubectl_.Get("rst", "back")), {"pod"}),
            FindString(written, {"pod"}));
  ExpectRestoredOn(node.home());
}

TEST_F(LostNodeInPlaceTest, ThePodThatIsToStopIsNamedWithItsNode) {
  LostNode node;
  ASSERT_NO_FATAL_FAILURE(MakeApp());
  const std::string lost = FindString(kubectl_.Get("pod", "app-0"), {"spec", "nodeName"});
  ASSERT_NO_FATAL_FAILURE(node.Cut(lost));
  Restore("back");
  ASSERT_TRUE(WaitUntil("it says what lets go of the pod", seconds(240), [&] {
    const std::string message = ConditionMessage("rst", "back", "Ready");
    return message.find("until pod app-0 of StatefulSet app has stopped") != message.npos &&
           message.find("kubectl taint nodes " + lost) != message.npos;
  })) << ConditionMessage("rst", "back", "Ready");
  EXPECT_TRUE(VolumeOf(kubectl_.Get("rst", "back")).value("job", "").empty())
      << "that pod may still write";
  node.GiveUp();
  ASSERT_TRUE(WaitForPhase("rst", "back", "Succeeded", seconds(300)));
  ExpectRestoredOn(node.home());
}

using LostNodePopulatorTest = PopulatorScene;

TEST_F(LostNodePopulatorTest, AClaimIsFilledElsewhere) {
  LostNode node;
  ASSERT_NO_FATAL_FAILURE(MakeProtectedApp(1, 32, kSlow));
  const std::string before = ContentDigest("app-0");
  ASSERT_TRUE(BackedUp("first"));
  kubectl_.Apply(ClaimYaml("filled", "csi", "Backup/first"));
  const Json written = AwaitWritten([this] { return ChildOf("filled"); });
  ASSERT_NO_FATAL_FAILURE(node.Cut(FindString(written, {"node"})));
  EXPECT_TRUE(IsPending("filled")) << "a half filled volume is nobody's";
  node.GiveUp();
  ASSERT_TRUE(AwaitBound("filled", seconds(300)));
  EXPECT_EQ(ContentOfClaim("filled"), before);
  ExpectNothingLeftBut({"data-app-0", "filled"});
}

class LostNodeFollowTest : public FollowScene {
 protected:
  // Of every file; not its owners and modes, which a kubelet changes.
  std::string Content(const std::string& pod) const {
    return kubectl_.Shell(pod,
                          "cd /data && find . -name lost+found -prune -o -type f -exec md5sum {} + "
                          "| sort | md5sum");
  }
};

// The source's pod is lost with it, and its only volume: the standby is what is left.
TEST_F(LostNodeFollowTest, AStandbyIsFinishedElsewhereAndPromotedThere) {
  LostNode node;
  ASSERT_NO_FATAL_FAILURE(MakeProtectedApp(1, 4, kSlow));
  kubectl_.Apply(OnSharedStorage(CopyYaml(0)));
  ASSERT_TRUE(BackedUp("first"));
  kubectl_.Apply(FollowYaml("{statefulSet: copy}"));
  ASSERT_TRUE(AwaitHolds(kubectl_, "standby", "first"));

  kubectl_.Shell("app-0", "dd if=/dev/urandom of=/data/big bs=1M count=32 2>/dev/null");
  const std::string content = Content("app-0");
  ASSERT_TRUE(BackedUp("second"));
  const std::string child = AwaitWriting();
  const auto restore = [&] { return kubectl_.Get("rst", child); };
  const Json written = AwaitWritten(restore);
  ASSERT_NO_FATAL_FAILURE(node.Cut(FindString(written, {"node"})));
  Promote(kubectl_, "standby");
  ASSERT_TRUE(WaitForReason("rst", "standby", "Ready", "False", "Promoting", seconds(60)));
  ExpectNotYet("second");

  node.GiveUp();
  ASSERT_TRUE(AwaitPromoted(kubectl_, "standby"));
  EXPECT_EQ(FindString(Follow(kubectl_, "standby"), {"backup"}), "second");
  EXPECT_NE(FindString(VolumeOf(restore()), {"pod"}), FindString(written, {"pod"}));
  EXPECT_EQ(FindString(VolumeOf(restore()), {"node"}), node.home());
  kubectl_.Must({"rollout", "status", "statefulset/copy", "--timeout=120s"});
  EXPECT_EQ(Content("copy-0"), content);
}

}  // namespace
}  // namespace holdfast::e2e
