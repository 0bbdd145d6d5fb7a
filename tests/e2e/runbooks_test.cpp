// docs/runbooks: each emergency happens here, and its runbook is followed to the letter. What
// comes back is compared with what was there.
#include <filesystem>
#include <fstream>
#include <tuple>
#include <utility>

#include <unistd.h>

#include "base/clock.h"
#include "tests/e2e/cluster.h"
#include "tests/e2e/fixture.h"
#include "tests/e2e/runbook.h"
#include "tests/e2e/second_cluster.h"

namespace holdfast::e2e {
namespace {

namespace fs = std::filesystem;
using std::chrono::hours;
using std::chrono::seconds;

constexpr const char* kPassword = "correct horse battery staple";

std::string Exported(const std::string& text, const std::string& name) {
  const std::string start = "export " + name + "=";
  const std::size_t at = text.find(start);
  if (at == text.npos) throw std::runtime_error("no " + name + " in " + text);
  return text.substr(at + start.size(), text.find('\n', at) - at - start.size());
}

// The runner itself: a page that is wrong is noticed.
class RunbookTest : public ::testing::Test {
 protected:
  static Runbook Page(const std::string& text) {
    const std::string path = ::testing::TempDir() + "/runbook-" + std::to_string(getpid()) + ".md";
    std::ofstream(path) << text;
    return Runbook(path);
  }
};

TEST_F(RunbookTest, RunsItsBlocksInOneShellInOrder) {
  Runbook page = Page(
      "# Title\n```sh\nWHO=${WHO:-nobody}\n```\n## 1. First\n```yaml\nfalse\n```\n"
      "```sh\nsaid=$WHO\n```\n## 2. Second\n```sh\necho \"told: $said\"\n```\n");
  page.Set("WHO", "a friend");
  EXPECT_EQ(page.NotRun(), (std::vector<std::string>{"", "1. First", "2. Second"}));
  const Output all = page.Run();
  EXPECT_TRUE(all.ok()) << all.text;
  EXPECT_NE(all.text.find("\ntold: a friend\n"), std::string::npos) << all.text;
  EXPECT_EQ(page.NotRun(), std::vector<std::string>());
}

TEST_F(RunbookTest, EndsAtTheFirstCommandThatFails) {
  for (const char* wrong : {"false", "false | cat", "echo $UNSET", "nosuchprogram", "if"}) {
    Runbook page = Page(std::string("```sh\n") + wrong + "\necho went on\n```\n");
    const Output output = page.Run();
    EXPECT_FALSE(output.ok()) << wrong;
    EXPECT_EQ(output.text.find("\nwent on"), std::string::npos) << output.text;
  }
  EXPECT_THROW(Page("## 1. Renamed\n```sh\ntrue\n```\n").Run({"1. Name"}), std::runtime_error);
  EXPECT_THROW(Page("no commands"), std::runtime_error);
}

TEST(RunbookPages, SayWhatTheyMust) {
  const auto text_of = [](const fs::path& path) {
    std::ifstream file(path);
    return std::string(std::istreambuf_iterator<char>(file), {});
  };
  const std::string index = text_of("docs/runbooks/README.md");
  int pages = 0;
  for (const auto& entry : fs::directory_iterator("docs/runbooks")) {
    const std::string name = entry.path().filename();
    if (name == "README.md") continue;
    ++pages;
    const std::string text = text_of(entry.path());
    EXPECT_NE(index.find("(" + name + ")"), std::string::npos) << name << " is not in the index";
    for (const char* part : {"**What you see.**", "**How long it takes.**", "ow to go back"})
      EXPECT_NE(text.find(part), std::string::npos) << name << " lacks " << part;
    EXPECT_EQ(ShellBlocks(text).at(0).heading, "") << name << " begins with its variables";
  }
  EXPECT_EQ(pages, 5);
}

class RunbooksTest : public EndToEnd {
 protected:
  static Runbook Page(const std::string& name) { return Runbook("docs/runbooks/" + name); }
  static void ExpectAllTried(const Runbook& page) {
    EXPECT_EQ(page.NotRun(), std::vector<std::string>()) << "sections that this test left out";
  }
  void SetStore(Runbook& page) const {
    page.Set("ENDPOINT", store_.endpoint);
    page.Set("BUCKET", store_.bucket);
    page.Set("PREFIX", "e2e/" + kubectl_.ns());
    page.Set("CA_FILE", store_.ca_file);
    page.Set("AWS_ACCESS_KEY_ID", store_.access_key);
    page.Set("AWS_SECRET_ACCESS_KEY", store_.secret_key);
    page.Set("RESTIC_PASSWORD", kPassword);
    page.Set("CLUSTER", "test");
  }
};

TEST_F(RunbooksTest, LostVolume) {
  ASSERT_NO_FATAL_FAILURE(MakeProtectedApp(2, 4));
  const std::string lost = DataDigest("app-1");
  ASSERT_TRUE(BackedUp("good"));
  kubectl_.Shell("app-0", "echo newer > /data/empty");
  const std::string left = DataDigest("app-0");

  // The disk under the claim goes, with all that was on it.
  const std::string volume = FindString(kubectl_.Get("pvc", "data-app-1"), {"spec", "volumeName"});
  kubectl_.Must({"delete", "pv", volume, "--wait=false"});
  kubectl_.Must(
      {"patch", "pv", volume, "--type=merge", "-p", R"({"metadata":{"finalizers":null}})"});
  kubectl_.Must({"delete", "pod", "app-1", "--now"});
  ASSERT_TRUE(WaitUntil("the claim is lost", seconds(60), [&] {
    return FindString(kubectl_.Get("pvc", "data-app-1"), {"status", "phase"}) == "Lost";
  }));

  Runbook page = Page("lost-volume.md");
  page.Set("NAMESPACE", kubectl_.ns());
  page.Set("STATEFULSET", "app");
  page.Set("ORDINAL", "1");
  page.Set("POLICY", "app");
  const Output followed = page.Run();
  ASSERT_TRUE(followed.ok()) << followed.text;
  ExpectAllTried(page);
  EXPECT_NE(followed.text.find("last good backup: good, of 2"), std::string::npos) << followed.text;
  EXPECT_EQ(DataDigest("app-1"), lost);
  EXPECT_EQ(DataDigest("app-0"), left) << "the other volume was written to";
  EXPECT_EQ(kubectl_.Get("bkp", "app")["spec"]["suspend"], false);
}

class DroppedTableTest : public RunbooksTest {
 protected:
  void SetUp() override {
    RunbooksTest::SetUp();
    const Output loaded = Cluster({"load", "postgres"});
    ASSERT_TRUE(loaded.ok()) << loaded.text;
    MakeSecrets();
    kubectl_.Must({"create", "secret", "generic", "postgres", "--from-literal=password=secret"});
    kubectl_.Apply(RepositoryYaml());
    kubectl_.Apply(Example("point-in-time-postgres/10-postgres.yaml"));
    kubectl_.Must({"rollout", "status", "statefulset/postgres", "--timeout=180s"});
    kubectl_.Apply(Example("point-in-time-postgres/20-policies.yaml"));
    kubectl_.Apply(Example("policy-dump-postgres.yaml"));
    ASSERT_TRUE(WaitForReason("bkr", "offsite", "Ready", "True", "", seconds(120)));
  }
  std::string Sql(const std::string& statement) const {
    return kubectl_.Must({"exec", "postgres-0", "-c", "postgres", "--", "psql", "-U", "postgres",
                          "-d", "shop", "-v", "ON_ERROR_STOP=1", "-qAtc", statement});
  }
  void BackUp(const std::string& policy) {
    kubectl_.Apply("apiVersion: holdfast.dev/v1alpha1\nkind: Backup\nmetadata: {name: of-" +
                   policy + "}\nspec: {policy: " + policy + "}\n");
    ASSERT_TRUE(WaitForPhase("bk", "of-" + policy, "Succeeded", seconds(180)));
  }
};

TEST_F(DroppedTableTest, DroppedTable) {
  Sql("CREATE TABLE accounts (id int PRIMARY KEY, note text); CREATE TABLE orders (id int); "
      "INSERT INTO accounts SELECT i, 'größer' FROM generate_series(1, 1000) i");
  ASSERT_NO_FATAL_FAILURE(BackUp("postgres-base"));
  ASSERT_NO_FATAL_FAILURE(BackUp("postgres-dump"));
  Sql("INSERT INTO accounts VALUES (1001, 'after the dump'); INSERT INTO orders VALUES (1)");
  Sql("DROP TABLE accounts");
  Sql("INSERT INTO orders VALUES (2)");

  Runbook page = Page("dropped-table.md");
  page.Set("NAMESPACE", kubectl_.ns());
  page.Set("DUMP_SIZE", "1Gi");
  page.Set("NOW", "000000");
  // One table out of the dump, while all goes on.
  const std::string pod = FindString(kubectl_.Get("pod", "postgres-0"), {"metadata", "uid"});
  const Output from_dump = page.Run({"When it happened", "A"});
  ASSERT_TRUE(from_dump.ok()) << from_dump.text;
  EXPECT_EQ(Sql("SELECT count(*), max(id), max(note) FROM accounts"), "1000|1000|größer\n");
  EXPECT_EQ(Sql("SELECT string_agg(id::text, ',') FROM orders"), "1,2\n");
  EXPECT_EQ(FindString(kubectl_.Get("pod", "postgres-0"), {"metadata", "uid"}), pod);
  EXPECT_EQ(Sql("SELECT count(*) FROM pg_database WHERE datname LIKE 'beside%'"), "0\n");
  EXPECT_TRUE(kubectl_.Get("pvc", "dump-000000").is_null());
  EXPECT_EQ(Sql("SELECT count(*) FROM pg_indexes WHERE tablename = 'accounts'"), "1\n");

  // The database as it was at the last transaction before the accident, and back again.
  const Output to_the_moment = page.Run({"When it happened", "B1", "B2", "B3"});
  ASSERT_TRUE(to_the_moment.ok()) << to_the_moment.text;
  EXPECT_EQ(Sql("SELECT count(*), max(id) FROM accounts"), "1001|1001\n");
  EXPECT_EQ(Sql("SELECT string_agg(id::text, ',') FROM orders"), "1\n");
  const Output back = page.Run({"B: How to go back"});
  ASSERT_TRUE(back.ok()) << back.text;
  EXPECT_EQ(Sql("SELECT count(*), max(id) FROM accounts"), "1000|1000\n");
  EXPECT_EQ(Sql("SELECT string_agg(id::text, ',') FROM orders"), "1,2\n");
  ExpectAllTried(page);
}

class LostNamespaceTest : public RunbooksTest {
 protected:
  // What belongs to a workload: a Secret and a ConfigMap that its pods need, and two volumes.
  void MakeWorkload() {
    MakeSecrets();
    kubectl_.Apply(RepositoryYaml() + "  acceptsSecrets: true\n");
    kubectl_.Must({"create", "secret", "generic", "app", "--from-literal=password=hunter2"});
    std::string workload = StatefulSetYaml(2);
    const std::string command = "command: [sleep, infinity]";
    workload.replace(workload.find(command), command.size(),
                     "command: [sh, -c, '[ \"$PASSWORD\" = hunter2 ] && exec sleep infinity']\n"
                     "          env: [{name: PASSWORD, valueFrom: {secretKeyRef: {name: app, key: "
                     "password}}}]");
    kubectl_.Apply(workload);
    kubectl_.Apply(PolicyYaml("  manifests: {include: true, secrets: true}\n"));
    kubectl_.Must({"rollout", "status", "statefulset/app", "--timeout=120s"});
    for (const char* pod : {"app-0", "app-1"})
      kubectl_.Shell(pod, "cd /data && hostname >name && dd if=/dev/urandom of=big bs=1M count=4");
    ASSERT_TRUE(WaitForReason("bkr", "offsite", "Ready", "True", "", seconds(120)));
    ASSERT_TRUE(BackedUp("good"));
    digests_ = {DataDigest("app-0"), DataDigest("app-1")};
  }
  Runbook NamespacePage() const {
    Runbook page = Page("lost-namespace.md");
    SetStore(page);
    page.Set("NAMESPACE", kubectl_.ns());
    page.Set("STATEFULSET", "app");
    page.Set("POLICY", "app");
    return page;
  }
  void ExpectAllBack() const {
    EXPECT_EQ(DataDigest("app-0"), digests_.at(0));
    EXPECT_EQ(DataDigest("app-1"), digests_.at(1));
    EXPECT_EQ(kubectl_.Must({"get", "secret", "app", "-o", "jsonpath={.data.password}"}),
              "aHVudGVyMg==");
    EXPECT_EQ(FindString(kubectl_.Get("svc", "app"), {"spec", "clusterIP"}), "None");
    EXPECT_FALSE(
        FindString(kubectl_.Get("bkp", "app"), {"status", "lastSuccess", "backup"}).empty());
  }

  std::vector<std::string> digests_;
};

TEST_F(LostNamespaceTest, LostNamespace) {
  ASSERT_NO_FATAL_FAILURE(MakeWorkload());
  kubectl_.Must({"delete", "namespace", kubectl_.ns(), "--timeout=180s"});
  Runbook page = NamespacePage();
  const Output followed = page.Run();
  ASSERT_TRUE(followed.ok()) << followed.text;
  ExpectAllTried(page);
  ExpectAllBack();
}

// Nothing of the first cluster is used but the store, which would be elsewhere.
TEST_F(LostNamespaceTest, LostCluster) {
  ASSERT_NO_FATAL_FAILURE(MakeWorkload());
  kubectl_.Must({"delete", "namespace", kubectl_.ns(), "--timeout=180s"});
  SecondCluster cluster(SecondCluster::Holdfast::kAbsent);
  const fs::path out = fs::path(::testing::TempDir()) / kubectl_.ns();
  Runbook page = Page("lost-cluster.md");
  SetStore(page);
  page.Set("KUBECONFIG", cluster.kubeconfig());
  page.Set("IMAGES", "localhost");
  page.Set("TAG", "dev");
  page.Set("OUT", out);
  page.Set("VOLUMES", "/" + kubectl_.ns() + "/data-app-0 /" + kubectl_.ns() + "/data-app-1");
  const Output operator_there = page.Run({"1.", "2."});
  ASSERT_TRUE(operator_there.ok()) << operator_there.text;
  Runbook namespace_page = NamespacePage();
  namespace_page.Set("KUBECONFIG", cluster.kubeconfig());
  const Output brought_back = namespace_page.Run();
  ASSERT_TRUE(brought_back.ok()) << brought_back.text;
  ExpectAllTried(namespace_page);
  const Output by_restic = page.Run({"4.", "Without the operator"});
  ASSERT_TRUE(by_restic.ok()) << by_restic.text;
  ExpectAllTried(page);

  const Kubectl first = std::exchange(kubectl_, cluster.In(kubectl_.ns()));
  ExpectAllBack();
  for (const char* claim : {"data-app-0", "data-app-1"})
    EXPECT_TRUE(fs::exists(out / first.ns() / claim / "big")) << claim;
  fs::remove_all(out);
  kubectl_ = first;
}

// A bucket under object lock, keys that can be revoked, and somebody who has them and the password.
class LeakedCredentialsTest : public RunbooksTest {
 protected:
  void SetUp() override {
    RunbooksTest::SetUp();
    const Output bucket = Cluster({"s3", "mb", kubectl_.ns(), "--object-lock"});
    ASSERT_TRUE(bucket.ok()) << bucket.text;
    store_.bucket = kubectl_.ns();
    std::tie(store_.access_key, store_.secret_key) = NewKeys();
  }
  static std::pair<std::string, std::string> NewKeys() {
    const Output made = Cluster({"s3", "keys"});
    if (!made.ok()) throw std::runtime_error(made.text);
    return {Exported(made.text, "AWS_ACCESS_KEY_ID"), Exported(made.text, "AWS_SECRET_ACCESS_KEY")};
  }
  Output Intruder(std::vector<std::string> words) const {
    const std::string host = store_.endpoint.substr(std::string("https://").size());
    std::vector<std::string> line = {"s3cmd",
                                     "--config=/dev/null",
                                     "--access_key=" + store_.access_key,
                                     "--secret_key=" + store_.secret_key,
                                     "--host=" + host,
                                     "--host-bucket=" + host,
                                     "--ca-certs=" + store_.ca_file};
    line.insert(line.end(), words.begin(), words.end());
    return RunProgram(line);
  }
};

TEST_F(LeakedCredentialsTest, LeakedCredentials) {
  MakeSecrets();
  std::string repository = RepositoryYaml();
  const std::string secret = "    credentialsSecret:";
  repository.insert(repository.find(secret), "    objectLock: {mode: Governance, period: 30d}\n");
  repository += "  prune: {schedule: \"0 4 1 1 *\"}\n";
  kubectl_.Apply(repository);
  kubectl_.Apply(StatefulSetYaml(1));
  kubectl_.Apply(PolicyYaml());
  kubectl_.Must({"rollout", "status", "statefulset/app", "--timeout=120s"});
  kubectl_.Shell("app-0", "cd /data && dd if=/dev/urandom of=big bs=1M count=4 2>/dev/null");
  ASSERT_TRUE(WaitForReason("bkr", "offsite", "Ready", "True", "", seconds(120)));
  ASSERT_TRUE(BackedUp("before"));
  const std::string data = DataDigest("app-0");

  const std::string place = "s3://" + store_.bucket + "/e2e/" + kubectl_.ns() + "/";
  const Output deleted = Intruder({"del", "--recursive", "--force", place});
  ASSERT_TRUE(deleted.ok()) << deleted.text;
  ASSERT_FALSE(Restic({"snapshots"}).ok()) << "it is destroyed";

  Runbook page = Page("leaked-credentials.md");
  page.Set("NAMESPACE", kubectl_.ns());
  page.Set("CA_FILE", store_.ca_file);
  page.Set("NOW", "000000");
  page.Set("NEW_PASSWORD", "another one");
  const Output stopped = page.Run({"1."});
  ASSERT_TRUE(stopped.ok()) << stopped.text;
  // Step 2, as this store's administrator does it.
  const auto [key, secret_of_key] = NewKeys();
  page.Set("NEW_KEY", key);
  page.Set("NEW_SECRET", secret_of_key);
  const Output too_early = page.Run({"3."});
  EXPECT_FALSE(too_early.ok()) << "the old keys work yet, and nobody says so";
  EXPECT_NE(too_early.text.find("the old keys still open the store"), std::string::npos)
      << too_early.text;
  const Output revoked = Cluster({"s3", "revoke", store_.access_key});
  ASSERT_TRUE(revoked.ok()) << revoked.text;
  // Another shell than that of the first time, in which the Secret has the new keys already.
  page.Set("OLD_KEY", store_.access_key);
  page.Set("OLD_SECRET", store_.secret_key);
  // This server tells of a version when it was replaced (docs/guide/object-lock.md).
  page.Set("SINCE", FormatTime(SystemClock().Now() - hours(1)));
  const Output followed = page.Run({"3.", "4.", "5.", "6.", "7.", "8.", "9.", "10."});
  ASSERT_TRUE(followed.ok()) << followed.text;
  ExpectAllTried(page);

  EXPECT_FALSE(Restic({"snapshots"}).ok()) << "the old keys are worth nothing";
  const std::string old_place = "e2e/" + kubectl_.ns();
  std::tie(store_.access_key, store_.secret_key) = std::tie(key, secret_of_key);
  EXPECT_TRUE(Restic({"check", "--read-data"}, old_place).ok()) << "what was deleted is back";
  EXPECT_FALSE(Restic({"snapshots"}, old_place + "-000000").ok()) << "the old password is, too";
  const Json policy = kubectl_.Get("bkp", "app");
  EXPECT_EQ(FindString(policy, {"spec", "repository"}), "offsite-000000");
  EXPECT_EQ(policy["spec"]["suspend"], false);
  const Json import = kubectl_.Get("bkr", "offsite-000000")["status"]["lastImport"];
  EXPECT_NE(FindString(import, {"message"}).find("1 Backup found"), std::string::npos) << import;

  kubectl_.Shell("app-0", "rm -r /data/*");
  kubectl_.Apply(
      "apiVersion: holdfast.dev/v1alpha1\nkind: Restore\nmetadata: {name: back}\n"
      "spec: {source: {policy: app}, target: {statefulSet: app}}\n");
  ASSERT_TRUE(Restored("back"));
  EXPECT_EQ(FindString(kubectl_.Get("rst", "back"), {"status", "repository"}), "offsite-000000");
  EXPECT_EQ(DataDigest("app-0"), data);
}

}  // namespace
}  // namespace holdfast::e2e
