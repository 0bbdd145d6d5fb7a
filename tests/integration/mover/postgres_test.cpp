// A real database's folder, both ways between the mover and restic.
#include <gmock/gmock.h>
#include <pwd.h>

#include "tests/integration/mover/run.h"

namespace holdfast::engine {
namespace {

using ::testing::IsEmpty;

constexpr const char* kBin = "/usr/lib/postgresql/15/bin/";

// The folder of a cluster that ran pgbench and was shut down.
class PostgresTest : public MoverTest {
 protected:
  void SetUp() override {
    MoverTest::SetUp();
    const passwd* user = ::getpwnam("postgres");
    ASSERT_NE(user, nullptr) << "needs PostgreSQL 15";
    ASSERT_EQ(::access((std::string(kBin) + "initdb").c_str(), X_OK), 0) << "needs PostgreSQL 15";
    ASSERT_EQ(::geteuid(), 0u) << "needs root to become postgres";
    uid_ = user->pw_uid;
    ASSERT_EQ(::chown(source_.c_str(), uid_, user->pw_gid), 0);
    ASSERT_EQ(::chmod(source_.c_str(), 0700), 0);
    const std::string socket = dir_.Make("socket");
    ASSERT_EQ(::chown(socket.c_str(), uid_, user->pw_gid), 0);
    Run({"initdb", "-D", source_, "-A", "trust", "--no-sync"});
    const std::string options = "-c listen_addresses='' -c unix_socket_directories=" + socket;
    Run({"pg_ctl", "-D", source_, "-w", "-l", socket + "/log", "-o", options, "start"});
    Run({"pgbench", "-h", socket, "-i", "-s", "3", "postgres"});
    Run({"pgbench", "-h", socket, "-t", "200", "postgres"});
    Run({"pg_ctl", "-D", source_, "-w", "stop"});
  }
  void Run(std::vector<std::string> words) {
    words.front() = kBin + words.front();
    const Finished finished = Process(words, output_, uid_).Wait();
    ASSERT_EQ(finished.exit, 0) << words.front() << ": " << finished.output;
    ::unlink(output_.c_str());
  }

  uid_t uid_ = 0;
};

TEST_F(PostgresTest, OursRestoredByRestic) {
  MoverSucceeds({"init"});
  MoverSucceeds(BackupWords());
  ResticSucceeds({"check", "--read-data"});
  ResticSucceeds({"restore", "latest", "--target", target_});
  EXPECT_THAT(TreeComparer::Compare(source_, target_ + "/shop/data-0"), IsEmpty());
}

TEST_F(PostgresTest, ResticsRestoredByUs) {
  for (const char* version : {"1", "2"}) {
    std::filesystem::remove_all(repo_);
    ResticSucceeds({"init", "--repository-version", version});
    ResticSucceeds({"backup", source_});
    const std::string target = dir_.Make("target-v" + std::string(version));
    MoverSucceeds({"restore", "latest:" + source_, "--target=" + target});
    EXPECT_THAT(TreeComparer::Compare(source_, target), IsEmpty()) << "version " << version;
  }
}

TEST_F(PostgresTest, OursRestoredByUsAndUnchangedNotRead) {
  MoverSucceeds({"init"});
  MoverSucceeds(BackupWords());
  MoverSucceeds(BackupWords());
  EXPECT_EQ(Result().bytes_read, 0u);
  MoverSucceeds(
      {"restore", "latest", "--host=prod", "--as-path=/shop/data-0", "--target=" + target_});
  EXPECT_THAT(TreeComparer::Compare(source_, target_), IsEmpty());
}

}  // namespace
}  // namespace holdfast::engine
