// The operator dies by SIGKILL in the middle of its work; started again, it carries on.
#include <set>
#include <sstream>

#include "tests/e2e/fixture.h"

namespace holdfast::e2e {
namespace {

using std::chrono::seconds;

// Slow enough that the kill falls into the middle, fast enough to wait for.
constexpr const char* kSlow = "{uploadPerSecond: 4Mi, downloadPerSecond: 4Mi}";

class KilledOperatorTest : public EndToEnd {
 protected:
  // Jobs that ever made a pod for a Backup or Restore, told by their events: a Job itself goes as
  // soon as its result is recorded.
  std::set<std::string> JobsOf(const std::string& owner) const {
    std::istringstream names(kubectl_.Must(
        {"get", "events", "--field-selector=reason=SuccessfulCreate,involvedObject.kind=Job", "-o",
         "jsonpath={range .items[*]}{.involvedObject.name}/{.involvedObject.uid}{\"\\n\"}{end}"}));
    std::set<std::string> jobs;
    for (std::string job; names >> job;)
      if (job.starts_with(owner + "-")) jobs.insert(job);
    return jobs;
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
  EXPECT_EQ(JobsOf("interrupted").size(), 2u) << "one Job per claim, adopted";
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
  EXPECT_EQ(JobsOf("back").size(), 2u) << "one Job per claim, adopted";
  EXPECT_EQ(DataDigest("app-0"), first);
  EXPECT_EQ(DataDigest("app-1"), second);
  const Json restored = kubectl_.Get("rst", "back")["status"]["volumes"];
  for (const Json& volume : restored)
    EXPECT_EQ(FindInt(volume, {"metadataFailures"}).value_or(0), 0) << volume;
  EXPECT_EQ(Find(kubectl_.Get("rst", "back"), {"metadata", "finalizers"}), nullptr);
}

}  // namespace
}  // namespace holdfast::e2e
