#include "operator/log_levels.h"

#include <fstream>
#include <iterator>
#include <utility>

#include "base/log.h"
#include "operator/kube/wait.h"

namespace holdfast::op {

LogLevelsFile::LogLevelsFile(std::string path, std::chrono::milliseconds period)
    : path_(std::move(path)) {
  Look();
  thread_ = std::jthread([this, period](std::stop_token stop) {
    while (kube::WaitFor(period, stop)) Look();
  });
}

void LogLevelsFile::Look() {
  std::ifstream in(path_);
  const std::string text =
      in ? std::string(std::istreambuf_iterator<char>(in), {}) : "(cannot be opened)";
  if (text == last_) return;
  last_ = text;
  Result<void> set = in ? SetLogLevels(text) : Fail(Code::kNotFound, text);
  if (set)
    Log(spdlog::level::info, "audit", "log levels set", {{"file", path_}, {"levels", text}});
  else
    Log(spdlog::level::err, "operator", "the log levels stay as they are",
        {{"file", path_}, {"error", set.error().message}});
}

}  // namespace holdfast::op
