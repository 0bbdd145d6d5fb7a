// The node on which a mover writes is cut off, in the midst of a restore in place: once somebody
// has said that the node is gone, another mover finishes on another node.
#include <cstdlib>

#include "tests/e2e/fixture.h"

namespace holdfast::e2e {
namespace {

using std::chrono::seconds;

class LostNodeTest : public EndToEnd {
 protected:
  void TearDown() override {
    if (!lost_.empty()) {
      Node("mend", lost_);
      kubectl_.Run({"taint", "nodes", lost_, "node.kubernetes.io/out-of-service-"});
      kubectl_.Must({"wait", "node/" + lost_, "--for=condition=Ready", "--timeout=120s"});
    }
    kubectl_.Run({"uncordon", home_});
    EndToEnd::TearDown();
  }

  static void Node(const std::string& verb, const std::string& node) {
    const Output done = RunProgram({"tests/cluster/cluster", "node", verb, node, "--name",
                                    std::getenv("HOLDFAST_TEST_CLUSTER")});
    ASSERT_TRUE(done.ok()) << done.text;
  }
  Json FirstVolume() const {
    const Json object = kubectl_.Get("rst", "back");
    const Json* volumes = Find(object, {"status", "volumes"});
    return volumes == nullptr || volumes->empty() ? Json() : volumes->front();
  }

  std::string home_;  // the operator's node
  std::string lost_;
};

TEST_F(LostNodeTest, AnotherMoverFinishesElsewhere) {
  home_ = Kubectl("holdfast-system")
              .Must({"get", "pods", "-l", "app.kubernetes.io/name=holdfast", "-o",
                     "jsonpath={.items[0].spec.nodeName}"});
  MakeSecrets();
  std::string set = StatefulSetYaml(1);
  const std::string claim = "requests: {storage: 1Gi}}";
  // Storage that both nodes see.
  set.replace(set.find(claim), claim.size(), "requests: {storage: 64Mi}}, storageClassName: csi");
  kubectl_.Apply(set);
  kubectl_.Apply(RepositoryYaml("{downloadPerSecond: 2Mi}"));
  kubectl_.Apply(PolicyYaml());
  kubectl_.Must({"rollout", "status", "statefulset/app", "--timeout=120s"});
  kubectl_.Shell("app-0", "dd if=/dev/urandom of=/data/big bs=1M count=32 2>/dev/null");
  const std::string good = DataDigest("app-0");
  kubectl_.Apply(BackupYaml("good"));
  ASSERT_TRUE(WaitForPhase("bk", "good", "Succeeded", seconds(120)));
  kubectl_.Shell("app-0", "rm -rf /data/*");

  kubectl_.Must({"cordon", home_});
  kubectl_.Apply(R"(
apiVersion: holdfast.dev/v1alpha1
kind: Restore
metadata: {name: back}
spec:
  source: {backup: good}
  target: {statefulSet: app}
  deleteExtra: true
)");
  ASSERT_TRUE(WaitUntil("a mover writes", seconds(120),
                        [&] { return !FindString(FirstVolume(), {"progress"}).empty(); }));
  const std::string pod = FindString(FirstVolume(), {"pod"});
  lost_ = FindString(FirstVolume(), {"node"});
  ASSERT_NE(lost_, home_);
  kubectl_.Must({"uncordon", home_});
  ASSERT_NO_FATAL_FAILURE(Node("cut", lost_));
  ASSERT_TRUE(WaitUntil("the node is not ready", seconds(180), [&] {
    return FindString(kubectl_.Condition("node", lost_, "Ready"), {"status"}) == "Unknown";
  }));
  EXPECT_EQ(FindInt(kubectl_.Get("sts", "app"), {"spec", "replicas"}), 0);

  kubectl_.Must(
      {"taint", "nodes", lost_, "node.kubernetes.io/out-of-service=nodeshutdown:NoExecute"});
  ASSERT_TRUE(WaitForPhase("rst", "back", "Succeeded", seconds(300)));
  EXPECT_NE(FindString(FirstVolume(), {"pod"}), pod);
  EXPECT_EQ(FindString(FirstVolume(), {"node"}), home_);
  kubectl_.Must({"rollout", "status", "statefulset/app", "--timeout=120s"});
  EXPECT_EQ(DataDigest("app-0"), good);
}

}  // namespace
}  // namespace holdfast::e2e
