// Runs the mover and stock restic as people do: by their command lines.
#pragma once

#include <string>
#include <vector>

#include <fcntl.h>
#include <gtest/gtest.h>
#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

#include "jobs/protocol/result.h"
#include "tests/unit/jobs/engine/trees.h"

namespace holdfast::engine {

inline constexpr const char* kPassword = "correct horse";
// Debian's "nobody": may read what others may, and nothing else.
inline constexpr uid_t kNobody = 65534;

struct Finished {
  int exit = -1;
  std::string output;  // both streams
};

// A started program with its output in a file; killed when it goes.
class Process {
 public:
  Process(const std::vector<std::string>& words, std::string output, uid_t uid = 0)
      : output_(std::move(output)) {
    std::vector<char*> arguments;
    for (const std::string& word : words) arguments.push_back(const_cast<char*>(word.c_str()));
    arguments.push_back(nullptr);
    pid_ = ::fork();
    if (pid_ != 0) return;
    const int out = ::open(output_.c_str(), O_WRONLY | O_CREAT | O_TRUNC, 0666);
    ::dup2(out, 1);
    ::dup2(out, 2);
    ::setenv("RESTIC_PASSWORD", kPassword, 1);
    ::setenv("HOLDFAST_PASSWORD", kPassword, 1);
    ::setenv("HOLDFAST_TERMINATION_LOG", (output_ + ".result").c_str(), 1);
    ::setenv("RESTIC_CACHE_DIR", (output_ + ".cache").c_str(), 1);
    // The leak checker cannot trace a process that changed its user.
    ::setenv("ASAN_OPTIONS", "detect_leaks=0", 1);
    if (uid != 0 && (::setgid(uid) != 0 || ::setuid(uid) != 0)) ::_exit(126);
    ::execvp(arguments[0], arguments.data());
    ::_exit(127);
  }
  ~Process() {
    if (pid_ <= 0) return;
    Signal(SIGKILL);
    Wait();
  }
  Process(const Process&) = delete;
  Process& operator=(const Process&) = delete;

  pid_t pid() const { return pid_; }
  void Signal(int number) { ::kill(pid_, number); }

  Finished Wait() {
    int status = 0;
    ::waitpid(pid_, &status, 0);
    pid_ = -1;
    return {WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status), ReadFile(output_)};
  }

  // Ends as Wait; whether it died and left a core dump.
  bool WaitForCore() {
    int status = 0;
    ::waitpid(pid_, &status, 0);
    pid_ = -1;
    return WIFSIGNALED(status) && WCOREDUMP(status);
  }

 private:
  const std::string output_;
  pid_t pid_ = -1;
};

// Some directories and the two programs. Skips where restic is not installed.
class MoverTest : public testing::Test {
 protected:
  MoverTest()
      : source_(dir_.Make("source")),
        target_(dir_.Make("target")),
        repo_(dir_.path() + "/repo"),
        output_(dir_.Make("output") + "/text") {
    ::chmod((dir_.path() + "/output").c_str(), 0777);
  }

  void SetUp() override {
    ASSERT_EQ(::access("/usr/bin/restic", X_OK), 0) << "needs Debian's restic";
  }

  static std::vector<std::string> Words(const std::string& program,
                                        std::vector<std::string> arguments) {
    arguments.insert(arguments.begin(), program);
    return arguments;
  }
  Finished Mover(std::vector<std::string> arguments, uid_t uid = 0) {
    ::unlink(output_.c_str());
    ::unlink((output_ + ".result").c_str());
    arguments.push_back("--repo=" + repo_);
    return Process(Words(HOLDFAST_MOVER, std::move(arguments)), output_, uid).Wait();
  }
  Finished Restic(std::vector<std::string> arguments) {
    arguments.insert(arguments.end(), {"-r", repo_});
    return Process(Words("restic", std::move(arguments)), output_).Wait();
  }
  void MoverSucceeds(std::vector<std::string> arguments) {
    const Finished finished = Mover(std::move(arguments));
    ASSERT_EQ(finished.exit, 0) << finished.output;
  }
  void ResticSucceeds(std::vector<std::string> arguments) {
    const Finished finished = Restic(std::move(arguments));
    ASSERT_EQ(finished.exit, 0) << finished.output;
  }
  // What the last mover left for Kubernetes.
  protocol::MoverResult Result() {
    const auto result = protocol::Decode(ReadFile(output_ + ".result"));
    EXPECT_TRUE(result) << ReadFile(output_ + ".result");
    return result ? *result : protocol::MoverResult{};
  }
  std::vector<std::string> BackupWords(std::vector<std::string> more = {}) {
    std::vector<std::string> words = {"backup", "--json", "--host=prod", "--as-path=/shop/data-0"};
    words.insert(words.end(), more.begin(), more.end());
    words.push_back(source_);
    return words;
  }
  std::string PasswordFile() {
    WriteFile(dir_.path() + "/password", std::string(kPassword) + "\n");
    return dir_.path() + "/password";
  }
  std::string AnyPack() {
    for (const auto& entry : std::filesystem::recursive_directory_iterator(repo_ + "/data"))
      if (entry.is_regular_file()) return entry.path();
    return "";
  }
  std::size_t Count(const std::string& folder) {
    std::size_t count = 0;
    std::error_code absent;
    const std::filesystem::recursive_directory_iterator files(repo_ + "/" + folder, absent);
    for (const auto& entry : files) count += entry.is_regular_file() ? 1 : 0;
    return count;
  }

  TempDir dir_;
  const std::string source_, target_, repo_, output_;
};

}  // namespace holdfast::engine
