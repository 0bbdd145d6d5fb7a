// Claims, and those of a StatefulSet, whose dataSourceRef names a Backup or a Restore: they come up
// filled or not at all, whatever happens meanwhile (docs/guide/populator.md).
#include "tests/e2e/populator_scene.h"

namespace holdfast::e2e {
namespace {

using std::chrono::seconds;

// So slow that a volume is still being filled when an operator that was killed has a successor.
constexpr const char* kSlow = "{downloadPerSecond: 1Mi}";

class PopulatorTest : public PopulatorScene {};

// examples/populate-claim.yaml, and what a claim has to wait for.
TEST_F(PopulatorTest, AClaimHasTheDataThatItNamesOrWaits) {
  ASSERT_NO_FATAL_FAILURE(MakeProtectedApp(1, 16));
  // Before there is anything to fill it from.
  kubectl_.Apply(ClaimYaml("early", "csi", "Backup/app-manual"));
  EXPECT_TRUE(AwaitEvent("early", "SourceNotFound", "There is no Backup app-manual"));
  EXPECT_TRUE(IsPending("early"));

  const std::string before = ContentDigest("app-0");
  ASSERT_TRUE(BackedUp("app-manual"));
  const std::string then = FindString(kubectl_.Get("bk", "app-manual"), {"status", "startTime"});
  kubectl_.Shell("app-0", "rm -rf '/data/a dir' && echo changed > /data/empty");
  ASSERT_TRUE(BackedUp("later"));
  EXPECT_TRUE(AwaitBound("early", seconds(60))) << "it heals by itself";

  std::string example = Example("populate-claim.yaml");
  example = Replaced(example, "storageClassName: fast", "storageClassName: csi");
  example = Replaced(example, "postgres", "app");
  kubectl_.Apply(Replaced(example, "2026-08-01T14:00:00Z", then));
  ASSERT_TRUE(AwaitBound("app-look", seconds(90)));
  ASSERT_TRUE(AwaitBound("app-before", seconds(90)));
  EXPECT_EQ(ContentOfClaim("app-look"), before);
  EXPECT_EQ(ContentOfClaim("app-before"), before);
  EXPECT_EQ(ContentOfClaim("early"), before);
  EXPECT_TRUE(AwaitEvent("app-look", "Populated", "and verified"));
  EXPECT_EQ(FindString(kubectl_.Get("rst", "app-before"), {"status", "phase"}), "Template");
  EXPECT_TRUE(WaitForReason("rst", "app-before", "Ready", "True", "Ready", seconds(30)));

  // Too small for the data: it is never bound, and says why.
  kubectl_.Apply(R"(
apiVersion: holdfast.dev/v1alpha1
kind: Restore
metadata: {name: once}
spec: {source: {backup: app-manual}, target: {populator: {from: data-app-0}}, retries: 0}
)");
  kubectl_.Apply(ClaimYaml("tight", "csi", "Restore/once", "8Mi"));
  EXPECT_TRUE(AwaitEvent("tight", "PopulationFailed", "space"));
  EXPECT_TRUE(IsPending("tight"));
  kubectl_.Must({"delete", "pvc", "tight"});

  // A Restore that is not there, and a volume.
  kubectl_.Apply(ClaimYaml("astray", "csi", "Restore/elsewhere"));
  EXPECT_TRUE(AwaitEvent("astray", "NoPopulator", "There is no Restore elsewhere"));
  kubectl_.Apply(R"(
apiVersion: holdfast.dev/v1alpha1
kind: Restore
metadata: {name: elsewhere}
spec: {source: {backup: app-manual}, target: {populator: {from: data-app-7}}}
)");
  EXPECT_TRUE(AwaitEvent("astray", "NoVolumeFits", "it has data-app-0"));
  EXPECT_TRUE(IsPending("astray"));
  kubectl_.Must({"delete", "pvc", "astray"});

  // Storage that would give the claim an empty volume.
  const Output refused =
      kubectl_.Run({"apply", "-f", "-"}, ClaimYaml("empty", "standard", "Backup/app-manual"));
  EXPECT_FALSE(refused.ok());
  EXPECT_NE(refused.text.find("would give the claim an empty volume"), refused.text.npos)
      << refused.text;
  ExpectNothingLeftBut({"data-app-0", "early", "app-look", "app-before"});
}

// examples/populate-statefulset.yaml, with both binding modes and a replica on each node.
TEST_F(PopulatorTest, EachReplicaHasItsOwnData) {
  ASSERT_NO_FATAL_FAILURE(MakeProtectedApp(2, 4));
  const std::string digests[] = {ContentDigest("app-0"), ContentDigest("app-1")};
  ASSERT_NE(digests[0], digests[1]);
  ASSERT_TRUE(BackedUp("app-manual"));
  kubectl_.Must({"delete", "statefulset", "app"});
  kubectl_.Must({"delete", "pvc", "data-app-0", "data-app-1"});

  const std::string example = Replaced(Example("populate-statefulset.yaml"), "postgres", "app");
  kubectl_.Apply(Replaced(example, "storageClassName: fast", "storageClassName: csi"));
  std::string waits = Replaced(example, "storageClassName: fast", "storageClassName: csi-wait");
  kubectl_.Apply(Replaced(waits, "copy", "lazy"));
  for (const std::string name : {"copy", "lazy"}) {
    kubectl_.Must({"rollout", "status", "statefulset/" + name, "--timeout=180s"});
    std::string nodes[2];
    for (int i = 0; i < 2; ++i) {
      const std::string pod = name + "-" + std::to_string(i);
      EXPECT_EQ(ContentDigest(pod), digests[i]) << pod;
      nodes[i] = FindString(kubectl_.Get("pod", pod), {"spec", "nodeName"});
    }
    EXPECT_NE(nodes[0], nodes[1]);
  }
  ExpectNothingLeftBut({"data-copy-0", "data-copy-1", "data-lazy-0", "data-lazy-1"});

  // One that was not backed up does not start on an empty volume.
  kubectl_.Must({"scale", "statefulset/copy", "--replicas=3"});
  EXPECT_TRUE(AwaitEvent("data-copy-2", "NoVolumeFits", "no volume for claim data-copy-2"));
  EXPECT_TRUE(IsPending("data-copy-2"));
}

// A class that retains volumes, so that one that is left would be seen.
TEST_F(PopulatorTest, InterruptedItGoesOnAndDeletedItLeavesNothing) {
  ASSERT_NO_FATAL_FAILURE(MakeProtectedApp(1, 24, kSlow));
  const std::string before = ContentDigest("app-0");
  ASSERT_TRUE(BackedUp("first"));
  const std::string retains = "csi-retain-" + kubectl_.ns();
  kubectl_.Apply("apiVersion: storage.k8s.io/v1\nkind: StorageClass\nmetadata: {name: " + retains +
                 "}\nprovisioner: csi.test.holdfast.dev\nreclaimPolicy: Retain\n");

  // Deleted while it is filled.
  kubectl_.Apply(ClaimYaml("gone", retains, "Backup/first"));
  ASSERT_TRUE(AwaitChildPhase("gone", "Restoring"));
  EXPECT_TRUE(IsPending("gone")) << "a half filled volume is nobody's";
  EXPECT_TRUE(WaitUntil("the volume goes with its claim", seconds(30), [this] {
    for (const Json& volume : Items("pv"))
      if (FindString(volume, {"spec", "claimRef", "namespace"}) == kubectl_.ns() &&
          FindString(volume, {"spec", "claimRef", "name"}).starts_with("gone-"))
        return FindString(volume, {"spec", "persistentVolumeReclaimPolicy"}) == "Delete";
    return false;
  }));
  kubectl_.Must({"delete", "pvc", "gone"});
  ExpectNothingLeftBut({"data-app-0"});

  // The operator is killed as soon as the Restore is there and again while it works; its mover too.
  kubectl_.Apply(ClaimYaml("stays", retains, "Backup/first"));
  ASSERT_TRUE(
      WaitUntil("a Restore fills it", seconds(60), [this] { return !ChildOf("stays").is_null(); }));
  ASSERT_NO_FATAL_FAILURE(KillOperator());
  ASSERT_TRUE(AwaitChildPhase("stays", "Restoring"));
  std::string mover;
  ASSERT_TRUE(WaitUntil("its mover runs", seconds(60), [&] {
    for (const Json& pod : Items("pods", "holdfast.dev/verb=restore"))
      if (FindString(pod, {"status", "phase"}) == "Running")
        mover = FindString(pod, {"metadata", "name"});
    return !mover.empty();
  }));
  kubectl_.Must({"delete", "pod", mover, "--now"});
  ASSERT_NO_FATAL_FAILURE(KillOperator());
  ASSERT_TRUE(AwaitBound("stays", seconds(180)));
  EXPECT_EQ(ContentOfClaim("stays"), before);
  ExpectNothingLeftBut({"data-app-0", "stays"});
  const std::string volume = FindString(kubectl_.Get("pvc", "stays"), {"spec", "volumeName"});
  EXPECT_EQ(FindString(kubectl_.Get("pv", volume), {"spec", "persistentVolumeReclaimPolicy"}),
            "Retain")
      << "as its class has it";
  kubectl_.Must({"patch", "pv", volume, "--type=merge", "-p",
                 R"({"spec":{"persistentVolumeReclaimPolicy":"Delete"}})"});
  kubectl_.Must({"delete", "storageclass", retains});
}

}  // namespace
}  // namespace holdfast::e2e
