// A real S3 server for tests: versitygw over a temporary folder, on loopback.
#pragma once

#include <string>

#include <sys/types.h>

#include "jobs/storage/s3.h"

namespace holdfast::storage {

// Runs until the end of the program, or shorter when that is killed.
class Gateway {
 public:
  enum class Transport { kPlain, kTls };

  // One per transport, started at the first call; it has answered when this returns. Uses the
  // binary that HOLDFAST_VERSITYGW names; Invalid when that is unset.
  static Result<Gateway*> Shared(Transport transport);

  ~Gateway();
  Gateway(const Gateway&) = delete;
  Gateway& operator=(const Gateway&) = delete;

  // For the bucket that exists, with a prefix that nothing else uses.
  S3Options FreshOptions();
  // Serves the bucket under "bucket.localhost" too.
  S3Options FreshVirtualHostOptions();

 private:
  explicit Gateway(Transport transport) : transport_(transport) {}

  Result<void> Start(const std::string& binary);
  Result<void> MakeCertificate();
  Result<void> AwaitAnswer();

  const Transport transport_;
  std::string folder_;
  int port_ = 0;
  pid_t pid_ = -1;
  int prefixes_ = 0;
};

// Runs a program found in PATH until it ends. Internal when it fails.
Result<void> RunProgram(const std::vector<std::string>& command);

}  // namespace holdfast::storage
