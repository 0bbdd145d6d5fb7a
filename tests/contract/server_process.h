// A server that runs for as long as a test program, on loopback.
#pragma once

#include <functional>
#include <string>
#include <vector>

#include <sys/types.h>

#include "base/error.h"

namespace holdfast::storage {

// Ends with this program, however that ends.
class ServerProcess {
 public:
  ServerProcess() = default;
  ~ServerProcess();
  ServerProcess(const ServerProcess&) = delete;
  ServerProcess& operator=(const ServerProcess&) = delete;

  // Runs the command and waits until `answers` returns no error. What the server prints goes to
  // `log_file`. Unavailable, with the last error, when it dies or takes half a minute.
  Result<void> Start(const std::vector<std::string>& command, const std::string& log_file,
                     const std::function<Result<void>()>& answers);
  bool IsRunning() const { return pid_ > 0; }

 private:
  pid_t pid_ = -1;
};

// The value of the environment variable, the path of the binary of `server`. Invalid, saying what
// to do, when it is unset.
Result<std::string> BinaryPath(const char* variable, const char* server);

// Runs a program found in PATH until it ends. Internal when it fails.
Result<void> RunProgram(const std::vector<std::string>& command);

}  // namespace holdfast::storage
