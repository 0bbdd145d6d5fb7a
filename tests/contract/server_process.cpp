#include "tests/contract/server_process.h"

#include <chrono>
#include <cstdlib>
#include <thread>

#include <fcntl.h>
#include <fmt/format.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

namespace holdfast::storage {
namespace {

// The child dies with this program, however that ends.
pid_t Spawn(const std::vector<std::string>& command, const std::string& log_file) {
  std::vector<char*> arguments;
  for (const std::string& word : command) arguments.push_back(const_cast<char*>(word.c_str()));
  arguments.push_back(nullptr);
  const pid_t pid = ::fork();
  if (pid != 0) return pid;
  ::prctl(PR_SET_PDEATHSIG, SIGKILL);
  const int log = ::open(log_file.c_str(), O_WRONLY | O_CREAT | O_APPEND, 0600);
  ::dup2(log, STDOUT_FILENO);
  ::dup2(log, STDERR_FILENO);
  ::execvp(arguments[0], arguments.data());
  ::_exit(127);
}

}  // namespace

Result<void> ServerProcess::Start(const std::vector<std::string>& command,
                                  const std::string& log_file,
                                  const std::function<Result<void>()>& answers) {
  pid_ = Spawn(command, log_file);
  const auto deadline = std::chrono::steady_clock::now() + std::chrono::seconds(30);
  while (true) {
    const Result<void> answered = answers();
    if (answered) return {};
    const bool dead = ::waitpid(pid_, nullptr, WNOHANG) == pid_;
    if (dead) pid_ = -1;
    if (dead || std::chrono::steady_clock::now() > deadline)
      return Fail(Code::kUnavailable,
                  fmt::format("{} does not serve: {}", command.front(), answered.error().message));
    std::this_thread::sleep_for(std::chrono::milliseconds(10));  // the interval of a poll
  }
}

ServerProcess::~ServerProcess() {
  if (pid_ <= 0) return;
  ::kill(pid_, SIGKILL);  // it keeps nothing, and in order it would wait for idle connections
  ::waitpid(pid_, nullptr, 0);
}

Result<std::string> BinaryPath(const char* variable, const char* server) {
  if (const char* path = std::getenv(variable); path != nullptr) return path;
  return Fail(Code::kInvalid,
              fmt::format("{} must name a {} binary for these tests: make test sets it, and "
                          "CONTRIBUTING.md says how to do it by hand",
                          variable, server));
}

Result<void> RunProgram(const std::vector<std::string>& command) {
  const pid_t pid = Spawn(command, "/dev/null");
  int status = 0;
  if (pid > 0 && ::waitpid(pid, &status, 0) == pid && status == 0) return {};
  return Fail(Code::kInternal, command.front() + " failed");
}

}  // namespace holdfast::storage
