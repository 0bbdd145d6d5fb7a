#include "tests/integration/faults/operator_process.h"

#include <cstdlib>
#include <fstream>
#include <sstream>
#include <stdexcept>
#include <thread>

#include <arpa/inet.h>
#include <fcntl.h>
#include <linux/close_range.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include "tests/fakes/free_port.h"
#include "tests/integration/faults/control_plane.h"

namespace holdfast::faults {
namespace {

std::vector<std::string> CommandOf(const OperatorOptions& options, int health_port) {
  std::vector<std::string> words = options.prefix;
  const char* program = std::getenv("HOLDFAST_OPERATOR");
  words.emplace_back(program == nullptr ? HOLDFAST_OPERATOR : program);
  for (const char* word : {"--cluster-name=faults", "--mover-image=localhost/holdfast-mover:none",
                           "--log-level=debug", "--metrics-address=127.0.0.1:0"})
    words.emplace_back(word);
  words.push_back("--health-address=127.0.0.1:" + std::to_string(health_port));
  words.push_back("--kubeconfig=" + options.kubeconfig);
  if (!options.ns.empty()) words.push_back("--namespace=" + options.ns);
  words.insert(words.end(), options.arguments.begin(), options.arguments.end());
  return words;
}

[[noreturn]] void Become(std::vector<std::string>& words, const OperatorOptions& options,
                         const char* log_file) {
  ::prctl(PR_SET_PDEATHSIG, SIGKILL);
  const int log = ::open(log_file, O_WRONLY | O_CREAT | O_APPEND, 0600);
  ::dup2(log, STDOUT_FILENO);
  ::dup2(log, STDERR_FILENO);
  ::close_range(3, ~0U, CLOSE_RANGE_CLOEXEC);  // the test's own connections
  for (const auto& [name, value] : options.environment) ::setenv(name.c_str(), value.c_str(), 1);
  std::vector<char*> argv;
  for (std::string& word : words) argv.push_back(word.data());
  argv.push_back(nullptr);
  ::execvp(argv[0], argv.data());
  ::_exit(127);
}

}  // namespace

OperatorProcess::OperatorProcess(const OperatorOptions& options, std::filesystem::path log_file)
    : log_file_(std::move(log_file)), health_port_(fakes::FreePort()) {
  std::vector<std::string> words = CommandOf(options, health_port_);
  pid_ = ::fork();
  if (pid_ < 0) throw std::runtime_error("fork failed");
  if (pid_ == 0) Become(words, options, log_file_.c_str());
}

OperatorProcess::~OperatorProcess() {
  Kill(SIGKILL);
  Reap(true);
}

void OperatorProcess::Kill(int signal) {
  const std::lock_guard lock(mutex_);
  if (!ended_) ::kill(pid_, signal);
}

bool OperatorProcess::Reap(bool block) {
  const std::lock_guard lock(mutex_);
  if (ended_) return true;
  int status = 0;
  if (::waitpid(pid_, &status, block ? 0 : WNOHANG) != pid_) return false;
  ended_ = true;
  exit_code_ = WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
  return true;
}

bool OperatorProcess::Running() { return !Reap(false); }

int OperatorProcess::Wait(std::chrono::seconds limit) {
  const auto deadline = std::chrono::steady_clock::now() + limit;
  while (!Reap(false)) {
    if (std::chrono::steady_clock::now() > deadline) return -1;
    std::this_thread::sleep_for(std::chrono::milliseconds(5));  // between two looks
  }
  return exit_code_;
}

std::string OperatorProcess::Log() const {
  return std::filesystem::exists(log_file_) ? ReadFile(log_file_) : "";
}

bool OperatorProcess::Logged(const std::string& text) const {
  return Log().find(text) != std::string::npos;
}

std::string OperatorProcess::Health(const std::string& path) const {
  const int fd = ::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
  sockaddr_in address = {};
  address.sin_family = AF_INET;
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  address.sin_port = htons(static_cast<std::uint16_t>(health_port_));
  std::string text;
  if (::connect(fd, reinterpret_cast<sockaddr*>(&address), sizeof address) == 0) {
    const std::string request = "GET " + path + " HTTP/1.0\r\n\r\n";
    if (::send(fd, request.data(), request.size(), MSG_NOSIGNAL) > 0) {
      char buffer[4096];
      for (ssize_t count; (count = ::recv(fd, buffer, sizeof buffer, 0)) > 0;)
        text.append(buffer, static_cast<std::size_t>(count));
    }
  }
  ::close(fd);
  const std::size_t head = text.find("\r\n\r\n");
  if (head == text.npos) return "";
  return text.substr(text.find(' ') + 1, 4) + text.substr(head + 4);
}

long OperatorProcess::ResidentKiB() const {
  std::ifstream status("/proc/" + std::to_string(pid_) + "/status");
  for (std::string word; status >> word;) {
    long size = 0;
    if (word == "VmRSS:" && status >> size) return size;
  }
  return 0;
}

}  // namespace holdfast::faults
