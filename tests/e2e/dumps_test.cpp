// Dumps (a policy's spec.dumps): a real PostgreSQL's becomes a file in a snapshot and a database
// again; a dump that goes wrong in any way leaves no snapshot, and the Backup's status says why.
#include <csignal>
#include <filesystem>
#include <fstream>

#include "tests/e2e/cluster.h"
#include "tests/e2e/fixture.h"

namespace holdfast::e2e {
namespace {

namespace fs = std::filesystem;
using std::chrono::seconds;

class DumpsTest : public EndToEnd {
 protected:
  static void Load(const std::string& image) {
    const Output loaded = Cluster({"load", image});
    ASSERT_TRUE(loaded.ok()) << loaded.text;
  }

  // A dump of policy "app", for a StatefulSet without volumes of interest; retries are off.
  void MakeDump(const std::string& spec) {
    kubectl_.Apply(
        "apiVersion: holdfast.dev/v1alpha1\nkind: BackupPolicy\nmetadata: {name: app}\nspec:\n"
        "  target: {statefulSet: app, volumes: None}\n  repository: offsite\n"
        "  failurePolicy: {retries: 0}\n"
        "  dumps: [{name: text, imagePullPolicy: IfNotPresent, " +
        spec + "}]\n");
  }
  void BackUp(const std::string& name, const std::string& policy = "app") {
    kubectl_.Apply("apiVersion: holdfast.dev/v1alpha1\nkind: Backup\nmetadata: {name: " + name +
                   "}\nspec: {policy: " + policy + ", deletionPolicy: Delete}\n");
  }
  Json Volume(const std::string& backup, std::size_t i = 0) const {
    const Json volumes = kubectl_.Get("bk", backup)["status"].value("volumes", Json::array());
    return i < volumes.size() ? volumes[i] : Json();
  }
  std::string Message(const std::string& backup) const {
    return FindString(Volume(backup), {"message"});
  }
  std::size_t CountSnapshots(const std::string& dump) const {
    const Output listed = Restic(
        {"snapshots", "--json", "--host=test", "--path=/" + kubectl_.ns() + "/dump/" + dump});
    if (!listed.ok()) throw std::runtime_error(listed.text);
    const auto snapshots = ParseJson(listed.text);
    return snapshots && snapshots->is_array() ? snapshots->size() : 0;
  }
  void ExpectFailure(const std::string& backup, const std::string& words) {
    ASSERT_TRUE(WaitForPhase("bk", backup, "Failed", seconds(120)));
    EXPECT_NE(Message(backup).find(words), std::string::npos) << Message(backup);
    EXPECT_NE(ConditionMessage("bk", backup, "Ready").find(words), std::string::npos);
    EXPECT_EQ(FindString(Volume(backup), {"snapshot"}), "");
    EXPECT_EQ(CountSnapshots("text"), 0u);
  }

  // SIGKILL for the dump's container, as the node would send it. Its processes are those of our
  // namespace's pod.
  void KillDump(const std::string& backup) const {
    const std::string uid = kubectl_.Must({"get", "pods", "-l", "holdfast.dev/backup=" + backup,
                                           "-o", "jsonpath={.items[0].metadata.uid}"});
    for (const auto& entry : fs::directory_iterator("/proc")) {
      const std::string pid = entry.path().filename();
      if (pid.find_first_not_of("0123456789") != pid.npos) continue;
      std::ifstream name(entry.path() / "comm"), group(entry.path() / "cgroup");
      const std::string comm{std::istreambuf_iterator<char>(name), {}};
      const std::string groups{std::istreambuf_iterator<char>(group), {}};
      if (comm != "holdfast-dump\n" || groups.find(uid) == groups.npos) continue;
      ASSERT_EQ(::kill(std::stoi(pid), SIGKILL), 0);
      return;
    }
    FAIL() << "no process holdfast-dump in pod " << uid;
  }
};

class PostgresDumpTest : public DumpsTest {
 protected:
  std::string Sql(const std::string& database, const std::string& statement) const {
    return kubectl_.Must({"exec", "postgres-0", "-c", "postgres", "--", "psql", "-U", "postgres",
                          "-d", database, "-qAt", "-c", statement});
  }
  // All rows of all tables, and the schema; without pg_dump's lines that are random.
  std::string Digest(const std::string& database) const {
    return kubectl_.Must(
        {"exec", "postgres-0", "-c", "postgres", "--", "sh", "-c",
         "pg_dump -U postgres " + database + " | grep -v -e restrict -e '^--' | md5sum"});
  }
};

// examples/policy-dump-postgres.yaml, restore-dump-postgres.yaml and load-dump-postgres.yaml.
TEST_F(PostgresDumpTest, ADatabaseIsDumpedAndLoaded) {
  ASSERT_NO_FATAL_FAILURE(Load("postgres"));
  MakeSecrets();
  kubectl_.Must(
      {"create", "secret", "generic", "postgres", "--from-literal=password=it's a secret"});
  kubectl_.Apply(RepositoryYaml());
  kubectl_.Apply(Example("hooks-postgres/10-postgres.yaml"));
  kubectl_.Apply(Example("policy-dump-postgres.yaml"));
  kubectl_.Must({"rollout", "status", "statefulset/postgres", "--timeout=180s"});
  ASSERT_TRUE(WaitForReason("bkr", "offsite", "Ready", "True", "", seconds(120)));
  kubectl_.Must({"exec", "postgres-0", "-c", "postgres", "--", "sh", "-c",
                 "pgbench -q -i -s 4 -U postgres shop >/dev/null 2>&1"});
  // 20 MB that no chunk swallows whole: pg_dump's first lines are random in newer versions, so that
  // the chunk they are in (8 MiB at most) differs from dump to dump.
  Sql("shop",
      "CREATE TABLE notes AS SELECT 'größer' || md5(i::text) AS note"
      " FROM generate_series(1, 500000) i");
  const std::string before = Digest("shop");

  BackUp("first", "postgres-dump");
  ASSERT_TRUE(WaitForPhase("bk", "first", "Succeeded", seconds(180)));
  const Json volume = Volume("first");
  EXPECT_EQ(FindString(volume, {"claim"}), "dump/shop");
  EXPECT_EQ(FindString(volume, {"snapshot"}).size(), 64u);
  EXPECT_EQ(kubectl_.Get("bk", "first")["status"]["volumes"].size(), 1u);
  EXPECT_NE(ConditionMessage("bk", "first", "Ready").find("1 dump, "), std::string::npos);
  EXPECT_EQ(CountSnapshots("shop"), 1u);

  // What has not changed is there already.
  BackUp("second", "postgres-dump");
  ASSERT_TRUE(WaitForPhase("bk", "second", "Succeeded", seconds(120)));
  EXPECT_LT(*FindInt(Volume("second"), {"bytesAdded"}), *FindInt(volume, {"bytesAdded"}) / 2);
  kubectl_.Must({"delete", "bk", "second", "--timeout=120s"});
  EXPECT_EQ(CountSnapshots("shop"), 1u);

  Sql("shop", "DROP TABLE notes");
  kubectl_.Apply(Example("restore-dump-postgres.yaml"));
  ASSERT_TRUE(Restored("shop-dump"));
  kubectl_.Apply(Example("load-dump-postgres.yaml"));
  ASSERT_TRUE(WaitUntil("the dump is loaded", seconds(120), [&] {
    const Json status = kubectl_.Get("job", "shop-load")["status"];
    return FindInt(status, {"succeeded"}) || FindInt(status, {"failed"});
  }));
  EXPECT_TRUE(FindInt(kubectl_.Get("job", "shop-load"), {"status", "succeeded"}))
      << kubectl_.Run({"logs", "job/shop-load"}).text;
  EXPECT_EQ(Digest("shop_restored"), before);

  // Without Holdfast: stock restic, as docs/guide/dumps.md says.
  const std::string path = "/" + kubectl_.ns() + "/dump/shop";
  const Output dumped =
      Restic({"dump", "--quiet", "--host=test", "--path=" + path, "latest", path + "/shop.sql"});
  ASSERT_TRUE(dumped.ok()) << dumped.text.substr(0, 1000);
  EXPECT_NE(dumped.text.find("PostgreSQL database dump complete"), std::string::npos);
  EXPECT_EQ(static_cast<std::int64_t>(dumped.text.size()), *FindInt(volume, {"bytes"}));
}

TEST_F(DumpsTest, OneThatGoesWrongLeavesNoSnapshotAndSaysWhy) {
  MakeSecrets();
  kubectl_.Apply(StatefulSetYaml(0));
  kubectl_.Apply(RepositoryYaml());
  ASSERT_TRUE(WaitForReason("bkr", "offsite", "Ready", "True", "", seconds(120)));
  const std::string busybox = "image: localhost/busybox:dev, command: [sh, -c, ";

  MakeDump(busybox + "\"seq 100000; echo no such database >&2; exit 3\"]");
  BackUp("exits");
  ExpectFailure("exits", "the dump's command ended with exit code 3");
  ExpectFailure("exits", "no such database");

  MakeDump("image: localhost/busybox:dev, command: [mysqldump]");
  BackUp("missing");
  ExpectFailure("missing", "could not be started: No such file or directory");

  MakeDump(busybox + "\"seq 100000; sleep 1000\"], timeout: 5s");
  BackUp("hangs");
  ExpectFailure("hangs", "was not done within 5s");

  MakeDump(busybox + "\"seq 100000; touch /tmp/half; sleep 1000\"]");
  BackUp("killed");
  ASSERT_TRUE(WaitUntil("half of it is sent", seconds(90), [&] {
    const std::string pod = kubectl_
                                .Run({"get", "pods", "-l", "holdfast.dev/backup=killed", "-o",
                                      "jsonpath={.items[0].metadata.name}"})
                                .text;
    return kubectl_.Run({"exec", pod, "-c", "dump", "--", "ls", "/tmp/half"}).ok();
  }));
  ASSERT_NO_FATAL_FAILURE(KillDump("killed"));
  ExpectFailure("killed", "without its end mark");

  MakeDump(busybox + "\"seq 100000; exec tail /dev/zero\"], resources: {limits: {memory: 32Mi}}");
  BackUp("big");
  ExpectFailure("big", "raise resources.limits.memory of the dump");
}

TEST_F(DumpsTest, AnImageOrSecretThatIsNotThereIsTold) {
  MakeSecrets();
  kubectl_.Apply(StatefulSetYaml(0));
  kubectl_.Apply(RepositoryYaml());
  ASSERT_TRUE(WaitForReason("bkr", "offsite", "Ready", "True", "", seconds(120)));
  MakeDump("image: localhost/nowhere:dev, command: [id], timeout: 30s");
  BackUp("imageless");
  ASSERT_TRUE(WaitForReason("bk", "imageless", "Ready", "False", "ImageUnavailable", seconds(60)));
  ExpectFailure("imageless", "the dump's image cannot be pulled");
  MakeDump(
      "image: localhost/busybox:dev, command: [id], timeout: 30s, env: [{name: PASSWORD, "
      "valueFrom: {secretKeyRef: {name: nowhere, key: password}}}]");
  BackUp("secretless");
  ASSERT_TRUE(WaitForReason("bk", "secretless", "Ready", "False", "PodMisconfigured", seconds(60)));
  ExpectFailure("secretless", "secret \"nowhere\" not found");
  EXPECT_TRUE(WaitUntil("no pod is left waiting", seconds(60), [&] {
    return kubectl_.Must({"get", "pods", "-l", "holdfast.dev/verb=backup", "-o", "name"})
               .find("pod/") == std::string::npos;
  }));
}

// An image with one static program and nothing else: no shell, no C library, no folder /tmp.
TEST_F(DumpsTest, AnImageFromScratchWillDo) {
  ASSERT_NO_FATAL_FAILURE(Load("coredns"));
  MakeSecrets();
  kubectl_.Apply(StatefulSetYaml(0));
  kubectl_.Apply(RepositoryYaml());
  ASSERT_TRUE(WaitForReason("bkr", "offsite", "Ready", "True", "", seconds(120)));
  MakeDump("image: localhost/coredns:dev, command: [coredns, -version]");
  BackUp("version");
  ASSERT_TRUE(WaitForPhase("bk", "version", "Succeeded", seconds(90)));
  const std::string path = "/" + kubectl_.ns() + "/dump/text";
  const Output dumped =
      Restic({"dump", "--quiet", "--host=test", "--path=" + path, "latest", path + "/text"});
  EXPECT_NE(dumped.text.find("CoreDNS"), std::string::npos) << dumped.text;
}

// Whoever may write policies but not create pods does not gain that right by dumps.
TEST_F(DumpsTest, AreWrittenOnlyByThoseWhoMayCreatePods) {
  kubectl_.Must({"create", "role", "author", "--verb=get,create,patch,update",
                 "--resource=backuppolicies.holdfast.dev"});
  kubectl_.Must({"create", "rolebinding", "author", "--role=author", "--user=jane"});
  const auto apply = [&](const std::string& yaml) {
    return kubectl_.Run({"--as=jane", "apply", "-f", "-"}, yaml);
  };
  const std::string with_dump = PolicyYaml("  dumps: [{name: a, image: b, command: [c]}]\n");
  // The policy takes a moment to come into force after it was installed.
  ASSERT_TRUE(WaitUntil("dumps of one who may not create pods are refused", seconds(30), [&] {
    return apply(with_dump).text.find("jane may not create pods in namespace") != std::string::npos;
  }));
  const Output without = apply(PolicyYaml());
  EXPECT_TRUE(without.ok()) << without.text;
  kubectl_.Must({"create", "role", "pods", "--verb=create", "--resource=pods"});
  kubectl_.Must({"create", "rolebinding", "pods", "--role=pods", "--user=jane"});
  const Output allowed = apply(with_dump);
  EXPECT_TRUE(allowed.ok()) << allowed.text;
  const Output refused = kubectl_.Run({"apply", "-f", "-"},
                                      PolicyYaml("  dumps: [{name: A, image: b, command: [c]}]\n"));
  EXPECT_NE(refused.text.find("write a name of lower-case letters"), std::string::npos)
      << refused.text;
}

}  // namespace
}  // namespace holdfast::e2e
