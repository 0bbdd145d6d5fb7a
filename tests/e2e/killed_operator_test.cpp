// The operator dies by SIGKILL in the middle of its work; started again, it carries on.
#include "tests/e2e/fixture.h"

namespace holdfast::e2e {
namespace {

using std::chrono::seconds;

// Slow enough that the kill falls into the middle, fast enough to wait for.
constexpr const char* kSlow = "{uploadPerSecond: 4Mi, downloadPerSecond: 4Mi}";

class KilledOperatorTest : public EndToEnd {
 protected:
  std::size_t Count(const std::string& kind, const std::string& selector) const {
    const std::string names =
        kubectl_.Must({"get", kind, "-l", selector, "-o", "jsonpath={.items[*].metadata.name}"});
    return names.empty()
               ? 0
               : 1 + static_cast<std::size_t>(std::count(names.begin(), names.end(), ' '));
  }

  // A backup with the kill in the middle of its transfer.
  void BackUpWithAKill(const std::string& name) {
    kubectl_.Apply(BackupYaml(name));
    ASSERT_TRUE(WaitForPhase("bk", name, "Running", seconds(60)));
    ASSERT_NO_FATAL_FAILURE(KillOperator());
    ASSERT_TRUE(WaitForPhase("bk", name, "Succeeded", seconds(180)));
  }
};

TEST_F(KilledOperatorTest, BackupAndRestoreFinish) {
  ASSERT_NO_FATAL_FAILURE(MakeProtectedApp(2, 48, kSlow));
  const std::string first = DataDigest("app-0");
  const std::string second = DataDigest("app-1");

  ASSERT_NO_FATAL_FAILURE(BackUpWithAKill("interrupted"));
  EXPECT_EQ(Count("jobs", "holdfast.dev/backup=interrupted"), 2u) << "one Job per claim, adopted";
  WaitForOperator();

  kubectl_.Shell("app-0", "rm -rf /data/*");
  kubectl_.Shell("app-1", "rm -rf /data/*; echo late > /data/late");
  kubectl_.Apply(R"(
apiVersion: holdfast.dev/v1alpha1
kind: Restore
metadata: {name: back}
spec:
  source: {backup: interrupted}
  target: {statefulSet: app}
  deleteExtra: true
)");
  ASSERT_TRUE(WaitForPhase("rst", "back", "Restoring", seconds(60)));
  ASSERT_NO_FATAL_FAILURE(KillOperator());
  ASSERT_TRUE(WaitForPhase("rst", "back", "Succeeded", seconds(240)));
  EXPECT_EQ(DataDigest("app-0"), first);
  EXPECT_EQ(DataDigest("app-1"), second);
  EXPECT_EQ(Find(kubectl_.Get("rst", "back"), {"metadata", "finalizers"}), nullptr);
}

}  // namespace
}  // namespace holdfast::e2e
