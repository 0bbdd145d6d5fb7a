// Claims that are filled while the store is away for a minute, before anything is read and in the
// middle; and one that is smaller than the data. (A lost node: lost_node_test.cpp.)
#include "tests/e2e/outages.h"
#include "tests/e2e/populator_scene.h"

namespace holdfast::e2e {
namespace {

using std::chrono::seconds;

using PopulatorLongTest = PopulatorScene;

TEST_F(PopulatorLongTest, TheStoreIsAwayForAMinute) {
  ASSERT_NO_FATAL_FAILURE(MakeProtectedApp(1, 32, "{downloadPerSecond: 4Mi}"));
  const std::string before = ContentDigest("app-0");
  ASSERT_TRUE(BackedUp("first"));

  kubectl_.Apply(ClaimYaml("midway", "csi", "Backup/first"));
  ASSERT_TRUE(AwaitChildPhase("midway", "Restoring"));
  {
    const StoreAway away;
    away.LastAMinute([this] { EXPECT_TRUE(IsPending("midway")) << "bound without the store"; });
  }
  ASSERT_TRUE(AwaitBound("midway", seconds(420)))
      << "the mover's own patience, or one attempt more";
  {
    const StoreAway away;
    kubectl_.Apply(ClaimYaml("early", "csi", "Backup/first"));
    away.LastAMinute([this] { EXPECT_TRUE(IsPending("early")) << "bound without the store"; });
  }
  ASSERT_TRUE(AwaitBound("early", seconds(420)));
  for (const char* claim : {"midway", "early"}) EXPECT_EQ(ContentOfClaim(claim), before) << claim;
  ExpectNothingLeftBut({"data-app-0", "midway", "early"});
}

// What it needs is said; a larger one of the same name gets it, and a pod that waited starts.
TEST_F(PopulatorLongTest, AClaimThatIsTooSmallIsNobodys) {
  ASSERT_NO_FATAL_FAILURE(MakeProtectedApp(1, 24));
  const std::string before = ContentDigest("app-0");
  ASSERT_TRUE(BackedUp("first"));
  kubectl_.Apply(ClaimYaml("tight", "csi", "Backup/first", "16Mi"));
  kubectl_.Apply(PodYaml("user", "tight"));
  // A hard link counts like the file.
  EXPECT_TRUE(AwaitEvent("tight", "PopulationFailed", "48.0 MiB are restored to it"));
  EXPECT_TRUE(AwaitEvent("tight", "PopulationFailed", "; the volume has "));
  EXPECT_TRUE(IsPending("tight"));
  EXPECT_EQ(FindString(kubectl_.Get("pod", "user"), {"status", "phase"}), "Pending");

  kubectl_.Must({"delete", "pod", "user", "--now"});
  kubectl_.Must({"delete", "pvc", "tight", "--timeout=60s"});
  kubectl_.Apply(ClaimYaml("tight", "csi", "Backup/first"));
  kubectl_.Apply(PodYaml("user", "tight"));
  ASSERT_TRUE(AwaitBound("tight", seconds(120)));
  kubectl_.Must({"wait", "pod/user", "--for=condition=Ready", "--timeout=120s"});
  EXPECT_EQ(ContentDigest("user"), before);
  ExpectNothingLeftBut({"data-app-0", "tight"});
}

}  // namespace
}  // namespace holdfast::e2e
