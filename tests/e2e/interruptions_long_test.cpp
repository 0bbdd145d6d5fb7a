// A restore in place whose movers die, whose store is away for a while, whose volume is full: it
// carries on, or says what is missing. These take their time: data enough to be in the middle of,
// and the pauses that Kubernetes makes between attempts.
#include "tests/e2e/interruption_scene.h"

namespace holdfast::e2e {
namespace {

using std::chrono::seconds;

class InterruptionsLongTest : public InterruptionScene {
 protected:
  void TearDown() override {
    Cluster({"s3", "up"});
    InterruptionScene::TearDown();
    kubectl_.Run({"delete", "pv", kubectl_.ns(), "--ignore-not-found", "--wait=false"});
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
  EXPECT_EQ(Replicas(), 0);

  ASSERT_TRUE(Cluster({"s3", "down"}).ok());
  ASSERT_TRUE(WaitUntil("the mover finds the store away", seconds(60), [&] {
    return kubectl_.Run({"logs", third}).text.find("trying again") != std::string::npos;
  }));
  EXPECT_EQ(FindString(kubectl_.Get("rst", "back"), {"status", "phase"}), "Restoring");
  ASSERT_TRUE(Cluster({"s3", "up"}).ok());
  ASSERT_TRUE(WaitForPhase("rst", "back", "Succeeded", seconds(180)));
  ExpectGood();
}

// A claim that is smaller than the data; then one that is not.
TEST_F(InterruptionsLongTest, TheVolumeIsFull) {
  ASSERT_NO_FATAL_FAILURE(MakeLostApp(24));
  const std::string node = FindString(kubectl_.Get("pod", "app-0"), {"spec", "nodeName"});
  const Output folder = Cluster({"node", "add-volume", node, kubectl_.ns(), "16m"});
  ASSERT_TRUE(folder.ok()) << folder.text;
  kubectl_.Must({"scale", "statefulset/app", "--replicas=0"});
  kubectl_.Must({"delete", "pvc", "data-app-0", "--timeout=60s"});
  kubectl_.Apply("apiVersion: v1\nkind: PersistentVolume\nmetadata: {name: " + kubectl_.ns() +
                 "}\nspec:\n  capacity: {storage: 16Mi}\n  accessModes: [ReadWriteOnce]\n"
                 "  storageClassName: small\n  persistentVolumeReclaimPolicy: Retain\n"
                 "  hostPath: {path: " +
                 folder.text.substr(0, folder.text.find('\n')) +
                 "}\n  nodeAffinity: {required: {nodeSelectorTerms: [{matchExpressions: [{key: "
                 "kubernetes.io/hostname, operator: In, values: [" +
                 node +
                 "]}]}]}}\n---\napiVersion: v1\nkind: PersistentVolumeClaim\nmetadata: {name: "
                 "data-app-0}\nspec: {accessModes: [ReadWriteOnce], storageClassName: small, "
                 "volumeName: " +
                 kubectl_.ns() + ", resources: {requests: {storage: 16Mi}}}\n");
  kubectl_.Must({"scale", "statefulset/app", "--replicas=1"});
  kubectl_.Must({"rollout", "status", "statefulset/app", "--timeout=120s"});

  Restore("too-large", "  retries: 0\n");
  ASSERT_TRUE(WaitForPhase("rst", "too-large", "Failed", seconds(120)));
  // A hard link counts like the file.
  const std::string message = ConditionMessage("rst", "too-large", "Ready");
  for (const char* part : {"Claim data-app-0 failed: ", "the volume has 16.0 MiB",
                           "48.0 MiB are restored to it", "StatefulSet app stays at 0 replicas"})
    EXPECT_NE(message.find(part), std::string::npos) << message;
  EXPECT_EQ(Replicas(), 0);

  // The pod of the failed mover, kept for its log, keeps the claim.
  kubectl_.Must({"delete", "jobs", "-l", "holdfast.dev/restore=too-large", "--timeout=60s"});
  kubectl_.Must({"delete", "pvc", "data-app-0", "--timeout=60s"});
  kubectl_.Must({"delete", "pv", kubectl_.ns()});
  Restore("again");
  ASSERT_TRUE(WaitForPhase("rst", "again", "Succeeded", seconds(180)));
  EXPECT_EQ(Replicas(), 1) << "the size from before the first";
  EXPECT_FALSE(Step("again", "CreateClaims").is_null());
  ExpectGood();
}

}  // namespace
}  // namespace holdfast::e2e
