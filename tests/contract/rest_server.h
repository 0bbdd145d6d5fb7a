// restic's own server of its REST protocol for tests: rest-server, over a folder.
#pragma once

#include <string>
#include <vector>

#include "jobs/storage/rest.h"
#include "tests/contract/server_process.h"

namespace holdfast::storage {

class RestServer {
 public:
  // Started at the first call, without users; takes objects of any name, as the suite makes them.
  static Result<RestServer*> Shared();
  // One with these options ("--append-only", ...), for as long as the object lives. It uses the
  // binary that HOLDFAST_REST_SERVER names; Invalid when that is unset.
  Result<void> Start(const std::vector<std::string>& options);

  // For a path that nothing else uses.
  RestOptions FreshOptions();
  const std::string& folder() const { return folder_; }

 private:
  ServerProcess process_;
  std::string endpoint_;
  std::string folder_;
  int paths_ = 0;
};

}  // namespace holdfast::storage
