// A migration of which everybody dies on the way, and the store is away for a minute: the old
// cluster's operator and mover during the last backup, the new one's during the last restore.
#include "tests/e2e/migration_scene.h"
#include "tests/e2e/outages.h"

namespace holdfast::e2e {
namespace {

using std::chrono::seconds;

class MigrationLongTest : public MigrationScene {
 protected:
  static std::string MoverOf(const Kubectl& there, const std::string& backup) {
    return there.Must({"get", "pods", "-l", "holdfast.dev/backup=" + backup,
                       "--field-selector=status.phase=Running", "-o",
                       "jsonpath={.items[*].metadata.name}"});
  }
  static void ExpectNotMoved(const Kubectl& there) {
    EXPECT_EQ(FindInt(there.Get("sts", "app"), {"spec", "replicas"}), 0);
    EXPECT_EQ(Find(Follow(there, "move"), {"promotedTime"}), nullptr);
  }
};

TEST_F(MigrationLongTest, InterruptedAtEachStepItMovesEverything) {
  ASSERT_NO_FATAL_FAILURE(MakeProtectedApp(1, 4, "{uploadPerSecond: 2Mi}"));
  ASSERT_TRUE(BackedUp("first"));
  SecondCluster second;
  const Kubectl there = FollowThere(second, "{downloadPerSecond: 2Mi}");
  ASSERT_FALSE(HasFailure());
  kubectl_.Shell("app-0", "dd if=/dev/urandom of=/data/big bs=1M count=24 2>/dev/null");
  const std::string content = Content(kubectl_);

  ASSERT_NO_FATAL_FAILURE(StopHere());
  TakeLastBackup();
  std::string mover;
  ASSERT_TRUE(WaitUntil("the last backup is read", seconds(120), [&] {
    mover = MoverOf(kubectl_, "before-the-move");
    return !mover.empty();
  }));
  ASSERT_NO_FATAL_FAILURE(KillProcess("holdfast-mover", mover));
  ASSERT_NO_FATAL_FAILURE(KillOperator());
  ASSERT_TRUE(WaitForPhase("bk", "before-the-move", "Succeeded", seconds(240)));

  Promote(there, "move");
  const std::string child = AwaitWriting(there, "move");
  mover = RunningMover(there, child);
  ASSERT_NO_FATAL_FAILURE(KillProcess("holdfast-mover", mover));
  ASSERT_NO_FATAL_FAILURE(KillOperator(Kubectl("holdfast-system", second.kubeconfig())));
  ASSERT_TRUE(WaitUntil("another mover writes", seconds(120), [&] {
    const std::string another = RunningMover(there, child);
    return !another.empty() && another != mover;
  }));
  {
    const StoreAway away;
    away.LastAMinute([&] { ExpectNotMoved(there); });
  }
  ASSERT_TRUE(AwaitPromoted(there, "move"));
  EXPECT_EQ(FindString(Follow(there, "move"), {"backup"}), "before-the-move");
  EXPECT_EQ(Content(there), content);
}

}  // namespace
}  // namespace holdfast::e2e
