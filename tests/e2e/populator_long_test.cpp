// Claims that are filled while the store is away for a minute: before anything is read, and in the
// middle.
#include <cstdlib>

#include "tests/e2e/populator_scene.h"

namespace holdfast::e2e {
namespace {

using std::chrono::seconds;
using std::chrono::steady_clock;

class PopulatorLongTest : public PopulatorScene {
 protected:
  void TearDown() override {
    Store("up");
    PopulatorScene::TearDown();
  }

  static void Store(const std::string& action) {
    const char* cluster = std::getenv("HOLDFAST_TEST_CLUSTER");
    const Output done =
        RunProgram({"tests/cluster/cluster", "s3", action, "--name", cluster ? cluster : ""});
    ASSERT_TRUE(done.ok()) << done.text;
  }

  // For a minute, as an outage lasts.
  void BeWithoutStore(const std::string& claim) const {
    ASSERT_NO_FATAL_FAILURE(Store("down"));
    const auto end = steady_clock::now() + seconds(60);
    ASSERT_TRUE(WaitUntil("a minute has passed", seconds(90), [&] {
      EXPECT_TRUE(IsPending(claim)) << "bound without the store";
      return HasFailure() || steady_clock::now() > end;
    }));
    ASSERT_NO_FATAL_FAILURE(Store("up"));
  }
};

TEST_F(PopulatorLongTest, TheStoreIsAwayForAMinute) {
  ASSERT_NO_FATAL_FAILURE(MakeProtectedApp(1, 32, "{downloadPerSecond: 4Mi}"));
  const std::string before = ContentDigest("app-0");
  ASSERT_NO_FATAL_FAILURE(BackUp("first"));

  kubectl_.Apply(ClaimYaml("midway", "csi", "Backup/first"));
  ASSERT_TRUE(AwaitChildPhase("midway", "Restoring"));
  ASSERT_NO_FATAL_FAILURE(BeWithoutStore("midway"));
  ASSERT_TRUE(AwaitBound("midway", seconds(420)))
      << "the mover's own patience, or one attempt more";

  ASSERT_NO_FATAL_FAILURE(Store("down"));
  kubectl_.Apply(ClaimYaml("early", "csi", "Backup/first"));
  ASSERT_NO_FATAL_FAILURE(BeWithoutStore("early"));
  ASSERT_TRUE(AwaitBound("early", seconds(420)));
  for (const char* claim : {"midway", "early"}) EXPECT_EQ(ContentOfClaim(claim), before) << claim;
  ExpectNothingLeftBut({"data-app-0", "midway", "early"});
}

}  // namespace
}  // namespace holdfast::e2e
