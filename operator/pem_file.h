// Certificates in a file that somebody may replace at any time, such as a mounted Secret.
#pragma once

#include <mutex>
#include <string>

#include "base/error.h"

namespace holdfast::op {

// The file's text. Invalid when there is no certificate in PEM in it.
Result<std::string> ReadPem(const std::string& file);

// What the file holds at the moment of asking; while it cannot be read, or has no certificate in
// it, what it held before. From any thread.
class PemFile {
 public:
  // `pem` is what the file held first.
  PemFile(std::string file, std::string pem) : file_(std::move(file)), last_(std::move(pem)) {}

  std::string Read();

 private:
  const std::string file_;
  std::mutex mutex_;
  std::string last_;
};

}  // namespace holdfast::op
