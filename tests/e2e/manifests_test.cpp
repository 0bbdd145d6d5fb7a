// Manifests beside the volumes: a workload that is lost with its whole namespace comes back from
// the repository alone, and nobody reads a Secret by it who may not.
#include <algorithm>
#include <cstdlib>
#include <filesystem>

#include "tests/e2e/fixture.h"
#include "tests/e2e/guide.h"

namespace holdfast::e2e {
namespace {

namespace fs = std::filesystem;
using std::chrono::seconds;

constexpr const char* kWorkload = R"(apiVersion: v1
kind: ServiceAccount
metadata: {name: app, annotations: {purpose: app}}
---
apiVersion: v1
kind: ConfigMap
metadata: {name: app}
data: {greeting: "good morning"}
---
apiVersion: v1
kind: ConfigMap
metadata: {name: app-env}
data: {MOOD: "cheerful"}
---
apiVersion: v1
kind: Secret
metadata: {name: app}
stringData: {password: hunter2}
---
apiVersion: v1
kind: Service
metadata: {name: app}
spec: {clusterIP: None, selector: {app: app}, ports: [{port: 80}]}
---
apiVersion: v1
kind: Service
metadata: {name: app-front}
spec: {type: NodePort, selector: {app: app}, ports: [{port: 8080, targetPort: 80}]}
---
apiVersion: v1
kind: Service
metadata: {name: unrelated}
spec: {selector: {app: other}, ports: [{port: 80}]}
---
apiVersion: apps/v1
kind: StatefulSet
metadata: {name: app}
spec:
  replicas: 2
  serviceName: app
  podManagementPolicy: Parallel
  selector: {matchLabels: {app: app}}
  template:
    metadata: {labels: {app: app}}
    spec:
      serviceAccountName: app
      terminationGracePeriodSeconds: 0
      securityContext:
        {runAsNonRoot: true, runAsUser: 1000, runAsGroup: 1000, fsGroup: 1000,
         seccompProfile: {type: RuntimeDefault}}
      volumes: [{name: conf, configMap: {name: app}}]
      containers:
        - name: app
          image: localhost/busybox:dev
          imagePullPolicy: IfNotPresent
          command: [sh, -c, '[ "$PASSWORD$MOOD" = hunter2cheerful ] && grep -q morning /etc/app/greeting && exec sleep infinity']
          env: [{name: PASSWORD, valueFrom: {secretKeyRef: {name: app, key: password}}}]
          envFrom: [{configMapRef: {name: app-env}}, {configMapRef: {name: absent, optional: true}}]
          securityContext: {allowPrivilegeEscalation: false, capabilities: {drop: [ALL]}}
          volumeMounts: [{name: data, mountPath: /data}, {name: conf, mountPath: /etc/app}]
  volumeClaimTemplates:
    - metadata: {name: data}
      spec: {accessModes: [ReadWriteOnce], resources: {requests: {storage: 64Mi}}}
)";

class ManifestsTest : public EndToEnd {
 protected:
  ManifestsTest() {
    std::string pattern = fs::temp_directory_path() / "holdfast-manifests-XXXXXX";
    folder_ = ::mkdtemp(pattern.data());
  }
  ~ManifestsTest() override { fs::remove_all(folder_); }

  void MakeRepository(const std::string& more) const {
    MakeSecrets();
    kubectl_.Apply(RepositoryYaml() + more);
    ASSERT_TRUE(WaitForReason("bkr", "offsite", "Ready", "True", "", seconds(60)));
  }
  void MakeWorkload() const {
    kubectl_.Apply(kWorkload);
    kubectl_.Must({"rollout", "status", "statefulset/app", "--timeout=120s"});
    for (const char* pod : {"app-0", "app-1"})
      kubectl_.Shell(pod, "cd /data && hostname >name && dd if=/dev/urandom of=big bs=1M count=2");
  }
  // Of the i-th StatefulSet.
  Json Manifests(const std::string& backup, std::size_t i = 0) const {
    const Json object = kubectl_.Get("bk", backup);
    const Json* found = Find(object, {"status", "manifests"});
    return found == nullptr || found->size() <= i ? Json::object() : found->at(i);
  }
  // Of all snapshots in the repository, below the namespace.
  std::vector<std::string> Paths() const {
    const auto snapshots = ParseJson(Restic({"snapshots", "--json", "--no-lock"}).text).value();
    std::vector<std::string> paths;
    for (const Json& left : snapshots)
      paths.push_back(left["paths"][0].get<std::string>().substr(kubectl_.ns().size() + 2));
    std::sort(paths.begin(), paths.end());
    return paths;
  }
  // The files that the guide has edited, as whoever brings this test's workload back would.
  void EditExamples() const {
    const fs::path examples = folder_ + "/examples";
    WriteTextFile(examples / "quickstart/00-namespace.yaml",
                  Replaced(TextOf("examples/quickstart/00-namespace.yaml"), "name: shop",
                           "name: " + kubectl_.ns()));
    const Json credentials =
        ParseJson(kubectl_.Must({"get", "secret/store", "secret/repository-password", "cm/store-ca",
                                 "-o", "json"}))
            .value();
    Json list = {{"apiVersion", "v1"}, {"kind", "List"}, {"items", Json::array()}};
    for (Json object : credentials["items"]) {
      object["metadata"] = {{"name", object["metadata"]["name"]}, {"namespace", kubectl_.ns()}};
      list["items"].push_back(std::move(object));
    }
    WriteTextFile(examples / "quickstart/20-credentials.yaml", DumpJson(list));
    WriteTextFile(examples / "disaster-recovery/10-repository.yaml",
                  Replaced(RepositoryYaml(), "{name: offsite}",
                           "{name: offsite, namespace: " + kubectl_.ns() + "}") +
                      "  createIfMissing: false\n  import: {}\n");
    WriteTextFile(examples / "disaster-recovery/20-restore.yaml",
                  Replaced(Example("disaster-recovery/20-restore.yaml"), "postgres", "app"));
  }
  // The guide's own commands, in the folder of those examples.
  Output FollowTheGuide() const {
    std::string commands = CommandsAfter("manifests.md", "## Bringing it back");
    commands = Replaced(std::move(commands), "postgres", "app");
    commands = Replaced(std::move(commands), "-n shop", "-n " + kubectl_.ns());
    commands = Replaced(std::move(commands), "/shop/", "/" + kubectl_.ns() + "/");
    commands = Replaced(std::move(commands), "--host production", "--host test");
    const char* program = std::getenv("HOLDFAST_KUBECTL");
    const std::string path = program == nullptr ? "" : fs::path(program).parent_path().string();
    return RunProgram(
        {"env", "PATH=" + path + ":" + std::getenv("PATH"), "RESTIC_NO_CACHE=true",
         "AWS_ACCESS_KEY_ID=" + store_.access_key, "AWS_SECRET_ACCESS_KEY=" + store_.secret_key,
         "SSL_CERT_FILE=" + store_.ca_file, "RESTIC_PASSWORD=correct horse battery staple",
         "RESTIC_REPOSITORY=s3:" + store_.endpoint + "/" + store_.bucket + "/e2e/" + kubectl_.ns(),
         "bash", "-euxo", "pipefail", "-c", "cd " + folder_ + "\n" + commands});
  }
  Json Fetched(const std::string& snapshot, const std::string& file) const {
    const Output output =
        Restic({"dump", "-q", snapshot, "/" + kubectl_.ns() + "/manifests/app/" + file});
    return output.ok() ? ParseJson(output.text).value_or(Json()) : Json();
  }

  std::string folder_;
};

TEST_F(ManifestsTest, AWorkloadComesBackIntoAnEmptyNamespaceByTheGuide) {
  ASSERT_NO_FATAL_FAILURE(MakeRepository("  acceptsSecrets: true\n"));
  MakeWorkload();
  const std::string first = DataDigest("app-0"), second = DataDigest("app-1");
  kubectl_.Apply(Example("policy-manifests.yaml"));
  ASSERT_TRUE(BackedUp("run"));
  const Json kept = Manifests("run");
  EXPECT_EQ(kept["objects"],
            Json::array({"ConfigMap/app", "ConfigMap/app-env", "PersistentVolumeClaim/data-app-0",
                         "PersistentVolumeClaim/data-app-1", "Secret/app", "Service/app",
                         "Service/app-front", "ServiceAccount/app", "StatefulSet/app"}));
  EXPECT_EQ(kept["missing"], Json::array({"ConfigMap/absent: it does not exist, or is empty"}));
  EXPECT_EQ(kept["files"], 9);
  EXPECT_EQ(kept["secrets"], true);

  // What a Restore writes, whoever may mount the claim can read.
  kubectl_.Apply(R"(apiVersion: holdfast.dev/v1alpha1
kind: Restore
metadata: {name: peek}
spec:
  source: {repository: offsite, snapshot: )" +
                 FindString(kept, {"snapshot"}) + R"(}
  target: {claims: [{from: manifests, to: peek, size: 64Mi}]}
)");
  ASSERT_TRUE(WaitForPhase("rst", "peek", "Failed", seconds(60)));
  EXPECT_NE(DumpJson(kubectl_.Get("rst", "peek")).find("holds Secrets"), std::string::npos);

  EditExamples();
  kubectl_.Must({"delete", "namespace", kubectl_.ns(), "--timeout=120s"});
  const Output followed = FollowTheGuide();
  ASSERT_TRUE(followed.ok()) << followed.text;
  EXPECT_EQ(DataDigest("app-0"), first);
  EXPECT_EQ(DataDigest("app-1"), second);
  EXPECT_EQ(FindString(kubectl_.Get("sa", "app"), {"metadata", "annotations", "purpose"}), "app");
  EXPECT_EQ(FindString(kubectl_.Get("svc", "app"), {"spec", "clusterIP"}), "None");
  EXPECT_EQ(FindString(kubectl_.Get("svc", "app-front"), {"spec", "type"}), "NodePort");
  EXPECT_TRUE(kubectl_.Get("svc", "unrelated").is_null());
}

TEST_F(ManifestsTest, GoWithTheirBackupAndHaveNoSecretsUnasked) {
  ASSERT_NO_FATAL_FAILURE(MakeRepository(""));
  MakeWorkload();
  kubectl_.Apply(PolicyYaml("  manifests: {include: true}\n  retention: {keepLast: 1}\n"));
  ASSERT_TRUE(BackedUp("first"));
  const std::string snapshot = FindString(Manifests("first"), {"snapshot"});
  EXPECT_EQ(FindString(Fetched(snapshot, "StatefulSet-app.json"), {"metadata", "name"}), "app");
  EXPECT_TRUE(Fetched(snapshot, "Secret-app.json").is_null());
  EXPECT_NE(DumpJson(Manifests("first")["missing"]).find("Secret/app: "), std::string::npos);

  ASSERT_TRUE(BackedUp("second"));
  ASSERT_TRUE(WaitUntil("the first Backup is forgotten", seconds(120),
                        [&] { return kubectl_.Get("bk", "first").is_null(); }));
  EXPECT_EQ(Paths(), (std::vector<std::string>{"data-app-0", "data-app-1", "manifests/app"}));
}

// A StatefulSet with volumes and one without any, both by their label.
TEST_F(ManifestsTest, EveryStatefulSetOfASelectorHasItsOwn) {
  ASSERT_NO_FATAL_FAILURE(MakeRepository(""));
  MakeWorkload();
  kubectl_.Must({"label", "statefulset", "app", "backup=daily"});
  kubectl_.Apply(R"(apiVersion: apps/v1
kind: StatefulSet
metadata: {name: front, labels: {backup: daily}}
spec:
  replicas: 0
  serviceName: app-front
  selector: {matchLabels: {app: front}}
  template:
    metadata: {labels: {app: front}}
    spec: {containers: [{name: front, image: localhost/busybox:dev, envFrom: [{configMapRef: {name: app-env}}]}]}
)");
  kubectl_.Apply(Replaced(Example("policy-selector.yaml"), "keepDaily: 14", "keepLast: 1") +
                 "  suspend: true\n");
  for (const char* name : {"first", "second"}) {
    kubectl_.Apply(Replaced(BackupYaml(name), "policy: app", "policy: daily"));
    ASSERT_TRUE(WaitForPhase("bk", name, "Succeeded", seconds(120)));
  }
  EXPECT_EQ(FindString(Manifests("second"), {"statefulSet"}), "app");
  EXPECT_EQ(FindString(Manifests("second", 1), {"statefulSet"}), "front");
  EXPECT_EQ(Manifests("second", 1)["objects"],
            Json::array({"ConfigMap/app-env", "Service/app-front", "StatefulSet/front"}));
  const Output front = Restic({"dump", "-q", FindString(Manifests("second", 1), {"snapshot"}),
                               "/" + kubectl_.ns() + "/manifests/front/StatefulSet-front.json"});
  EXPECT_EQ(FindString(ParseJson(front.text).value_or(Json()), {"metadata", "name"}), "front")
      << front.text;
  ASSERT_TRUE(WaitUntil("the first Backup is forgotten", seconds(120),
                        [&] { return kubectl_.Get("bk", "first").is_null(); }));
  EXPECT_EQ(Paths(), (std::vector<std::string>{"data-app-0", "data-app-1", "manifests/app",
                                               "manifests/front"}));
}

// Whoever may write policies and repositories but not get Secrets does not gain that right by
// manifests.
TEST_F(ManifestsTest, SecretsAreAskedForOnlyByThoseWhoMayGetThem) {
  MakeSecrets();
  kubectl_.Must({"create", "role", "author", "--verb=get,create,patch,update",
                 "--resource=backuppolicies.holdfast.dev,backuprepositories.holdfast.dev"});
  kubectl_.Must({"create", "rolebinding", "author", "--role=author", "--user=jane"});
  const auto apply = [&](const std::string& yaml) {
    return kubectl_.Run({"--as=jane", "apply", "-f", "-"}, yaml);
  };
  const auto refused = [&](const std::string& yaml) {
    return apply(yaml).text.find("jane may not get secrets") != std::string::npos;
  };
  const std::string secrets = "  manifests: {include: true, secrets: true}\n";
  const std::string policy = PolicyYaml(secrets);
  const std::string repository = RepositoryYaml() + "  acceptsSecrets: true\n";
  // The admission policies take a moment to come into force after they were installed.
  for (const std::string& yaml : {policy, repository})
    ASSERT_TRUE(WaitUntil("Secrets of one who may not get them are refused", seconds(30),
                          [&] { return refused(yaml); }));
  for (const std::string& yaml : {PolicyYaml("  manifests: {include: true}\n"), RepositoryYaml()}) {
    const Output without = apply(yaml);
    EXPECT_TRUE(without.ok()) << without.text;
  }

  kubectl_.Must({"create", "role", "reader", "--verb=get", "--resource=secrets"});
  kubectl_.Must({"create", "rolebinding", "reader", "--role=reader", "--user=jane"});
  Output allowed = apply(policy);
  ASSERT_TRUE(allowed.ok()) << allowed.text;
  kubectl_.Apply(kWorkload);
  EXPECT_TRUE(WaitForReason("bkp", "app", "Stalled", "True", "SecretsNotAccepted", seconds(60)));
  allowed = apply(repository);
  ASSERT_TRUE(allowed.ok()) << allowed.text;
  EXPECT_TRUE(WaitForReason("bkp", "app", "Ready", "True", "", seconds(60)));

  kubectl_.Must({"delete", "rolebinding", "reader"});
  const Output suspended = apply(PolicyYaml("  suspend: true\n" + secrets));
  EXPECT_TRUE(suspended.ok()) << "what is kept stays as it is: " << suspended.text;
  EXPECT_TRUE(refused(Replaced(policy, "statefulSet: app", "statefulSet: vault")));
  EXPECT_FALSE(apply(Replaced(repository, "prefix: e2e", "prefix: hers")).ok())
      << "nobody moves one that was opened";
  EXPECT_TRUE(refused(Replaced(repository, "repository-password", "hers")));
  EXPECT_TRUE(refused(RepositoryYaml())) << "nor what was accepted before";
}

}  // namespace
}  // namespace holdfast::e2e
