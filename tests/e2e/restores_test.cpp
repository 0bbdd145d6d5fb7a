// Restores beside the demo's: into a claim, of an older backup, and retention between them.
#include "tests/e2e/fixture.h"

namespace holdfast::e2e {
namespace {

using std::chrono::seconds;

class RestoresTest : public EndToEnd {};

TEST_F(RestoresTest, PreviousBackupIntoAnotherClaim) {
  ASSERT_NO_FATAL_FAILURE(MakeProtectedApp(1, 4));
  const std::string before = DataDigest("app-0");
  ASSERT_TRUE(BackedUp("first"));
  kubectl_.Shell("app-0", "echo changed > /data/empty");
  ASSERT_TRUE(BackedUp("second"));
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
  ASSERT_TRUE(Restored("older"));
  kubectl_.Must({"scale", "statefulset/copy", "--replicas=1"});
  kubectl_.Must({"rollout", "status", "statefulset/copy", "--timeout=120s"});
  EXPECT_EQ(DataDigest("copy-0"), before);
}

TEST_F(RestoresTest, OnePolicyForAllStatefulSetsWithALabel) {
  ASSERT_NO_FATAL_FAILURE(MakeProtectedApp(1, 2));
  std::string web = StatefulSetYaml(1);
  for (std::size_t at; (at = web.find("{name: app}")) != web.npos;)
    web.replace(at, 11, "{name: web}");
  kubectl_.Apply(web);
  kubectl_.Must({"rollout", "status", "statefulset/web", "--timeout=120s"});
  kubectl_.Shell("web-0", "echo first > /data/a");
  kubectl_.Must({"label", "statefulset", "app", "web", "protect=daily"});
  std::string policy = PolicyYaml();
  const std::string one = "{statefulSet: app}";
  policy.replace(policy.find(one), one.size(), "{selector: {matchLabels: {protect: daily}}}");
  kubectl_.Apply(policy);
  ASSERT_TRUE(WaitUntil("the policy protects both", seconds(60), [&] {
    return ConditionMessage("bkp", "app", "Ready").find("2 StatefulSets (protect=daily)") !=
           std::string::npos;
  }));
  EXPECT_EQ(FindString(kubectl_.Get("bkp", "app"), {"status", "target"}),
            "StatefulSets/protect=daily");
  ASSERT_TRUE(BackedUp("both"));
  EXPECT_EQ(kubectl_.Must({"get", "bk", "both", "-o", "jsonpath={.status.volumes[*].claim}"}),
            "data-app-0 data-web-0");
  const Output tagged = Restic({"snapshots", "--json", "--no-lock", "--tag=statefulset=web"});
  ASSERT_TRUE(tagged.ok()) << tagged.text;
  EXPECT_EQ(ParseJson(tagged.text).value_or(Json::array()).size(), 1u) << tagged.text;

  kubectl_.Shell("app-0", "echo changed > /data/empty");
  kubectl_.Shell("web-0", "echo changed > /data/a");
  const std::string app = DataDigest("app-0");
  kubectl_.Apply(R"(
apiVersion: holdfast.dev/v1alpha1
kind: Restore
metadata: {name: web-back}
spec: {source: {policy: app}, target: {statefulSet: web}}
)");
  ASSERT_TRUE(Restored("web-back"));
  kubectl_.Must({"rollout", "status", "statefulset/web", "--timeout=120s"});
  EXPECT_EQ(kubectl_.Shell("web-0", "cat /data/a"), "first\n");
  EXPECT_EQ(DataDigest("app-0"), app) << "the other was left alone";
}

TEST_F(RestoresTest, SchedulesRunAndRetentionKeepsTheLast) {
  ASSERT_NO_FATAL_FAILURE(MakeProtectedApp(1, 1));
  kubectl_.Apply(PolicyYaml("  retention: {keepLast: 2}\n"));
  for (const char* name : {"one", "two", "three"}) {
    ASSERT_TRUE(BackedUp(name));
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
