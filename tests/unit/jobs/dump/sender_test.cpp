// holdfast-dump as a process, with somebody at the other end of the pipe.
#include <cerrno>
#include <csignal>
#include <filesystem>
#include <fstream>
#include <string>
#include <vector>

#include <fcntl.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "jobs/protocol/dump_stream.h"

namespace holdfast::dump {
namespace {

using protocol::DumpEnd;
using protocol::DumpEnding;
using ::testing::HasSubstr;

class SenderTest : public ::testing::Test {
 protected:
  SenderTest() {
    std::string name = ::testing::TempDir() + "holdfast-dump-XXXXXX";
    folder_ = ::mkdtemp(name.data());
  }
  ~SenderTest() override {
    if (pid_ > 0) {
      ::kill(pid_, SIGKILL);
      ::waitpid(pid_, nullptr, 0);
    }
    std::filesystem::remove_all(folder_);
  }

  std::string Pipe() const { return folder_ + "/stream"; }
  std::string Read(const char* name) const {
    std::ifstream in(folder_ + "/" + name);
    return {std::istreambuf_iterator<char>(in), {}};
  }
  std::string Words() const { return Read("words"); }
  std::string Log() const { return Read("log"); }

  void Run(const std::vector<std::string>& words) {
    std::vector<char*> argv;
    for (const std::string& word : words) argv.push_back(const_cast<char*>(word.c_str()));
    argv.push_back(nullptr);
    pid_ = ::fork();
    if (pid_ != 0) return;
    ::setenv("HOLDFAST_TERMINATION_LOG", (folder_ + "/words").c_str(), 1);
    const int log = ::open((folder_ + "/log").c_str(), O_WRONLY | O_CREAT | O_TRUNC, 0600);
    ::dup2(log, STDERR_FILENO);
    ::execv(argv[0], argv.data());
    ::_exit(125);
  }
  void Start(std::vector<std::string> command) {
    ASSERT_EQ(::mkfifo(Pipe().c_str(), 0600), 0);
    command.insert(command.begin(), {HOLDFAST_DUMP, Pipe()});
    Run(command);
  }
  int ExitCode() {
    int status = 0;
    ::waitpid(pid_, &status, 0);
    pid_ = -1;
    return WIFEXITED(status) ? WEXITSTATUS(status) : -WTERMSIG(status);
  }
  int Open() const { return ::open(Pipe().c_str(), O_RDONLY | O_CLOEXEC); }

  // Everything, to the end.
  void Receive() {
    const int fd = Open();
    std::vector<std::uint8_t> buffer(70'000);
    protocol::DumpParser parser;
    for (ssize_t count = 0; (count = ::read(fd, buffer.data(), buffer.size())) > 0;) {
      ByteView input(buffer.data(), static_cast<std::size_t>(count));
      while (!input.empty()) {
        const auto piece = parser.Next(input);
        ASSERT_TRUE(piece) << piece.error().message;
        content_ += AsText(*piece);
      }
    }
    ::close(fd);
    end_ = parser.end();
  }

  std::string folder_;
  pid_t pid_ = -1;
  std::string content_;
  std::optional<DumpEnd> end_;
};

TEST_F(SenderTest, SendsAllAndSaysThatItIsAll) {
  Start({"sh", "-c", "i=0; while [ $i -lt 100000 ]; do echo line $i; i=$((i+1)); done"});
  Receive();
  std::string expected;
  for (int i = 0; i < 100'000; ++i) expected += "line " + std::to_string(i) + "\n";
  EXPECT_EQ(content_, expected);
  EXPECT_EQ(end_, (DumpEnd{expected.size()}));
  EXPECT_EQ(ExitCode(), 0);
}

TEST_F(SenderTest, ADumpMayBeEmpty) {
  Start({"true"});
  Receive();
  EXPECT_EQ(content_, "");
  EXPECT_EQ(end_, (DumpEnd{0}));
}

TEST_F(SenderTest, TellsTheExitCodeAndTheLastWords) {
  Start({"sh", "-c", "echo half; echo no such table >&2; exit 3"});
  Receive();
  EXPECT_EQ(content_, "half\n");
  EXPECT_EQ(end_, (DumpEnd{5, DumpEnding::kExited, 3}));
  EXPECT_EQ(ExitCode(), 3);
  EXPECT_EQ(Words(), "no such table");
}

TEST_F(SenderTest, TellsASignal) {
  Start({"sh", "-c", "echo half; kill -9 $$"});
  Receive();
  EXPECT_EQ(end_, (DumpEnd{5, DumpEnding::kKilled, SIGKILL}));
  EXPECT_EQ(ExitCode(), 128 + SIGKILL);
  EXPECT_THAT(Log(), HasSubstr("the command was killed by signal 9 (Killed)"));
}

TEST_F(SenderTest, TellsThatThereIsNoSuchCommand) {
  Start({"no-such-command"});
  Receive();
  EXPECT_EQ(end_, (DumpEnd{0, DumpEnding::kNotStarted, ENOENT}));
  EXPECT_EQ(ExitCode(), 127);
  EXPECT_THAT(Log(), HasSubstr("no-such-command could not be started"));
  EXPECT_EQ(Words(), "") << "the command's, not ours";
}

// What the command left running may still write.
TEST_F(SenderTest, WaitsForAllWhoWrite) {
  Start({"sh", "-c", "(read line < \"$0/go\"; echo late) & echo early", folder_});
  ASSERT_EQ(::mkfifo((folder_ + "/go").c_str(), 0600), 0);
  const int go = ::open((folder_ + "/go").c_str(), O_RDWR);
  const int fd = Open();
  char early[32] = {};
  ASSERT_GT(::read(fd, early, sizeof(early)), 0);
  ASSERT_EQ(::write(go, "\n", 1), 1);
  std::string rest;
  for (ssize_t count = 0; (count = ::read(fd, early, sizeof(early))) > 0;)
    rest.append(early, static_cast<std::size_t>(count));
  EXPECT_THAT(rest, HasSubstr("late"));
  EXPECT_EQ(ExitCode(), 0);
  ::close(fd);
  ::close(go);
}

// Even one that writes nothing and does not mind SIGTERM.
TEST_F(SenderTest, EndsTheCommandWhenNobodyListensAnyMore) {
  Start({"sh", "-c", "trap '' TERM; echo $$; while :; do sleep 1000 & wait; done"});
  const int fd = Open();
  char bytes[256];
  std::string got;
  while (got.find('\n') == std::string::npos) {
    const ssize_t count = ::read(fd, bytes, sizeof(bytes));
    ASSERT_GT(count, 0);
    got.append(bytes, static_cast<std::size_t>(count));
  }
  const pid_t shell = std::stoi(got.substr(protocol::kDumpHello.size() + 5));
  ::close(fd);
  EXPECT_EQ(ExitCode(), 128 + SIGKILL);
  EXPECT_NE(::kill(shell, 0), 0);
  EXPECT_THAT(Log(), HasSubstr("the mover does not listen any more"));
}

TEST_F(SenderTest, ToldToEndItSendsNoMark) {
  Start({"sh", "-c", "echo half; exec sleep 1000"});
  const int fd = Open();
  char bytes[256];
  std::string got;
  while (got.find("half") == std::string::npos) {
    const ssize_t count = ::read(fd, bytes, sizeof(bytes));
    ASSERT_GT(count, 0);
    got.append(bytes, static_cast<std::size_t>(count));
  }
  ::kill(pid_, SIGTERM);
  EXPECT_EQ(::read(fd, bytes, sizeof(bytes)), 0);
  EXPECT_EQ(ExitCode(), 128 + SIGTERM);
  ::close(fd);
}

// As in a container whose mover has not come up.
TEST_F(SenderTest, NothingRunsBeforeSomebodyListens) {
  Start({"touch", folder_ + "/ran"});
  ::kill(pid_, SIGTERM);
  EXPECT_THAT(ExitCode(), ::testing::AnyOf(128 + SIGTERM, -SIGTERM));
  EXPECT_FALSE(std::filesystem::exists(folder_ + "/ran"));
}

TEST_F(SenderTest, InstallsItselfAndAPipeForAnyUser) {
  const mode_t before = ::umask(077);
  Run({HOLDFAST_DUMP, "--install", folder_});
  ::umask(before);
  ASSERT_EQ(ExitCode(), 0);
  struct stat program {
  }, pipe{};
  ASSERT_EQ(::stat((folder_ + "/holdfast-dump").c_str(), &program), 0);
  ASSERT_EQ(::stat(Pipe().c_str(), &pipe), 0);
  EXPECT_EQ(program.st_mode & 07777, 0755u);
  EXPECT_EQ(static_cast<std::uintmax_t>(program.st_size),
            std::filesystem::file_size(HOLDFAST_DUMP));
  EXPECT_TRUE(S_ISFIFO(pipe.st_mode));
  EXPECT_EQ(pipe.st_mode & 0777, 0666u);
  Run({folder_ + "/holdfast-dump", Pipe(), "echo", "hello"});
  Receive();
  EXPECT_EQ(content_, "hello\n");
  EXPECT_EQ(ExitCode(), 0);
}

}  // namespace
}  // namespace holdfast::dump
