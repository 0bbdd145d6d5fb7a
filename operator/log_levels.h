// Log levels that can be changed while the operator runs: a file, usually a key of a mounted
// ConfigMap, with what --log-level takes.
#pragma once

#include <chrono>
#include <string>
#include <thread>

namespace holdfast::op {

// Reads the file at once, then again every `period` until destroyed, and applies what changed. A
// file that is not there, or says nonsense, is logged and leaves the levels as they are.
class LogLevelsFile {
 public:
  LogLevelsFile(std::string path, std::chrono::milliseconds period);

 private:
  void Look();

  const std::string path_;
  std::string last_;  // what the last look found: a text, or an error in brackets
  std::jthread thread_;
};

}  // namespace holdfast::op
