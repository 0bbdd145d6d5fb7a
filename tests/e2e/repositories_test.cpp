// Places that hold repositories, beside the S3 server that all other tests use.
#include <algorithm>
#include <cstdlib>

#include "tests/e2e/cluster.h"
#include "tests/e2e/fixture.h"

namespace holdfast::e2e {
namespace {

using std::chrono::seconds;

std::string NodeOf(const Kubectl& kubectl, const std::string& pod) {
  return FindString(kubectl.Get("pod", pod), {"spec", "nodeName"});
}

// Where a volume of class "standard" on `node` is on this machine (tests/cluster/README.md).
std::string FolderOfVolume(const Kubectl& kubectl, const std::string& claim,
                           const std::string& node) {
  const std::string volume = FindString(kubectl.Get("pvc", claim), {"spec", "volumeName"});
  const Json stored = kubectl.Get("pv", volume);
  const std::string path = FindString(stored, {"spec", "hostPath", "path"}) +
                           FindString(stored, {"spec", "local", "path"});
  const char* state = std::getenv("HOLDFAST_STATE");
  return std::string(state == nullptr ? "/var/lib/holdfast-clusters" : state) + "/" +
         ClusterName() + "/" + node + path;
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
};

class ImportTest : public RepositoriesTest {
 protected:
  static constexpr const char* kDelete = R"({"spec":{"deletionPolicy":"Delete"}})";

  std::size_t CountSnapshots() const {
    const Output output = Restic({"snapshots", "--json", "--no-lock"}, prefix_);
    EXPECT_TRUE(output.ok()) << output.text;
    return ParseJson(output.text).value_or(Json::array()).size();
  }
  bool IsGone(const std::string& backup) {
    return WaitUntil("Backup " + backup + " is gone", seconds(120),
                     [&] { return kubectl_.Get("bk", backup).is_null(); });
  }
  std::string RepositoryOfTheLost(const std::string& ns) const {
    return Replaced(InStore(Example("disaster-recovery/10-repository.yaml"), prefix_),
                    "newest: 100", "newest: 100\n    namespace: " + ns);
  }

  std::string prefix_;
};

// Another namespace stands for another cluster: what was backed up in the first is restored in it
// by two objects that are applied at once.
TEST_F(ImportTest, TwoObjectsBringALostWorkloadBack) {
  ASSERT_NO_FATAL_FAILURE(MakeProtectedApp(1, 2));
  Kubectl lost = kubectl_;
  prefix_ = "e2e/" + lost.ns();
  ASSERT_TRUE(BackedUp("first"));
  kubectl_.Shell("app-0", "echo newer > /data/empty");
  const std::string before = DataDigest("app-0");
  ASSERT_TRUE(BackedUp("second"));
  const Output others = Restic({"backup", "--host=somebody", "examples"}, prefix_);
  ASSERT_TRUE(others.ok()) << others.text;
  ASSERT_EQ(CountSnapshots(), 3u);

  kubectl_ = Kubectl(lost.ns() + "-new");
  kubectl_.Must({"create", "namespace", kubectl_.ns()});
  MakeSecrets();
  kubectl_.Apply(StatefulSetYaml(1));
  std::string restore = Example("disaster-recovery/20-restore.yaml");
  restore = Replaced(restore, "policy: postgres", "policy: app");
  kubectl_.Apply(Replaced(restore, "statefulSet: postgres", "statefulSet: app"));
  kubectl_.Apply(RepositoryOfTheLost(lost.ns()));
  ASSERT_TRUE(Restored("bring-back"));
  kubectl_.Must({"rollout", "status", "statefulset/app", "--timeout=120s"});
  EXPECT_EQ(DataDigest("app-0"), before) << "the latest one";

  const Json import = kubectl_.Get("bkr", "offsite")["status"]["lastImport"];
  EXPECT_EQ(FindString(import, {"state"}), "Succeeded") << import;
  EXPECT_NE(FindString(import, {"message"}).find("2 Backups found"), std::string::npos) << import;
  const std::string imported = kubectl_.Must(
      {"get", "bk", "-o", "jsonpath={range .items[*]}{.metadata.name}={.status.phase} {end}"});
  EXPECT_EQ(imported, "first=Succeeded second=Succeeded ");
  EXPECT_EQ(FindString(kubectl_.Condition("bk", "first", "Ready"), {"reason"}), "Imported");

  // What is of another namespace stays, whatever is asked for; what is of this one goes when it is.
  kubectl_.Must({"patch", "bk", "first", "--type=merge", "-p", kDelete});
  kubectl_.Must({"delete", "bk", "first", "second", "--timeout=60s"});
  EXPECT_EQ(CountSnapshots(), 3u);
  lost.Must({"delete", "bk", "second"});
  lost.Must({"patch", "bkr", "offsite", "--type=merge", "-p", R"({"spec":{"import":{}}})"});
  std::swap(kubectl_, lost);
  ASSERT_TRUE(WaitForReason("bk", "second", "Ready", "True", "Imported", seconds(120)));
  kubectl_.Must({"patch", "bk", "second", "--type=merge", "-p", kDelete});
  kubectl_.Must({"delete", "bk", "second", "--wait=false"});
  ASSERT_TRUE(IsGone("second"));
  EXPECT_EQ(CountSnapshots(), 2u);
  lost.Run({"delete", "namespace", lost.ns(), "--wait=false"});
}

class CopiesTest : public ImportTest {
 protected:
  // "faraway" of the example, in the test's store.
  std::string Faraway() const {
    std::string yaml = Example("copy-to.yaml");
    yaml.resize(yaml.find("---"));
    return InStore(yaml, prefix_);
  }
  std::string Policy() const {
    std::string yaml = Example("copy-to.yaml");
    yaml = yaml.substr(yaml.find("---"));
    yaml = Replaced(yaml, "statefulSet: postgres", "statefulSet: app");
    yaml = Replaced(yaml, "name: postgres", "name: app");
    const std::size_t schedules = yaml.find("  schedules:");
    return yaml.substr(0, schedules) + "  retention: {keepLast: 1}\n";
  }
  void Restore(const std::string& name, const std::string& source, const std::string& target) {
    kubectl_.Apply("apiVersion: holdfast.dev/v1alpha1\nkind: Restore\nmetadata: {name: " + name +
                   "}\nspec: {source: " + source + ", target: " + target +
                   ", deleteExtra: true}\n");
    ASSERT_TRUE(Restored(name));
  }
  // The repository before its claim, which it waits for. The storage is one node's own: that of the
  // workload, not the one where the first mover of the repository happens to run.
  void MakeRepositoryOnAClaim() {
    const std::string yaml = Example("repository-claim.yaml");
    const std::size_t end_of_claim = yaml.find("---");
    kubectl_.Apply(yaml.substr(end_of_claim));
    WaitForReason("bkr", "nearby", "Ready", "False", "Unschedulable", seconds(60));
    EXPECT_NE(ConditionMessage("bkr", "nearby", "Ready").find("\"backups\" not found"),
              std::string::npos);
    kubectl_.Apply(Replaced(yaml.substr(0, end_of_claim), "metadata:",
                            "metadata:\n  annotations: {volume.kubernetes.io/selected-node: " +
                                NodeOf(kubectl_, "app-0") + "}"));
  }
  bool IsCopied(const std::string& backup) {
    return WaitUntil("Backup " + backup + " is copied", seconds(120), [&] {
      const Json status = kubectl_.Get("bk", backup)["status"];
      return status.contains("copies") && FindString(status["copies"][0], {"state"}) == "Succeeded";
    });
  }
};

// From a claim to S3. Probes and forgets are user 65532 on the claim, the workload's movers user
// 1000. The second repository comes late, and the first backup is copied all the same.
TEST_F(CopiesTest, EveryBackupIsCopiedAndRetentionHoldsInBoth) {
  prefix_ = "e2e/" + kubectl_.ns();
  MakePassword();
  MakeSecrets();
  MakeApp();
  MakeRepositoryOnAClaim();
  kubectl_.Apply(Policy());
  ASSERT_TRUE(BackedUp("first"));
  EXPECT_EQ(FindString(kubectl_.Get("bkr", "nearby"), {"status", "location"}),
            "claim:backups/shop/production");
  WaitUntil("the copy says what it waits for", seconds(30), [&] {
    const Json status = kubectl_.Get("bk", "first")["status"];
    return status.contains("copies") &&
           FindString(status["copies"][0], {"message"}).find("\"faraway\"") != std::string::npos;
  });
  kubectl_.Apply(Faraway());
  ASSERT_TRUE(IsCopied("first"));
  EXPECT_EQ(CountSnapshots(), 1u);

  const std::string before = DataDigest("app-0");
  ASSERT_TRUE(BackedUp("second"));
  ASSERT_TRUE(IsCopied("second"));
  ASSERT_TRUE(IsGone("first"));
  EXPECT_EQ(CountSnapshots(), 1u) << "forgotten in both";
  const Output check = Restic({"check", "--read-data", "--no-lock"}, prefix_);
  EXPECT_TRUE(check.ok()) << check.text;
  const Output check_claim =
      RunProgram({"env", "RESTIC_PASSWORD=correct horse battery staple", "restic", "--no-cache",
                  "--repo=" + FolderOfVolume(kubectl_, "backups", NodeOf(kubectl_, "app-0")) +
                      "/shop/production",
                  "check", "--read-data", "--no-lock"});
  EXPECT_TRUE(check_claim.ok()) << check_claim.text;

  kubectl_.Shell("app-0", "rm -r /data/*");
  ASSERT_NO_FATAL_FAILURE(Restore("from-the-claim", "{policy: app}", "{statefulSet: app}"));
  kubectl_.Must({"rollout", "status", "statefulset/app", "--timeout=120s"});
  EXPECT_EQ(DataDigest("app-0"), before);

  kubectl_.Must({"scale", "statefulset/app", "--replicas=0"});
  ASSERT_NO_FATAL_FAILURE(Restore(
      "from-the-copy", "{repository: faraway, host: test, path: /" + kubectl_.ns() + "/data-app-0}",
      "{claims: [{from: data-app-0, to: data-app-0}]}"));
  kubectl_.Must({"scale", "statefulset/app", "--replicas=1"});
  kubectl_.Must({"rollout", "status", "statefulset/app", "--timeout=120s"});
  EXPECT_EQ(DataDigest("app-0"), before);
}

// As docs/guide/rotation.md says: both passwords are good while the Secret changes.
class RotationTest : public RepositoriesTest {
 protected:
  Output Key(std::vector<std::string> words, const std::string& password) const {
    std::vector<std::string> line = {"env",
                                     "AWS_ACCESS_KEY_ID=" + store_.access_key,
                                     "AWS_SECRET_ACCESS_KEY=" + store_.secret_key,
                                     "RESTIC_PASSWORD=" + password,
                                     "HOLDFAST_NEW_PASSWORD=a new one",
                                     "build/bin/holdfast-mover",
                                     "key"};
    line.insert(line.end(), words.begin(), words.end());
    line.push_back("--ca-file=" + store_.ca_file);
    line.push_back("--repo=s3:" + store_.endpoint + "/" + store_.bucket + "/e2e/" + kubectl_.ns());
    return RunProgram(line);
  }
  // The id of the key that is not in use: its line begins without the star.
  static std::string Other(const std::string& list) {
    const std::size_t at = list.starts_with(' ') ? 0 : list.find("\n ") + 1;
    return list.substr(at + 1, 8);
  }
};

TEST_F(RotationTest, APasswordChangesWithoutAMissedRun) {
  ASSERT_NO_FATAL_FAILURE(MakeProtectedApp(1, 1));
  ASSERT_TRUE(BackedUp("before"));
  const std::string old_one = "correct horse battery staple";
  const Output added = Key({"add"}, old_one);
  ASSERT_TRUE(added.ok()) << added.text;
  ASSERT_TRUE(BackedUp("between"));
  kubectl_.Must({"patch", "secret", "repository-password", "--patch",
                 R"({"stringData": {"password": "a new one"}})"});
  ASSERT_TRUE(BackedUp("after"));
  const Output removed = Key({"remove", Other(Key({"list"}, "a new one").text)}, "a new one");
  ASSERT_TRUE(removed.ok()) << removed.text;
  ASSERT_TRUE(BackedUp("later"));
  EXPECT_EQ(Key({"list"}, old_one).exit_code, 12) << "it opens nothing any more";
  EXPECT_FALSE(kubectl_.Get("bk", "later")["status"]["volumes"][0].value("parent", "").empty())
      << "and all that was there is";
}

// restic's own server, on this machine where pods reach it, behind TLS and with one user.
class RestTest : public RepositoriesTest {
 protected:
  void SetUp() override {
    RepositoriesTest::SetUp();
    const std::string host =
        store_.endpoint.substr(8, store_.endpoint.find_last_of(':') - 8);  // of https://host:port
    const Output started = RunProgram({"tests/e2e/rest_server", "start", host});
    ASSERT_TRUE(started.ok()) << started.text;
    folder_ = FindString(ParseJson(started.text).value_or(Json()), {"folder"});
    url_ = FindString(ParseJson(started.text).value_or(Json()), {"url"});
  }
  void TearDown() override {
    RepositoriesTest::TearDown();
    const Output stopped = RunProgram({"tests/e2e/rest_server", "stop", folder_});
    EXPECT_TRUE(stopped.ok()) << stopped.text;
  }

  std::string folder_;
  std::string url_;
};

TEST_F(RestTest, BackupsAndRestoresByResticsProtocol) {
  MakePassword();
  kubectl_.Must({"create", "secret", "generic", "rest-credentials",
                 "--from-literal=RESTIC_REST_USERNAME=shop",
                 "--from-literal=RESTIC_REST_PASSWORD=secret"});
  kubectl_.Must(
      {"create", "configmap", "backups-ca", "--from-file=ca.crt=" + folder_ + "/tls.crt"});
  MakeApp();
  kubectl_.Apply(Replaced(Example("repository-rest.yaml"),
                          "https://backups.example.com:8000/shop/production/",
                          url_ + "/shop/production"));
  kubectl_.Apply(Replaced(PolicyYaml("  retention: {keepLast: 1}\n"), "offsite", "rest"));
  ASSERT_TRUE(BackedUp("first"));
  EXPECT_EQ(FindString(kubectl_.Get("bkr", "rest"), {"status", "location"}),
            "rest:" + url_ + "/shop/production/");
  const std::string before = DataDigest("app-0");
  ASSERT_TRUE(BackedUp("second"));
  WaitUntil("the first one is forgotten", seconds(120),
            [&] { return kubectl_.Get("bk", "first").is_null(); });

  // restic 0.14 takes user and password from the URL only.
  const Output check = RunProgram(
      {"env", "RESTIC_PASSWORD=correct horse battery staple", "restic", "--no-cache",
       "--cacert=" + folder_ + "/tls.crt",
       "--repo=rest:" + Replaced(url_, "https://", "https://shop:secret@") + "/shop/production/",
       "check", "--read-data"});
  EXPECT_TRUE(check.ok()) << check.text;

  kubectl_.Shell("app-0", "rm -r /data/*");
  kubectl_.Apply(
      "apiVersion: holdfast.dev/v1alpha1\nkind: Restore\nmetadata: {name: back}\n"
      "spec: {source: {policy: app}, target: {statefulSet: app}}\n");
  ASSERT_TRUE(Restored("back"));
  kubectl_.Must({"rollout", "status", "statefulset/app", "--timeout=120s"});
  EXPECT_EQ(DataDigest("app-0"), before);
}

}  // namespace
}  // namespace holdfast::e2e
