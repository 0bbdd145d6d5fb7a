// Restores beside the demo's: into a claim, of an older backup, and retention between them.
#include "tests/e2e/fixture.h"

namespace holdfast::e2e {
namespace {

using std::chrono::seconds;

class RestoresTest : public EndToEnd {};

TEST_F(RestoresTest, PreviousBackupIntoAnotherClaim) {
  ASSERT_NO_FATAL_FAILURE(MakeProtectedApp(1, 4));
  const std::string before = DataDigest("app-0");
  kubectl_.Apply(BackupYaml("first"));
  ASSERT_TRUE(WaitForPhase("bk", "first", "Succeeded", seconds(120)));
  kubectl_.Shell("app-0", "echo changed > /data/empty");
  kubectl_.Apply(BackupYaml("second"));
  ASSERT_TRUE(WaitForPhase("bk", "second", "Succeeded", seconds(120)));
  EXPECT_LT(FindInt(kubectl_.Get("bk", "second")["status"]["volumes"][0], {"bytesRead"}), 1 << 20)
      << "an incremental backup reads what changed";

  // A second StatefulSet brings an empty claim; its pod is stopped while the claim is filled.
  std::string other = StatefulSetYaml(1);
  for (std::size_t at; (at = other.find("{name: app}")) != other.npos;)
    other.replace(at, 11, "{name: copy}");
  kubectl_.Apply(other);
  kubectl_.Must({"rollout", "status", "statefulset/copy", "--timeout=120s"});
  kubectl_.Must({"scale", "statefulset/copy", "--replicas=0"});
  kubectl_.Apply(R"(
apiVersion: holdfast.dev/v1alpha1
kind: Restore
metadata: {name: older}
spec:
  source: {policy: app, previous: 1}
  target: {claims: [{from: data-app-0, to: data-copy-0}]}
)");
  ASSERT_TRUE(WaitForPhase("rst", "older", "Succeeded", seconds(180)));
  kubectl_.Must({"scale", "statefulset/copy", "--replicas=1"});
  kubectl_.Must({"rollout", "status", "statefulset/copy", "--timeout=120s"});
  EXPECT_EQ(DataDigest("copy-0"), before);
}

TEST_F(RestoresTest, SchedulesRunAndRetentionKeepsTheLast) {
  ASSERT_NO_FATAL_FAILURE(MakeProtectedApp(1, 1));
  kubectl_.Apply(PolicyYaml("  retention: {keepLast: 2}\n"));
  for (const char* name : {"one", "two", "three"}) {
    kubectl_.Apply(BackupYaml(name));
    ASSERT_TRUE(WaitForPhase("bk", name, "Succeeded", seconds(120)));
  }
  WaitUntil("the oldest backup is forgotten", seconds(120),
            [&] { return kubectl_.Get("bk", "one").is_null(); });
  EXPECT_FALSE(kubectl_.Get("bk", "two").is_null());
  EXPECT_FALSE(kubectl_.Get("bk", "three").is_null());

  kubectl_.Apply(
      PolicyYaml("  retention: {keepLast: 2}\n"
                 "  timeZone: Europe/Berlin\n"
                 "  schedules: [{name: minutely, cron: \"* * * * *\", type: Full}]\n"));
  WaitUntil("the schedule made a Backup", seconds(120), [&] {
    return !kubectl_.Must({"get", "bk", "-l", "holdfast.dev/schedule=minutely", "-o", "name"})
                .empty();
  });
  kubectl_.Must({"wait", "bk", "-l", "holdfast.dev/schedule=minutely", "--for=condition=Ready",
                 "--timeout=120s"});
  kubectl_.Must({"wait", "bkp/app", "--for=condition=Ready", "--timeout=60s"});
}

TEST_F(RestoresTest, NothingToRestoreFailsAndTouchesNothing) {
  ASSERT_NO_FATAL_FAILURE(MakeProtectedApp(1, 1));
  const std::string before = DataDigest("app-0");
  kubectl_.Apply(R"(
apiVersion: holdfast.dev/v1alpha1
kind: Restore
metadata: {name: nothing}
spec:
  source: {repository: offsite, host: elsewhere, path: /nowhere/data}
  target: {claims: [{from: data, to: data-app-0}]}
)");
  WaitForReason("rst", "nothing", "Ready", "False", "", seconds(60));
  EXPECT_EQ(DataDigest("app-0"), before);
}

}  // namespace
}  // namespace holdfast::e2e
