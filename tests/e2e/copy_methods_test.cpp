// Copy methods on real VolumeSnapshots: the snapshot controller, the CSI sidecars and a driver
// whose copies are taken while the file system is frozen. What is staged leaves nothing behind.
#include "tests/e2e/copied_app.h"

namespace holdfast::e2e {
namespace {

using std::chrono::seconds;

using CopyMethodsTest = CopiedApp;

TEST_F(CopyMethodsTest, SnapshotsOfOneMomentAreReadAnywhereWhileTheWorkloadGoesOn) {
  ASSERT_NO_FATAL_FAILURE(MakeApp(kSlow));
  const std::string node = OtherNode();
  kubectl_.Apply(Example("policy-snapshot.yaml") +
                 "  suspend: true\n  mover: {nodeSelector: {kubernetes.io/hostname: " + node +
                 "}}\n");
  BackUp("first");
  ASSERT_TRUE(AwaitReading("first"));
  const Json held = Status("first")["hooks"];
  const int frozen = std::stoi(FindString(held["runs"][0], {"stdout"}));
  EXPECT_NE(FindString(held, {"thawedTime"}), "") << "held until the cut, not until all is read";
  EXPECT_GT(Count(), frozen) << "and it writes while its data is read";
  ASSERT_TRUE(WaitForPhase("bk", "first", "Succeeded", seconds(90)));
  for (const auto& [i, claim] : {std::pair(0, "/data-app-0/count"), {1, "/log-app-0/count"}}) {
    const Json volume = Volume("first", static_cast<std::size_t>(i));
    EXPECT_EQ(Dumped(FindString(volume, {"snapshot"}), claim), std::to_string(frozen) + "\n");
    EXPECT_EQ(FindString(volume, {"copyMethod"}), "Snapshot");
    EXPECT_EQ(FindString(volume, {"volumeSnapshotClass"}), "csi");
    EXPECT_EQ(FindString(volume, {"node"}), node);
    EXPECT_LE(FindString(volume, {"cutTime"}), FindString(held, {"thawedTime"}));
  }
  ExpectNothingLeft("a good run");

  // The parent is found, and only what changed is read: inodes and times are those of the original.
  BackUp("second");
  ASSERT_TRUE(WaitForPhase("bk", "second", "Succeeded", seconds(90)));
  EXPECT_EQ(FindString(Volume("second", 0), {"parent"}),
            FindString(Volume("first", 0), {"snapshot"}));
  EXPECT_LT(FindInt(Volume("second", 0), {"bytesRead"}).value_or(0), 1 << 20);
  ExpectNothingLeft("an incremental run");
}

TEST_F(CopyMethodsTest, EachVolumeIsReadAsItsStorageCanOrToldWhyNot) {
  ASSERT_NO_FATAL_FAILURE(MakeApp("", "csi-wait", "standard"));
  Policy("");
  BackUp("auto");
  ASSERT_TRUE(WaitForPhase("bk", "auto", "Succeeded", seconds(90)));
  EXPECT_EQ(FindString(Volume("auto", 0), {"copyMethod"}), "Snapshot");
  EXPECT_EQ(FindString(Volume("auto", 0), {"copyReason"}),
            "Snapshot, because driver csi.test.holdfast.dev has VolumeSnapshotClass csi");
  EXPECT_EQ(FindString(Volume("auto", 1), {"copyMethod"}), "Direct");
  EXPECT_EQ(FindString(Volume("auto", 1), {"copyReason"}),
            "Direct, because driver rancher.io/local-path of PersistentVolumeClaim log-app-0 has "
            "no VolumeSnapshotClass");

  Policy("  copyMethod: Snapshot\n");
  BackUp("asked");
  ASSERT_TRUE(WaitForReason("bk", "asked", "Stalled", "True", "NoSnapshotClass", seconds(60)));
  kubectl_.Apply(Example("policy-clone.yaml") + "  suspend: true\n");
  ASSERT_TRUE(WaitForReason("bk", "asked", "Stalled", "True", "CannotClone", seconds(60)));
  EXPECT_NE(ConditionMessage("bk", "asked", "Stalled").find("is no CSI driver"), std::string::npos)
      << ConditionMessage("bk", "asked", "Stalled");
  Policy("  copyMethod: Direct\n");
  ASSERT_TRUE(WaitForPhase("bk", "asked", "Succeeded", seconds(90)));

  kubectl_.Must({"patch", "bkp", "app", "--type=merge", "--patch",
                 R"({"spec": {"copyMethod": "Clone", "target": {"volumeClaims": ["data"]}}})"});
  BackUp("clone");
  ASSERT_TRUE(WaitForPhase("bk", "clone", "Succeeded", seconds(90)));
  EXPECT_EQ(FindString(Volume("clone", 0), {"copyMethod"}), "Clone");
  EXPECT_NE(FindString(Volume("clone", 0), {"cutTime"}), "");
  EXPECT_EQ(FindString(Volume("clone", 0), {"parent"}),
            FindString(Volume("asked", 0), {"snapshot"}))
      << "it is a backup of the same volume";
  EXPECT_LT(FindInt(Volume("clone", 0), {"bytesRead"}).value_or(0), 1 << 20);
  ExpectNothingLeft("a clone");
}

TEST_F(CopyMethodsTest, FailuresSayWhyHealAndLeaveNothing) {
  ASSERT_NO_FATAL_FAILURE(MakeApp());
  const std::string late = "late-" + kubectl_.ns();
  BackUpBy("missing", "  copyMethod: Snapshot\n  volumeSnapshotClass: " + late + "\n");
  ASSERT_TRUE(WaitForReason("bk", "missing", "Stalled", "True", "NoSnapshotClass", seconds(60)));
  EXPECT_NE(ConditionMessage("bk", "missing", "Stalled").find("there is no VolumeSnapshotClass"),
            std::string::npos);
  kubectl_.Apply(
      "apiVersion: snapshot.storage.k8s.io/v1\nkind: VolumeSnapshotClass\nmetadata: {name: " +
      late + "}\ndriver: csi.test.holdfast.dev\ndeletionPolicy: Delete\n");

  const std::pair<std::string, std::string> failing[] = {
      {"csi-never-ready", "was not ready within 6s (spec.staging.deadline"},
      {"csi-full", "the pool is full"}};
  for (const auto& [name, words] : failing)
    BackUpBy(name, "  copyMethod: Snapshot\n  staging: {deadline: 6s}\n  volumeSnapshotClass: " +
                       name + "\n");
  for (const auto& [name, words] : failing) {
    ASSERT_TRUE(WaitForPhase("bk", name, "Failed", seconds(60)));
    EXPECT_NE(FindString(Volume(name, 0), {"message"}).find(words), std::string::npos)
        << Volume(name, 0);
  }

  const bool healed = WaitForPhase("bk", "missing", "Succeeded", seconds(90));
  kubectl_.Must({"delete", "volumesnapshotclass", late});
  ASSERT_TRUE(healed);
  ExpectNothingLeft("failures, and one that healed");
}

// The pod moves to another node before its volume's mover could start; the mover follows.
TEST_F(CopyMethodsTest, ADirectMoverFollowsThePod) {
  ASSERT_NO_FATAL_FAILURE(MakeApp());
  const std::string label = "holdfast-test/" + kubectl_.ns();
  const std::string from = FindString(kubectl_.Get("pod", "app-0"), {"spec", "nodeName"});
  const std::string to = OtherNode();
  Policy("  copyMethod: Direct\n  mover: {nodeSelector: {" + label + ": here}}\n");
  BackUp("moved");
  ASSERT_TRUE(WaitForReason("bk", "moved", "Reconciling", "True", "Unschedulable", seconds(60)));
  const auto placed_on = [&](const std::string& node) {
    return kubectl_.Get("job", "moved-data-app-0").dump().find("\"values\":[\"" + node + "\"]") !=
           std::string::npos;
  };
  EXPECT_TRUE(placed_on(from));
  kubectl_.Must({"cordon", from});
  kubectl_.Must({"delete", "pod", "app-0"});
  const bool moved =
      WaitUntil("the mover is placed where the pod is", seconds(90), [&] { return placed_on(to); });
  kubectl_.Must({"uncordon", from});
  kubectl_.Must({"label", "node", to, label + "=here"});
  const bool ended = WaitForPhase("bk", "moved", "Succeeded", seconds(60));
  kubectl_.Must({"label", "node", to, label + "-"});
  ASSERT_TRUE(moved && ended);
  EXPECT_EQ(FindString(Volume("moved", 0), {"node"}), to);
}

TEST_F(CopyMethodsTest, WhatIsInterruptedLeavesNothing) {
  ASSERT_NO_FATAL_FAILURE(MakeApp(kSlow));
  Policy(std::string(kHooks) + "  copyMethod: Snapshot\n");
  BackUp("killed");
  ASSERT_TRUE(AwaitReading("killed"));
  ASSERT_NO_FATAL_FAILURE(KillOperator());
  ASSERT_TRUE(WaitForPhase("bk", "killed", "Succeeded", seconds(120)));
  ExpectNothingLeft("a killed operator");
  WaitForOperator();

  kubectl_.Shell("app-0", "dd if=/dev/urandom of=/data/big bs=1M count=16 2>/dev/null && sync");
  BackUp("deleted");
  ASSERT_TRUE(AwaitReading("deleted"));
  kubectl_.Must({"delete", "bk", "deleted"});
  ExpectNothingLeft("a deleted Backup");

  Policy("  copyMethod: Snapshot\n  volumeSnapshotClass: csi-never-ready\n");
  BackUp("early");
  ASSERT_TRUE(WaitForReason("bk", "early", "Reconciling", "True", "Staging", seconds(60)));
  ASSERT_NO_FATAL_FAILURE(KillOperator());
  WaitForOperator();
  kubectl_.Must({"delete", "bk", "early"});
  ExpectNothingLeft("one that was deleted while it waited");
}

class DevicesTest : public CopyMethodsTest {
 protected:
  // A device of 64 MiB, which its container opens as root: that is whose it is.
  static std::string DeviceYaml() {
    return R"(apiVersion: v1
kind: Service
metadata: {name: app}
spec: {clusterIP: None, selector: {app: app}, ports: [{port: 80}]}
---
apiVersion: apps/v1
kind: StatefulSet
metadata: {name: app}
spec:
  replicas: 1
  serviceName: app
  selector: {matchLabels: {app: app}}
  template:
    metadata: {labels: {app: app}}
    spec:
      terminationGracePeriodSeconds: 0
      securityContext: {runAsUser: 0}
      containers:
        - name: app
          image: localhost/busybox:dev
          imagePullPolicy: IfNotPresent
          command: [sleep, infinity]
          volumeDevices: [{name: data, devicePath: /dev/data}]
  volumeClaimTemplates:
    - metadata: {name: data}
      spec:
        accessModes: [ReadWriteOnce]
        volumeMode: Block
        resources: {requests: {storage: 64Mi}}
        storageClassName: csi
)";
  }
  void Write(const std::string& megabyte) const {
    kubectl_.Shell("app-0", "dd if=/dev/urandom of=/dev/data bs=1M count=1 seek=" + megabyte +
                                " conv=fsync 2>/dev/null");
  }
  std::string Sum() const { return kubectl_.Shell("app-0", "md5sum </dev/data"); }
};

// A VolumeSnapshot of a device, the device itself beside its writer, and back in place.
TEST_F(DevicesTest, AreReadAndRestoredAsTheyAre) {
  kubectl_.Must({"label", "--overwrite", "namespace", kubectl_.ns(),
                 "pod-security.kubernetes.io/enforce=privileged"});
  MakeSecrets();
  kubectl_.Apply(RepositoryYaml());
  kubectl_.Apply(DeviceYaml());
  kubectl_.Must({"rollout", "status", "statefulset/app", "--timeout=120s"});
  for (const char* place : {"0", "31", "63"}) Write(place);
  const std::string first = Sum();
  Policy("");
  BackUp("first");
  ASSERT_TRUE(WaitForPhase("bk", "first", "Succeeded", seconds(90)));
  EXPECT_EQ(FindString(Volume("first", 0), {"copyMethod"}), "Snapshot");
  Write("7");
  const std::string second = Sum();
  Policy("  copyMethod: Direct\n");
  BackUp("second");
  ASSERT_TRUE(WaitForPhase("bk", "second", "Succeeded", seconds(90)));
  EXPECT_LT(FindInt(Volume("second", 0), {"bytesAdded"}).value_or(0), 16 << 20);
  Write("31");
  for (const auto& [backup, sum] : {std::pair("second", second), {"first", first}}) {
    kubectl_.Apply("apiVersion: holdfast.dev/v1alpha1\nkind: Restore\nmetadata: {name: " +
                   std::string(backup) + "}\nspec: {source: {backup: " + backup +
                   "}, target: {statefulSet: app}}\n");
    ASSERT_TRUE(Restored(backup));
    kubectl_.Must({"rollout", "status", "statefulset/app", "--timeout=120s"});
    EXPECT_EQ(Sum(), sum) << "as in Backup " << backup;
    EXPECT_LT(
        FindInt(kubectl_.Get("rst", backup)["status"]["volumes"][0], {"bytesWritten"}).value_or(0),
        24 << 20)
        << "only what differs";
  }
  EXPECT_TRUE(Restic({"check", "--read-data"}).ok());
  ExpectNothingLeft("devices");
}

}  // namespace
}  // namespace holdfast::e2e
