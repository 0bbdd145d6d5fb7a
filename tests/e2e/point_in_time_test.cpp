// examples/point-in-time-postgres: a real PostgreSQL goes back to a time, to the transaction; also
// when both its volumes are lost.
#include <sstream>

#include "base/clock.h"
#include "tests/e2e/cluster.h"
#include "tests/e2e/fixture.h"
#include "tests/e2e/runbook.h"

namespace holdfast::e2e {
namespace {

using std::chrono::seconds;

constexpr int kRows = 12;
constexpr int kLastKept = 7;

class PointInTimeTest : public EndToEnd {
 protected:
  void SetUp() override {
    EndToEnd::SetUp();
    const Output loaded = Cluster({"load", "postgres"});
    ASSERT_TRUE(loaded.ok()) << loaded.text;
    MakeSecrets();
    kubectl_.Must({"create", "secret", "generic", "postgres", "--from-literal=password=secret"});
    kubectl_.Apply(RepositoryYaml());
    kubectl_.Apply(Example("point-in-time-postgres/10-postgres.yaml"));
    kubectl_.Must({"rollout", "status", "statefulset/postgres", "--timeout=180s"});
    kubectl_.Apply(Example("point-in-time-postgres/20-policies.yaml"));
    ASSERT_TRUE(WaitForReason("bkr", "offsite", "Ready", "True", "", seconds(120)));
    Sql("CREATE TABLE accounts (id int PRIMARY KEY, note text)");
    kubectl_.Apply(
        "apiVersion: holdfast.dev/v1alpha1\nkind: Backup\nmetadata: {name: base}\n"
        "spec: {policy: postgres-base}\n");
    ASSERT_TRUE(WaitForPhase("bk", "base", "Succeeded", seconds(180)));
  }

  std::string Shell(const std::string& script) const {
    return kubectl_.Must({"exec", "postgres-0", "-c", "postgres", "--", "bash", "-c", script});
  }
  std::string Sql(const std::string& statement) const {
    return Shell("psql -U postgres -d shop -v ON_ERROR_STOP=1 -qAtc \"" + statement + "\"");
  }
  std::string SqlValue(const std::string& statement) const {
    const std::string text = Sql(statement);
    return text.substr(0, text.find('\n'));
  }
  std::string Rows() const { return Sql("SELECT min(id), max(id), count(*) FROM accounts"); }

  // The time at which a transaction was committed, as the WAL has it from a position on: to the
  // microsecond.
  std::string CommitTime(const std::string& transaction, const std::string& position) const {
    // It ends with an error at the end of the WAL, always.
    const std::string text =
        Shell("pg_waldump --path=$PGDATA/pg_wal --rmgr=Transaction --xid=" + transaction +
              " --start=" + position + " 2>&1 || true");
    std::istringstream lines(text);
    for (std::string line; std::getline(lines, line);) {
      const std::size_t at = line.find("COMMIT ");
      if (at == line.npos) continue;
      const std::size_t begin = at + 7;
      return line.substr(begin, line.find(" UTC", begin) - begin) + "+00";
    }
    ADD_FAILURE() << "the WAL has no commit of transaction " << transaction << ": " << text;
    return "";
  }

  // 30-restore.yaml with another time.
  std::string RestoreTo(const std::string& time) const {
    std::string yaml = Example("point-in-time-postgres/30-restore.yaml");
    yaml = Replaced(yaml, "2026-08-01 14:03:07.25+00", time);
    return Replaced(yaml, "2026-08-01T14:03:07Z", Replaced(time, " ", "T") + ":00");
  }

  bool WalIsSaved() const {
    const std::string last = SqlValue("SELECT pg_walfile_name(pg_switch_wal())") + ".gz";
    return WaitUntil("WAL " + last + " is in a backup", seconds(180), [&] {
      const Json policy = kubectl_.Get("bkp", "postgres-wal");
      const std::string good = FindString(policy, {"status", "lastSuccess", "backup"});
      if (good.empty()) return false;
      const Json backup = kubectl_.Get("bk", good);
      const Json* volumes = Find(backup, {"status", "volumes"});
      if (volumes == nullptr || volumes->empty()) return false;
      const std::string snapshot = FindString((*volumes)[0], {"snapshot"});
      return Restic({"--quiet", "ls", snapshot}).text.find("/" + last) != std::string::npos;
    });
  }
};

TEST_F(PointInTimeTest, ToTheTransactionAndWithBothVolumesLost) {
  std::string times[kRows + 1];
  for (int id = 1; id <= kRows; ++id) {
    const std::string position = SqlValue("SELECT pg_current_wal_insert_lsn()");
    const std::string transaction = SqlValue("INSERT INTO accounts VALUES (" + std::to_string(id) +
                                             ", 'row') RETURNING pg_current_xact_id()");
    times[id] = CommitTime(transaction, position);
    ASSERT_FALSE(HasFailure());
  }
  ASSERT_LT(times[kLastKept], times[kLastKept + 1]);
  Sql("DROP TABLE accounts");
  Sql("CREATE TABLE later (id int)");

  // To the very commit of a row: it is there, and the next is not.
  kubectl_.Apply(RestoreTo(times[kLastKept]));
  ASSERT_TRUE(WaitForPhase("rst", "postgres-at-a-time", "Succeeded", seconds(300)));
  EXPECT_EQ(Rows(), "1|" + std::to_string(kLastKept) + "|" + std::to_string(kLastKept) + "\n");
  EXPECT_EQ(Sql("SELECT count(*) FROM pg_tables WHERE tablename = 'later'"), "0\n");
  EXPECT_EQ(Sql("SELECT pg_is_in_recovery()"), "f\n") << "the post hook opens it for writing";
  const Json restore = kubectl_.Get("rst", "postgres-at-a-time");
  std::string said;
  for (const Json& run : restore["status"]["hooks"]["runs"]) {
    EXPECT_EQ(FindString(run, {"state"}), "Succeeded") << run;
    said += FindString(run, {"stdout"});
  }
  EXPECT_NE(said.find("WAL is archived up to "), std::string::npos) << said;
  EXPECT_NE(said.find("the last transaction that was recovered: " +
                      Sql("SELECT timestamptz '" + times[kLastKept] + "'")),
            std::string::npos)
      << said << times[kLastKept];
  EXPECT_EQ(Shell("ls /var/lib/postgresql/data"), "pgdata\n") << "the base became the database";

  // On the new timeline it is written to again; its WAL is backed up by itself. Then nothing is
  // left of either volume, and an empty database comes up in their place.
  Sql("INSERT INTO accounts SELECT i, 'new' FROM generate_series(101, 200) i");
  ASSERT_TRUE(WalIsSaved());
  const std::string lost_at = FormatTime(SystemClock().Now());
  Sql("INSERT INTO accounts VALUES (1000, 'never archived')");
  kubectl_.Must({"delete", "pvc", "data-postgres-0", "wal-postgres-0", "--wait=false"});
  kubectl_.Must({"delete", "pod", "postgres-0", "--grace-period=0", "--force"});
  ASSERT_TRUE(WaitUntil("an empty database is up", seconds(180), [&] {
    return kubectl_
        .Run({"exec", "postgres-0", "-c", "postgres", "--", "pg_isready", "--host=127.0.0.1"})
        .ok();
  }));
  EXPECT_EQ(Sql("SELECT count(*) FROM pg_tables WHERE tablename = 'accounts'"), "0\n");

  Runbook guide("docs/guide/point-in-time.md");
  guide.Set("NAMESPACE", kubectl_.ns());
  guide.Set("LOST_AT", lost_at);
  const Output followed = guide.Run({"Both volumes are lost"});
  ASSERT_TRUE(followed.ok()) << followed.text;
  EXPECT_NE(followed.text.find("open for writing, on timeline 00000003"), std::string::npos)
      << followed.text;
  EXPECT_EQ(Sql("SELECT count(*), max(id) FROM accounts"),
            std::to_string(kLastKept + 100) + "|200\n");
  Sql("INSERT INTO accounts VALUES (2000, 'written to')");
}

TEST_F(PointInTimeTest, OneThatCannotBeReachedTouchesOrPromisesNothing) {
  Sql("INSERT INTO accounts VALUES (1, 'row')");
  // Archiving fails, since another database's WAL is in the way: the pre hook finds out before
  // anything is stopped.
  const std::string in_the_way = Shell(
      "file=$(psql -U postgres -qAtc 'SELECT pg_walfile_name(pg_current_wal_insert_lsn())'); "
      "echo another | gzip >/var/lib/postgresql/wal/$file.gz; echo -n $file.gz");
  const std::string uid = FindString(kubectl_.Get("pod", "postgres-0"), {"metadata", "uid"});
  std::string yaml = RestoreTo(
      SqlValue("SELECT to_char(now() AT TIME ZONE 'utc', 'YYYY-MM-DD HH24:MI:SS')") + "+00");
  yaml = Replaced(yaml, "timeout, \"110\"", "timeout, \"5\"");
  kubectl_.Apply(yaml);
  ASSERT_TRUE(WaitForPhase("rst", "postgres-at-a-time", "Failed", seconds(180)));
  EXPECT_EQ(FindString(kubectl_.Condition("rst", "postgres-at-a-time", "Ready"), {"reason"}),
            "HookFailed");
  EXPECT_EQ(FindString(kubectl_.Get("pod", "postgres-0"), {"metadata", "uid"}), uid);
  EXPECT_EQ(Rows(), "1|1|1\n");
  EXPECT_EQ(Shell("gunzip -c /var/lib/postgresql/wal/" + in_the_way), "another\n")
      << "it is not written over";
  Shell("rm /var/lib/postgresql/wal/" + in_the_way);

  // The data volume alone is lost: no empty database is made beside the WAL of another.
  kubectl_.Must({"delete", "rst", "postgres-at-a-time"});
  Shell("bash /etc/postgres/archive-last-wal");
  kubectl_.Must({"delete", "pvc", "data-postgres-0", "--wait=false"});
  kubectl_.Must({"delete", "pod", "postgres-0"});
  ASSERT_TRUE(WaitUntil("the init container refuses", seconds(120), [&] {
    return kubectl_.Run({"logs", "postgres-0", "-c", "adopt-base-backup"})
               .text.find("The database is lost, and its WAL is not") != std::string::npos;
  }));
  yaml = Example("point-in-time-postgres/30-restore.yaml");
  yaml = Replaced(yaml, "\"2026-08-01 14:03:07.25+00\"", "\"\"");
  kubectl_.Apply(Replaced(yaml, "2026-08-01T14:03:07Z", FormatTime(SystemClock().Now())));
  ASSERT_TRUE(WaitForPhase("rst", "postgres-at-a-time", "Succeeded", seconds(300)));
  EXPECT_EQ(Rows(), "1|1|1\n");
}

}  // namespace
}  // namespace holdfast::e2e
