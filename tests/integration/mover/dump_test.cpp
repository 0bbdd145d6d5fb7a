// A dump from its command to the snapshot and back: holdfast-dump and the mover as two processes
// with a named pipe between them, as in a pod.
#include <csignal>

#include <gmock/gmock.h>
#include <sys/stat.h>

#include "tests/integration/mover/run.h"

namespace holdfast::engine {
namespace {

using ::testing::ContainsRegex;
using ::testing::HasSubstr;

class DumpTest : public MoverTest {
 protected:
  void SetUp() override {
    MoverTest::SetUp();
    ASSERT_EQ(::mkfifo(pipe_.c_str(), 0600), 0);
    MoverSucceeds({"init"});
  }

  std::vector<std::string> DumpWords(const std::string& timeout = "120s") const {
    return {"backup",
            "--json",
            "--host=prod",
            "--as-path=/shop/dump/orders",
            "--tag=dump=orders",
            "--dump-pipe=" + pipe_,
            "--dump-filename=orders.sql",
            "--dump-timeout=" + timeout};
  }
  // The mover's result, with `command` at the other end.
  Finished Dump(std::vector<std::string> command, const std::string& timeout = "120s") {
    command.insert(command.begin(), {HOLDFAST_DUMP, pipe_});
    Process sender(command, dir_.path() + "/sender");
    Finished finished = Mover(DumpWords(timeout));
    sent_ = sender.Wait();
    return finished;
  }
  Finished Shell(const std::string& script, const std::string& timeout = "120s") {
    return Dump({"sh", "-c", script}, timeout);
  }
  void ExpectNoSnapshot() {
    EXPECT_EQ(Count("snapshots"), 0u);
    EXPECT_EQ(Result().snapshot, "");
    EXPECT_EQ(Count("locks"), 0u);
  }

  const std::string pipe_ = dir_.path() + "/stream";
  Finished sent_;
};

TEST_F(DumpTest, BecomesAFileThatResticReads) {
  const std::string content = Noise(5'000'000, 3) + std::string(3'000'000, 'x');
  WriteFile(source_ + "/orders", content);
  const Finished finished = Dump({"cat", source_ + "/orders"});
  ASSERT_EQ(finished.exit, 0) << finished.output << sent_.output;
  EXPECT_EQ(sent_.exit, 0) << sent_.output;
  EXPECT_EQ(Result().bytes, content.size());
  EXPECT_EQ(Result().files, 1u);
  ResticSucceeds({"check", "--read-data"});
  ResticSucceeds({"snapshots", "--host=prod", "--path=/shop/dump/orders", "--tag=dump=orders"});
  const Finished dumped = Restic({"dump", "--quiet", "--host=prod", "--path=/shop/dump/orders",
                                  "latest", "/shop/dump/orders/orders.sql"});
  EXPECT_EQ(dumped.exit, 0);
  EXPECT_TRUE(dumped.output == content) << dumped.output.size();
  MoverSucceeds(
      {"restore", "latest", "--host=prod", "--as-path=/shop/dump/orders", "--target=" + target_});
  EXPECT_TRUE(ReadFile(target_ + "/orders.sql") == content);
}

TEST_F(DumpTest, WhatIsTheSameIsStoredOnce) {
  WriteFile(source_ + "/orders", Noise(5'000'000, 3));
  ASSERT_EQ(Dump({"cat", source_ + "/orders"}).exit, 0);
  ASSERT_EQ(Dump({"cat", source_ + "/orders"}).exit, 0);
  EXPECT_EQ(Count("snapshots"), 2u);
  EXPECT_LT(Result().bytes_added, 10'000u);
}

TEST_F(DumpTest, ACommandThatFailsMakesNoSnapshot) {
  const Finished finished = Shell("echo half; exit 3");
  EXPECT_EQ(finished.exit, static_cast<int>(protocol::ExitCode::kDumpFailed)) << finished.output;
  EXPECT_THAT(Result().message, HasSubstr("the dump's command ended with exit code 3"));
  ExpectNoSnapshot();
}

TEST_F(DumpTest, OneThatIsKilledHalfWayMakesNoSnapshot) {
  Shell("head -c 3000000 /dev/urandom; kill -9 $$");
  EXPECT_THAT(Result().message, HasSubstr("was killed by signal 9"));
  ExpectNoSnapshot();
}

// The whole container, with holdfast-dump in it, and whatever that had not handed on yet.
TEST_F(DumpTest, AStreamWithoutItsEndMarkMakesNoSnapshot) {
  Shell("head -c 3000000 /dev/urandom; kill -9 $PPID");
  EXPECT_THAT(Result().message,
              ContainsRegex("ended after [1-9][0-9]+ bytes without its end mark"));
  ExpectNoSnapshot();
}

TEST_F(DumpTest, OneThatHangsIsEndedAndMakesNoSnapshot) {
  const Finished finished = Shell("echo half; exec sleep 1000", "2s");
  EXPECT_EQ(finished.exit, static_cast<int>(protocol::ExitCode::kDumpFailed));
  EXPECT_THAT(Result().message, HasSubstr("was not done within 2s: it wrote 5 bytes"));
  EXPECT_EQ(sent_.exit, 128 + SIGTERM) << sent_.output;
  ExpectNoSnapshot();
}

TEST_F(DumpTest, OneThatNeverStartsMakesNoSnapshot) {
  EXPECT_EQ(Mover(DumpWords("1s")).exit, static_cast<int>(protocol::ExitCode::kDumpFailed));
  EXPECT_THAT(Result().message, HasSubstr("the dump wrote nothing within 1s"));
  ExpectNoSnapshot();
}

TEST_F(DumpTest, SomethingElseInThePipeMakesNoSnapshot) {
  Process other({"sh", "-c", "echo 'SELECT 1;' > " + pipe_}, dir_.path() + "/other");
  EXPECT_EQ(Mover(DumpWords()).exit, static_cast<int>(protocol::ExitCode::kDumpFailed));
  EXPECT_THAT(Result().message, HasSubstr("does not begin as one"));
  ExpectNoSnapshot();
}

TEST_F(DumpTest, AMoverThatIsToldToEndEndsTheCommand) {
  Process sender(
      {HOLDFAST_DUMP, pipe_, "sh", "-c", "touch '" + dir_.path() + "/runs'; exec sleep 1000"},
      dir_.path() + "/sender");
  std::vector<std::string> words = Words(HOLDFAST_MOVER, DumpWords());
  words.push_back("--repo=" + repo_);
  Process mover(words, output_);
  while (::access((dir_.path() + "/runs").c_str(), F_OK) != 0) ::usleep(10'000);
  mover.Signal(SIGTERM);
  EXPECT_EQ(mover.Wait().exit, static_cast<int>(protocol::ExitCode::kInterrupted));
  EXPECT_EQ(sender.Wait().exit, 128 + SIGTERM);
  ExpectNoSnapshot();
}

}  // namespace
}  // namespace holdfast::engine
