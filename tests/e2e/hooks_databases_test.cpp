// examples/hooks-*: databases that are at work while they are backed up, destroyed and restored;
// what comes back is consistent in itself.
#include <thread>

#include "tests/e2e/cluster.h"
#include "tests/e2e/fixture.h"

namespace holdfast::e2e {
namespace {

using std::chrono::seconds;

class HooksDatabasesTest : public EndToEnd {
 protected:
  void Install(const std::string& database) {
    database_ = database;
    const Output loaded = Cluster({"load", database});
    ASSERT_TRUE(loaded.ok()) << loaded.text;
    MakeSecrets();
    kubectl_.Must(
        {"create", "secret", "generic", database, "--from-literal=password=it's a secret"});
    kubectl_.Apply(RepositoryYaml());
    kubectl_.Apply(Example("hooks-" + database + "/10-" + database + ".yaml"));
    kubectl_.Apply(Example("hooks-" + database + "/20-policy.yaml"));
    kubectl_.Must({"rollout", "status", "statefulset/" + database, "--timeout=180s"});
    ASSERT_TRUE(WaitForReason("bkr", "offsite", "Ready", "True", "", seconds(120)));
  }
  std::string Pod() const { return database_ + "-0"; }
  // Without the name of the container kubectl would tell which it took, in what the command says.
  std::string Shell(const std::string& script) const {
    return kubectl_.Must({"exec", Pod(), "-c", database_, "--", "sh", "-c", script});
  }

  void BackUp() {
    kubectl_.Apply(
        "apiVersion: holdfast.dev/v1alpha1\nkind: Backup\nmetadata: {name: live}\n"
        "spec: {policy: " +
        database_ + ", type: Full}\n");
    ASSERT_TRUE(WaitForPhase("bk", "live", "Succeeded", seconds(180)));
    const Json backup = kubectl_.Get("bk", "live");
    for (const Json& run : backup["status"]["hooks"]["runs"])
      EXPECT_EQ(FindString(run, {"state"}), "Succeeded") << run;
  }
  void Restore() {
    kubectl_.Apply(Example("hooks-" + database_ + "/30-restore.yaml"));
    ASSERT_TRUE(Restored(database_ + "-back"));
    kubectl_.Must({"rollout", "status", "statefulset/" + database_, "--timeout=120s"});
  }

  std::string database_;
};

TEST_F(HooksDatabasesTest, Postgres) {
  ASSERT_NO_FATAL_FAILURE(Install("postgres"));
  Shell("pgbench -q -i -s 4 -U postgres shop >/dev/null 2>&1");
  // Until the database is taken from under it, or a minute is over.
  const std::jthread work([this] {
    kubectl_.Run(
        {"exec", Pod(), "--", "pgbench", "-n", "-c", "4", "-T", "60", "-U", "postgres", "shop"});
  });
  const std::string count =
      "psql -U postgres -d shop -qAt -c 'SELECT count(*) FROM pgbench_history'";
  ASSERT_TRUE(
      WaitUntil("transactions", seconds(60), [&] { return std::stol(Shell(count)) > 100; }));
  const long before = std::stol(Shell(count));
  ASSERT_NO_FATAL_FAILURE(BackUp());
  const long after = std::stol(Shell(count));
  EXPECT_GT(after, before) << "it was not at work meanwhile";
  Shell("psql -U postgres -d shop -q -c 'DROP TABLE pgbench_accounts'");
  ASSERT_NO_FATAL_FAILURE(Restore());

  const long restored = std::stol(Shell(count));
  EXPECT_GE(restored, before);
  EXPECT_LE(restored, after);
  // Every transaction of pgbench adds one sum to all four tables.
  EXPECT_EQ(Shell("psql -U postgres -d shop -qAt -c 'SELECT "
                  "(SELECT sum(abalance) FROM pgbench_accounts) = (SELECT sum(delta) FROM "
                  "pgbench_history), "
                  "(SELECT sum(bbalance) FROM pgbench_branches) = (SELECT sum(delta) FROM "
                  "pgbench_history), "
                  "(SELECT sum(tbalance) FROM pgbench_tellers) = (SELECT sum(delta) FROM "
                  "pgbench_history)'"),
            "t|t|t\n");
  Shell("pg_amcheck -U postgres --install-missing shop");
  EXPECT_EQ(Shell("ls /var/lib/postgresql/data"), "pgdata\n")
      << "the base backup became the database";
}

TEST_F(HooksDatabasesTest, Mariadb) {
  ASSERT_NO_FATAL_FAILURE(Install("mariadb"));
  const auto sql = [&](const std::string& statement) {
    return Shell("MYSQL_PWD=\"$MARIADB_ROOT_PASSWORD\" mariadb -uroot -N -B shop -e \"" +
                 statement + "\"");
  };
  sql("CREATE TABLE accounts (id INT PRIMARY KEY, balance BIGINT) ENGINE=InnoDB; "
      "CREATE TABLE moves (id BIGINT AUTO_INCREMENT PRIMARY KEY, delta BIGINT, pad CHAR(200)) "
      "ENGINE=InnoDB; INSERT INTO accounts VALUES (1, 0), (2, 0), (3, 0)");
  const std::string work_for_a_minute =
      "BEGIN NOT ATOMIC DECLARE d INT; DECLARE start DATETIME DEFAULT NOW(); "
      "WHILE NOW() < start + INTERVAL 60 SECOND DO SET d = FLOOR(RAND() * 100); START TRANSACTION; "
      "UPDATE accounts SET balance = balance + d WHERE id = 1 + d % 3; "
      "INSERT INTO moves (delta, pad) VALUES (d, 'x'); COMMIT; END WHILE; END";
  const std::jthread work([&] {
    kubectl_.Run({"exec", Pod(), "--", "sh", "-c",
                  "MYSQL_PWD=\"$MARIADB_ROOT_PASSWORD\" mariadb -uroot --delimiter=// shop -e \"" +
                      work_for_a_minute + "\""});
  });
  const auto count = [&] { return std::stol(sql("SELECT COUNT(*) FROM moves")); };
  ASSERT_TRUE(WaitUntil("transactions", seconds(60), [&] { return count() > 100; }));
  const long before = count();
  ASSERT_NO_FATAL_FAILURE(BackUp());
  const long thawed = count();
  ASSERT_TRUE(WaitUntil("it is at work again", seconds(30), [&] { return count() > thawed; }));
  EXPECT_EQ(
      sql("SELECT COUNT(*) FROM information_schema.processlist WHERE info LIKE 'SELECT SLEEP%'"),
      "0\n");
  sql("DROP TABLE moves");
  ASSERT_NO_FATAL_FAILURE(Restore());

  EXPECT_GE(count(), before);
  EXPECT_EQ(sql("SELECT (SELECT SUM(balance) FROM accounts) = (SELECT SUM(delta) FROM moves)"),
            "1\n");
  EXPECT_EQ(sql("CHECK TABLE accounts, moves EXTENDED"),
            "shop.accounts\tcheck\tstatus\tOK\nshop.moves\tcheck\tstatus\tOK\n");
}

TEST_F(HooksDatabasesTest, Redis) {
  ASSERT_NO_FATAL_FAILURE(Install("redis"));
  Shell("for i in $(seq 1 200); do echo \"SET key$i value$i\"; done | redis-cli >/dev/null");
  ASSERT_NO_FATAL_FAILURE(BackUp());
  Shell("redis-cli FLUSHALL; redis-cli SAVE");
  ASSERT_NO_FATAL_FAILURE(Restore());
  EXPECT_EQ(Shell("redis-cli DBSIZE; redis-cli GET key137"), "200\nvalue137\n");
}

// A volume that is a file system of its own: on a loop device, which goes with its last mount.
class HooksFsfreezeTest : public EndToEnd {
 protected:
  void SetUp() override {
    EndToEnd::SetUp();
    kubectl_.Must({"label", "--overwrite", "namespace", kubectl_.ns(),
                   "pod-security.kubernetes.io/enforce=privileged"});
    image_ = ::testing::TempDir() + "/" + kubectl_.ns() + ".ext4";
    const Output made = RunProgram({"sh", "-c",
                                    "truncate -s 64M \"$1\" && mkfs.ext4 -q \"$1\" && "
                                    "losetup --find --show \"$1\"",
                                    "sh", image_});
    ASSERT_TRUE(made.ok()) << made.text;
    device_ = made.text.substr(0, made.text.find('\n'));
  }
  // Nothing can be unmounted, and no process ended, while a file system is frozen.
  void TearDown() override {
    EndToEnd::TearDown();
    kubectl_.Run({"exec", "files-0", "-c", "fsfreeze", "--", "fsfreeze", "--unfreeze", "/data"});
    kubectl_.Run({"delete", "namespace", kubectl_.ns(), "--timeout=60s"});
    kubectl_.Run({"delete", "pv", kubectl_.ns(), "--timeout=30s"});
    RunProgram({"losetup", "--detach", device_});
    RunProgram({"rm", "-f", image_});
  }

  std::string VolumeYaml() const {
    return "apiVersion: v1\nkind: PersistentVolume\nmetadata: {name: " + kubectl_.ns() + "}\n" +
           "spec:\n  capacity: {storage: 64Mi}\n  accessModes: [ReadWriteOnce]\n"
           "  persistentVolumeReclaimPolicy: Retain\n  storageClassName: loop\n"
           "  claimRef: {namespace: " +
           kubectl_.ns() +
           ", name: data-files-0}\n"
           "  local: {path: " +
           device_ +
           ", fsType: ext4}\n"
           "  nodeAffinity: {required: {nodeSelectorTerms: [{matchExpressions: "
           "[{key: kubernetes.io/os, operator: In, values: [linux]}]}]}}\n";
  }
  // The workload writes all the time; beside it, what the example's comment asks for.
  static std::string FilesYaml() {
    return R"(apiVersion: apps/v1
kind: StatefulSet
metadata: {name: files}
spec:
  serviceName: files
  selector: {matchLabels: {app: files}}
  template:
    metadata: {labels: {app: files}}
    spec:
      terminationGracePeriodSeconds: 0
      securityContext: {runAsUser: 1000, runAsGroup: 1000, fsGroup: 1000, fsGroupChangePolicy: OnRootMismatch}
      containers:
        - name: files
          image: localhost/busybox:dev
          command: [sh, -c, "dd if=/dev/urandom of=/data/big bs=1M count=24; while :; do echo x >> /data/log; sleep 0.05; done"]
          volumeMounts: [{name: data, mountPath: /data}]
        - name: fsfreeze
          image: localhost/busybox:dev
          command: [sleep, infinity]
          securityContext: {privileged: true, runAsUser: 0}
          volumeMounts: [{name: data, mountPath: /data}]
  volumeClaimTemplates:
    - metadata: {name: data}
      spec: {storageClassName: loop, accessModes: [ReadWriteOnce], resources: {requests: {storage: 64Mi}}}
)";
  }
  // How much the workload has written.
  long Written() const {
    return std::stol(kubectl_.Must(
        {"exec", "files-0", "-c", "fsfreeze", "--", "stat", "-c", "%s", "/data/log"}));
  }
  bool Grows() const {
    const long before = Written();
    return WaitUntil("the workload writes", seconds(30), [&] { return Written() > before; });
  }

  std::string image_;
  std::string device_;
};

TEST_F(HooksFsfreezeTest, NothingIsWrittenWhileItIsRead) {
  MakeSecrets();
  kubectl_.Apply(RepositoryYaml("{uploadPerSecond: 4Mi, downloadPerSecond: 4Mi}"));
  kubectl_.Apply(VolumeYaml());
  kubectl_.Apply(FilesYaml());
  kubectl_.Apply(Example("hooks-fsfreeze/20-policy.yaml"));
  kubectl_.Must({"rollout", "status", "statefulset/files", "--timeout=120s"});
  ASSERT_TRUE(WaitForReason("bkr", "offsite", "Ready", "True", "", seconds(120)));
  ASSERT_TRUE(Grows());

  kubectl_.Apply(
      "apiVersion: holdfast.dev/v1alpha1\nkind: Backup\nmetadata: {name: frozen}\n"
      "spec: {policy: files, type: Full}\n");
  long held = 0;
  int looks = 0;
  ASSERT_TRUE(WaitUntil("a mover reads, and later ends", seconds(120), [&] {
    const Json status = kubectl_.Get("bk", "frozen")["status"];
    const Json volumes = status.value("volumes", Json::array());
    const bool reads = !volumes.empty() && FindString(volumes[0], {"state"}) == "Running";
    const long now = Written();
    // Seen after the question: the mover may have ended meanwhile, but not begun.
    const Json after = kubectl_.Get("bk", "frozen")["status"]["volumes"];
    if (reads && FindString(after[0], {"state"}) == "Running") {
      if (looks++ == 0) held = now;
      EXPECT_EQ(now, held) << "it was written to while it was read";
    }
    return !FindString(status, {"completionTime"}).empty();
  }));
  EXPECT_GE(looks, 2) << "the copy was too fast to look at";
  EXPECT_TRUE(WaitForPhase("bk", "frozen", "Succeeded", seconds(30)));
  EXPECT_TRUE(Grows()) << "it was not thawed";
}

}  // namespace
}  // namespace holdfast::e2e
