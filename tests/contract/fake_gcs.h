// A server of Google Cloud Storage's API for tests: fake-gcs-server, in memory.
#pragma once

#include <string>

#include "jobs/storage/gcs.h"
#include "tests/contract/server_process.h"

namespace holdfast::storage {

class FakeGcs {
 public:
  // Started at the first call; it has answered when this returns. Uses the binary that
  // HOLDFAST_FAKE_GCS names; Invalid when that is unset.
  static Result<FakeGcs*> Shared();

  // For the bucket that exists, with a prefix that nothing else uses.
  GcsOptions FreshOptions();

 private:
  FakeGcs() = default;
  Result<void> Start();
  Result<void> MakeBucket();

  ServerProcess process_;
  std::string endpoint_;
  int prefixes_ = 0;
};

}  // namespace holdfast::storage
