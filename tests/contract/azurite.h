// The emulator of Azure Blob Storage for tests, in memory.
#pragma once

#include <string>

#include "jobs/storage/azure.h"
#include "tests/contract/server_process.h"

namespace holdfast::storage {

class Azurite {
 public:
  // Started at the first call; it has answered when this returns. Uses the program that
  // HOLDFAST_AZURITE names; Invalid when that is unset.
  static Result<Azurite*> Shared();

  // For the container that exists, with a prefix that nothing else uses.
  AzureOptions FreshOptions();

 private:
  Azurite() = default;
  Result<void> Start();
  Result<void> MakeContainer();

  ServerProcess process_;
  std::string endpoint_;
  int prefixes_ = 0;
};

}  // namespace holdfast::storage
