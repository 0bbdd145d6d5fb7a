// Restores to where the data did not come from: other claims, a part of a StatefulSet, another size
// of it, another namespace, another cluster.
#include <cstdlib>
#include <filesystem>
#include <memory>
#include <utility>

#include "tests/e2e/fixture.h"
#include "tests/e2e/guide.h"
#include "tests/e2e/second_cluster.h"

namespace holdfast::e2e {
namespace {

namespace fs = std::filesystem;
using std::chrono::seconds;

class ElsewhereTest : public EndToEnd {
 protected:
  std::string Message(const std::string& restore) const {
    return ConditionMessage("rst", restore, "Ready");
  }
  std::string InPlace(const std::string& name, const std::string& more = "") const {
    return "apiVersion: holdfast.dev/v1alpha1\nkind: Restore\nmetadata: {name: " + name +
           "}\nspec:\n  source: {policy: app}\n  target: {statefulSet: app" + more + "}\n";
  }
  std::string SecretsAsYaml() const {
    const Json objects =
        ParseJson(kubectl_.Must({"get", "secret/store", "secret/repository-password", "cm/store-ca",
                                 "-o", "json"}))
            .value();
    Json list = {{"apiVersion", "v1"}, {"kind", "List"}, {"items", Json::array()}};
    for (Json object : objects["items"]) {
      object["metadata"] = {{"name", object["metadata"]["name"]}, {"namespace", kubectl_.ns()}};
      list["items"].push_back(std::move(object));
    }
    return DumpJson(list);
  }
};

TEST_F(ElsewhereTest, NewClaimsOfOtherNamesSizesClassesAndModes) {
  ASSERT_NO_FATAL_FAILURE(MakeProtectedApp(2, 24));
  ASSERT_TRUE(BackedUp("first"));
  const std::string all = DataDigest("app-0"), content = ContentDigest("app-1");
  kubectl_.Apply(Replaced(Example("restore-elsewhere.yaml"), "postgres", "app"));
  WaitUntil("the Restore says how long it will take", seconds(60), [&] {
    return Message("app-elsewhere").find("Expected to take ") != std::string::npos;
  });
  ASSERT_TRUE(Restored("app-elsewhere"));
  const Json larger = kubectl_.Get("pvc", "app-larger")["spec"];
  EXPECT_EQ(larger["resources"]["requests"]["storage"], "2Gi");
  EXPECT_EQ(larger["storageClassName"], "standard") << "the cluster's default";
  EXPECT_EQ(larger["accessModes"], Json::array({"ReadWriteOnce"}));
  const Json shared = kubectl_.Get("pvc", "app-shared")["spec"];
  EXPECT_EQ(shared["storageClassName"], "csi-wait");
  EXPECT_EQ(shared["accessModes"], Json::array({"ReadWriteMany"}));
  MakePod("larger", "app-larger");
  MakePod("shared", "app-shared");
  EXPECT_EQ(DataDigest("larger"), all);
  EXPECT_EQ(ContentDigest("shared"), content);

  // The first estimate goes by the Backup, the second by the first Restore.
  const Json first = kubectl_.Get("rst", "app-elsewhere")["status"]["estimate"];
  EXPECT_NE(FindString(first, {"basis"}).find("the speed of the Backup"), std::string::npos)
      << first;
  EXPECT_GT(first["bytes"], 48 << 20) << first;
  EXPECT_EQ(FindString(first, {"error"}).substr(0, 5), "took ") << first;
  EXPECT_TRUE(WaitUntil("the repository tells its rate", seconds(30), [&] {
    const Json repository = kubectl_.Get("bkr", "offsite");
    return FindInt(repository, {"status", "restoreBytesPerSecond"}).value_or(0) > 0;
  }));
  kubectl_.Apply(InPlace("back"));
  ASSERT_TRUE(Restored("back"));
  const Json second = kubectl_.Get("rst", "back")["status"]["estimate"];
  EXPECT_EQ(FindString(second, {"basis"}).find("the last restores from this repository"), 0u)
      << second;
  EXPECT_EQ(FindString(second, {"error"}).substr(0, 5), "took ") << second;
  std::cout << "estimates: " << first << "\n           " << second << std::endl;
  const Json policy = kubectl_.Get("bkp", "app");
  EXPECT_GT(FindInt(policy, {"status", "recoverySeconds"}).value_or(0), 0) << policy["status"];
  EXPECT_NE(FindString(policy, {"status", "recoveryTime"}), "");
}

TEST_F(ElsewhereTest, MoreAndFewerReplicasAndOneOrdinalAlone) {
  ASSERT_NO_FATAL_FAILURE(MakeProtectedApp(2, 1));
  ASSERT_TRUE(BackedUp("two"));
  const std::string first = DataDigest("app-0"), second = DataDigest("app-1");
  const auto spoil = [&](const std::string& pod) {
    kubectl_.Shell(pod, "echo spoiled > /data/empty");
  };

  kubectl_.Must({"scale", "statefulset/app", "--replicas=3"});
  kubectl_.Must({"rollout", "status", "statefulset/app", "--timeout=120s"});
  for (const char* pod : {"app-0", "app-1", "app-2"}) spoil(pod);
  kubectl_.Apply(InPlace("more"));
  ASSERT_TRUE(Restored("more"));
  EXPECT_NE(Message("more").find("Not in the source, and left as they are: data-app-2."),
            std::string::npos)
      << Message("more");
  kubectl_.Must({"rollout", "status", "statefulset/app", "--timeout=120s"});
  EXPECT_EQ(DataDigest("app-0"), first);
  EXPECT_EQ(DataDigest("app-1"), second);
  EXPECT_EQ(kubectl_.Shell("app-2", "cat /data/empty"), "spoiled\n");

  spoil("app-0");
  spoil("app-1");
  const std::string untouched = DataDigest("app-0");
  const std::string part = Replaced(Example("restore-part.yaml"), "postgres", "app");
  kubectl_.Apply(Replaced(part, "deleteExtra: true", "deleteExtra: false"));
  ASSERT_TRUE(Restored("app-one-replica"));
  EXPECT_NE(Message("app-one-replica").find("All pods of the StatefulSet stop meanwhile"),
            std::string::npos)
      << Message("app-one-replica");
  EXPECT_EQ(
      kubectl_.Must({"get", "rst", "app-one-replica", "-o", "jsonpath={.status.volumes[*].claim}"}),
      "data-app-1");
  kubectl_.Must({"rollout", "status", "statefulset/app", "--timeout=120s"});
  EXPECT_EQ(DataDigest("app-1"), second);
  EXPECT_EQ(DataDigest("app-0"), untouched);

  kubectl_.Must({"scale", "statefulset/app", "--replicas=1"});
  ASSERT_TRUE(WaitUntil("pod app-1 is gone", seconds(60),
                        [&] { return kubectl_.Get("pod", "app-1").is_null(); }));
  kubectl_.Apply(InPlace("fewer"));
  ASSERT_TRUE(Restored("fewer"));
  EXPECT_NE(
      Message("fewer").find("In the source, but without a pod of the StatefulSet: data-app-1."),
      std::string::npos)
      << Message("fewer");
  EXPECT_EQ(FindInt(kubectl_.Get("sts", "app"), {"spec", "replicas"}), 1);
  EXPECT_EQ(DataDigest("app-0"), first);

  kubectl_.Apply(InPlace("none", ", ordinals: [1]"));
  EXPECT_TRUE(WaitForReason("rst", "none", "Stalled", "True", "InvalidSpec", seconds(30)));
  EXPECT_NE(Message("none").find("StatefulSet app has no pod app-1"), std::string::npos);
}

// Two objects beside the workload itself, which has another name here.
TEST_F(ElsewhereTest, AnotherNamespace) {
  ASSERT_NO_FATAL_FAILURE(MakeProtectedApp(2, 1));
  ASSERT_TRUE(BackedUp("run"));
  const std::string first = DataDigest("app-0"), second = DataDigest("app-1");
  const std::string repository = InStore(Example("another-namespace/10-repository.yaml"));
  std::string restore = Example("another-namespace/20-restore.yaml");
  restore = Replaced(restore, "statefulSet: postgres", "statefulSet: clone");
  restore = Replaced(restore, "policy: postgres", "policy: app");
  const std::string set = Replaced(Replaced(StatefulSetYaml(0), "{name: app}", "{name: clone}"),
                                   "serviceName: app", "serviceName: clone");

  const Kubectl here = std::exchange(kubectl_, Kubectl(kubectl_.ns() + "-copy"));
  kubectl_.Must({"create", "namespace", kubectl_.ns()});
  MakeSecrets();
  kubectl_.Apply(set);
  kubectl_.Apply(restore);
  kubectl_.Apply(repository);
  ASSERT_TRUE(Restored("bring-over"));
  kubectl_.Must({"scale", "statefulset/clone", "--replicas=2"});
  kubectl_.Must({"rollout", "status", "statefulset/clone", "--timeout=120s"});
  EXPECT_EQ(DataDigest("clone-0"), first);
  EXPECT_EQ(DataDigest("clone-1"), second);
  here.Run({"delete", "namespace", here.ns(), "--wait=false"});
}

// docs/guide/manifests.md, as it is written, where there is nothing but Holdfast and another
// cluster's repository.
TEST_F(ElsewhereTest, AWholeStatefulSetWithItsManifestsIntoAnotherCluster) {
  ASSERT_NO_FATAL_FAILURE(MakeProtectedApp(2, 1));
  kubectl_.Apply(PolicyYaml("  manifests: {include: true}\n"));
  ASSERT_TRUE(BackedUp("run"));
  const std::string first = DataDigest("app-0"), second = DataDigest("app-1");

  std::string folder = fs::temp_directory_path() / "holdfast-elsewhere-XXXXXX";
  ASSERT_NE(::mkdtemp(folder.data()), nullptr);
  const fs::path examples = fs::path(folder) / "examples";
  WriteTextFile(examples / "quickstart/00-namespace.yaml",
                Replaced(TextOf("examples/quickstart/00-namespace.yaml"), "name: shop",
                         "name: " + kubectl_.ns()));
  WriteTextFile(examples / "quickstart/20-credentials.yaml", SecretsAsYaml());
  WriteTextFile(examples / "disaster-recovery/10-repository.yaml",
                Replaced(RepositoryYaml(), "{name: offsite}",
                         "{name: offsite, namespace: " + kubectl_.ns() + "}") +
                    "  createIfMissing: false\n  import: {cluster: test}\n");
  WriteTextFile(examples / "disaster-recovery/20-restore.yaml",
                Replaced(Example("disaster-recovery/20-restore.yaml"), "postgres", "app"));
  std::string commands = CommandsAfter("manifests.md", "## Bringing it back");
  commands = Replaced(std::move(commands), "postgres", "app");
  commands = Replaced(std::move(commands), "-n shop", "-n " + kubectl_.ns());
  commands = Replaced(std::move(commands), "/shop/", "/" + kubectl_.ns() + "/");
  commands = Replaced(std::move(commands), "--host production", "--host test");

  SecondCluster there;
  const char* program = std::getenv("HOLDFAST_KUBECTL");
  const std::string path = program == nullptr ? "" : fs::path(program).parent_path().string();
  const Output followed = RunProgram(
      {"env", "KUBECONFIG=" + there.kubeconfig(), "PATH=" + path + ":" + std::getenv("PATH"),
       "RESTIC_NO_CACHE=true", "AWS_ACCESS_KEY_ID=" + store_.access_key,
       "AWS_SECRET_ACCESS_KEY=" + store_.secret_key, "SSL_CERT_FILE=" + store_.ca_file,
       "RESTIC_PASSWORD=correct horse battery staple",
       "RESTIC_REPOSITORY=s3:" + store_.endpoint + "/" + store_.bucket + "/e2e/" + kubectl_.ns(),
       "bash", "-euxo", "pipefail", "-c", "cd " + folder + "\n" + commands});
  fs::remove_all(folder);
  const Kubectl here = std::exchange(kubectl_, there.In(kubectl_.ns()));
  EXPECT_TRUE(followed.ok()) << followed.text;
  if (followed.ok()) {
    EXPECT_EQ(DataDigest("app-0"), first);
    EXPECT_EQ(DataDigest("app-1"), second);
    EXPECT_EQ(FindString(kubectl_.Get("svc", "app"), {"spec", "clusterIP"}), "None");
  }
  kubectl_ = here;
  EXPECT_EQ(DataDigest("app-0"), first) << "what was backed up is as it was";
}

}  // namespace
}  // namespace holdfast::e2e
