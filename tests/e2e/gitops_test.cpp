// What GitOps tools make of our objects, by their own code: Flux's kstatus, and Argo CD with the
// health checks of examples/gitops. And that what was applied stays as it was applied.
#include "tests/e2e/fixture.h"

namespace holdfast::e2e {
namespace {

using std::chrono::seconds;

class GitOpsTest : public EndToEnd {
 protected:
  // "Current, Healthy" and so on: what Flux says, and what Argo CD says.
  std::string Health(const std::string& kind, const std::string& name) const {
    const Output told = RunProgram({"gitops-health", "examples/gitops/argocd-cm.yaml"},
                                   kubectl_.Get(kind, name).dump());
    if (!told.ok()) return told.text;
    return Word(told.text, "Flux: ") + ", " + Word(told.text, "Argo CD: ");
  }
  bool WaitForHealth(const std::string& kind, const std::string& name, const std::string& health) {
    std::string last;
    const bool reached = WaitUntil(kind + "/" + name + " is " + health, seconds(90),
                                   [&] { return (last = Health(kind, name)) == health; });
    EXPECT_TRUE(reached) << "it is " << last;
    return reached;
  }
  // A tool that compares what it applied with what is there finds nothing to do.
  void ExpectNoDrift(const std::string& yaml) const {
    const Output diff = kubectl_.Run({"diff", "-f", "-"}, yaml);
    EXPECT_EQ(diff.exit_code, 0) << diff.text;
  }

 private:
  static std::string Word(const std::string& text, const std::string& after) {
    const std::size_t from = text.find(after) + after.size();
    return text.substr(from, text.find(':', from) - from);
  }
};

TEST_F(GitOpsTest, FluxAndArgoCdSeeWhatIsSo) {
  const std::string policy = PolicyYaml();
  kubectl_.Apply(policy);
  ASSERT_TRUE(WaitForHealth("bkp", "app", "Failed, Degraded")) << "nothing that it names is there";
  // So slow that it can be seen at work.
  const std::string repository = RepositoryYaml("{uploadPerSecond: 2Mi}");
  kubectl_.Apply(repository);
  ASSERT_TRUE(WaitForReason("bkr", "offsite", "Ready", "False", "", seconds(60)));
  MakeSecrets();
  ASSERT_TRUE(WaitForHealth("bkr", "offsite", "Current, Healthy"));
  kubectl_.Apply(StatefulSetYaml(1));
  ASSERT_TRUE(WaitForHealth("bkp", "app", "Current, Healthy"));
  kubectl_.Must({"rollout", "status", "statefulset/app", "--timeout=120s"});
  kubectl_.Shell("app-0", "dd if=/dev/urandom of=/data/big bs=1M count=16 2>/dev/null");

  const std::string backup = BackupYaml("one");
  kubectl_.Apply(backup);
  ASSERT_TRUE(WaitForHealth("bk", "one", "InProgress, Progressing"));
  ASSERT_TRUE(WaitForHealth("bk", "one", "Current, Healthy"));
  for (const std::string& applied : {policy, repository, backup}) ExpectNoDrift(applied);

  const std::string suspended = PolicyYaml("  suspend: true\n");
  kubectl_.Apply(suspended);
  ASSERT_TRUE(WaitForHealth("bkp", "app", "Current, Suspended"));
  ExpectNoDrift(suspended);

  kubectl_.Apply(R"(
apiVersion: holdfast.dev/v1alpha1
kind: Restore
metadata: {name: nothing}
spec:
  source: {repository: offsite, host: elsewhere, path: /nowhere/data}
  target: {claims: [{to: new, size: 1Gi}]}
)");
  ASSERT_TRUE(WaitForHealth("rst", "nothing", "Failed, Degraded")) << "there is no such snapshot";
}

}  // namespace
}  // namespace holdfast::e2e
