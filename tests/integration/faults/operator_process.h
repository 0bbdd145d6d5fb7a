// The operator as a process of this machine, which a test starts, stops and kills: the one of this
// build, or that which $HOLDFAST_OPERATOR names.
#pragma once

#include <chrono>
#include <filesystem>
#include <map>
#include <mutex>
#include <string>
#include <vector>

#include <sys/types.h>

namespace holdfast::faults {

struct OperatorOptions {
  std::string kubeconfig;
  std::string ns;  // watches only this namespace; empty for all
  std::vector<std::string> arguments;
  std::map<std::string, std::string> environment;
  std::vector<std::string> prefix;  // a program that starts it: nsenter, env
};

// Dies with this program. Threads: Kill may be called from any.
class OperatorProcess {
 public:
  // Its log goes to `log_file`, after what is there. Throws std::runtime_error when it cannot
  // start.
  OperatorProcess(const OperatorOptions& options, std::filesystem::path log_file);
  ~OperatorProcess();
  OperatorProcess(const OperatorProcess&) = delete;
  OperatorProcess& operator=(const OperatorProcess&) = delete;

  void Kill(int signal);
  bool Running();
  // Waits for its end and returns its exit code, 128 + signal for a signal's, -1 after `limit`.
  int Wait(std::chrono::seconds limit);

  pid_t pid() const { return pid_; }
  std::string Log() const;
  bool Logged(const std::string& text) const;
  // The body of GET `path` at its health address, with "STATUS " in front; empty without an answer.
  std::string Health(const std::string& path) const;
  bool Ready() const { return Health("/readyz").starts_with("200"); }
  // Of its memory, in KiB; 0 once it has ended.
  long ResidentKiB() const;

 private:
  bool Reap(bool block);

  const std::filesystem::path log_file_;
  int health_port_ = 0;
  std::mutex mutex_;
  pid_t pid_ = -1;
  bool ended_ = false;  // guarded by mutex_, as the next
  int exit_code_ = -1;
};

}  // namespace holdfast::faults
