// The bearer token of our requests: fixed, or from a file that is read again when it changes, as
// bound service account tokens do.
#pragma once

#include <filesystem>
#include <mutex>
#include <string>

namespace holdfast::kube {

// Threads: safe from many threads.
class BearerToken {
 public:
  BearerToken(std::string token, std::string file);

  // Empty for none.
  std::string Current();

 private:
  void Refresh();

  std::mutex mutex_;
  std::string token_;
  const std::string file_;
  std::filesystem::file_time_type written_{};
};

}  // namespace holdfast::kube
