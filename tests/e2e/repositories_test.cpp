// Places that hold repositories, beside the S3 server that all other tests use.
#include <algorithm>
#include <cstdlib>

#include "tests/e2e/fixture.h"

namespace holdfast::e2e {
namespace {

using std::chrono::seconds;

// Where a volume of class "standard" is on this machine (tests/cluster/README.md).
std::string FolderOfVolume(const Kubectl& kubectl, const std::string& claim) {
  const std::string volume = FindString(kubectl.Get("pvc", claim), {"spec", "volumeName"});
  const Json stored = kubectl.Get("pv", volume);
  const std::string path = FindString(stored, {"spec", "hostPath", "path"}) +
                           FindString(stored, {"spec", "local", "path"});
  const char* state = std::getenv("HOLDFAST_STATE");
  return std::string(state == nullptr ? "/var/lib/holdfast-clusters" : state) + "/" +
         std::getenv("HOLDFAST_TEST_CLUSTER") + "/node1" + path;
}

class RepositoriesTest : public EndToEnd {
 protected:
  void MakePassword() const {
    kubectl_.Must({"create", "secret", "generic", "offsite-password",
                   "--from-literal=password=correct horse battery staple"});
  }
  void MakeApp() {
    kubectl_.Apply(StatefulSetYaml(1));
    kubectl_.Must({"rollout", "status", "statefulset/app", "--timeout=120s"});
    kubectl_.Shell("app-0",
                   "cd /data && dd if=/dev/urandom of=big bs=1M count=4 2>/dev/null && echo x > a");
  }
  bool BackedUp(const std::string& name) {
    kubectl_.Apply(BackupYaml(name));
    return WaitForPhase("bk", name, "Succeeded", seconds(120));
  }
};

// Probe and prune are user 65532, the workload's movers user 1000.
TEST_F(RepositoriesTest, AClaimIsSharedByMoversOfDifferentUsers) {
  MakePassword();
  MakeApp();
  kubectl_.Apply(Example("repository-claim.yaml"));
  std::string policy = PolicyYaml("  retention: {keepLast: 1}\n");
  policy.replace(policy.find("offsite"), 7, "nearby");
  kubectl_.Apply(policy);
  ASSERT_TRUE(WaitForReason("bkr", "nearby", "Ready", "True", "", seconds(120)));
  EXPECT_EQ(FindString(kubectl_.Get("bkr", "nearby"), {"status", "location"}),
            "claim:backups/shop/production");
  const std::string before = DataDigest("app-0");
  ASSERT_TRUE(BackedUp("first"));
  ASSERT_TRUE(BackedUp("second"));
  WaitUntil("the first one is forgotten", seconds(120),
            [&] { return kubectl_.Get("bk", "first").is_null(); });

  kubectl_.Shell("app-0", "rm -r /data/*");
  kubectl_.Apply(
      "apiVersion: holdfast.dev/v1alpha1\nkind: Restore\nmetadata: {name: back}\n"
      "spec: {source: {policy: app}, target: {statefulSet: app}, deleteExtra: true}\n");
  ASSERT_TRUE(WaitForPhase("rst", "back", "Succeeded", seconds(180)));
  kubectl_.Must({"rollout", "status", "statefulset/app", "--timeout=120s"});
  EXPECT_EQ(DataDigest("app-0"), before);

  const Output check =
      RunProgram({"env", "RESTIC_PASSWORD=correct horse battery staple", "restic", "--no-cache",
                  "--repo=" + FolderOfVolume(kubectl_, "backups") + "/shop/production", "check",
                  "--read-data", "--no-lock"});
  EXPECT_TRUE(check.ok()) << check.text;
}

TEST_F(RepositoriesTest, AClaimThatIsMissingIsNamedAndHeals) {
  MakePassword();
  const std::string yaml = Example("repository-claim.yaml");
  const std::size_t end_of_claim = yaml.find("---");
  kubectl_.Apply(yaml.substr(end_of_claim));
  ASSERT_TRUE(WaitForReason("bkr", "nearby", "Ready", "False", "Unschedulable", seconds(60)));
  EXPECT_NE(ConditionMessage("bkr", "nearby", "Ready").find("\"backups\" not found"),
            std::string::npos);
  kubectl_.Apply(yaml.substr(0, end_of_claim));
  WaitForReason("bkr", "nearby", "Ready", "True", "", seconds(120));
}

}  // namespace
}  // namespace holdfast::e2e
