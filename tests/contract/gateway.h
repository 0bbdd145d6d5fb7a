// A real S3 server for tests: versitygw over a temporary folder.
#pragma once

#include <string>

#include "jobs/storage/s3.h"
#include "tests/contract/server_process.h"

namespace holdfast::storage {

class Gateway {
 public:
  enum class Transport { kPlain, kTls };

  // One per transport, started at the first call; it has answered when this returns. Uses the
  // binary that HOLDFAST_VERSITYGW names; Invalid when that is unset.
  static Result<Gateway*> Shared(Transport transport);

  // For the bucket that exists, with a prefix that nothing else uses.
  S3Options FreshOptions();
  // Serves the bucket under "bucket.localhost" too.
  S3Options FreshVirtualHostOptions();
  // For a bucket with versions and S3 Object Lock, in governance mode.
  Result<S3Options> FreshLockedOptions(std::chrono::seconds period);

 private:
  explicit Gateway(Transport transport) : transport_(transport) {}

  Result<void> Start(const std::string& binary);
  Result<void> MakeCertificate();
  Result<void> Answers();
  Result<void> MakeLockedBucket();

  const Transport transport_;
  ServerProcess process_;
  std::string folder_;
  int port_ = 0;
  int prefixes_ = 0;
  bool locked_bucket_ = false;
};

}  // namespace holdfast::storage
