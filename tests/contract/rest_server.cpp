#include "tests/contract/rest_server.h"

#include "tests/contract/backend_contract.h"
#include "tests/fakes/free_port.h"

namespace holdfast::storage {

Result<RestServer*> RestServer::Shared() {
  static RestServer server;
  if (server.process_.IsRunning()) return &server;
  TRY_VOID(server.Start({"--no-auth", "--no-verify-upload"}));
  return &server;
}

Result<void> RestServer::Start(const std::vector<std::string>& options) {
  TRY(const std::string binary, BinaryPath("HOLDFAST_REST_SERVER", "rest-server"));
  const std::string address = "127.0.0.1:" + std::to_string(fakes::FreePort());
  endpoint_ = "http://" + address;
  if (folder_.empty()) folder_ = FreshFolder();
  std::vector<std::string> command = {binary, "--listen", address, "--path", folder_};
  command.insert(command.end(), options.begin(), options.end());
  return process_.Start(command, FreshFolder() + "/log", [this]() -> Result<void> {
    const HttpRequest request{"GET", endpoint_ + "/", {}, {}, kErrorBodyLimit};
    TRY_VOID(Http({}).Send(request, {}));  // whatever it says
    return {};
  });
}

RestOptions RestServer::FreshOptions() {
  RestOptions options;
  options.address = {endpoint_, "", "team/" + std::to_string(++paths_)};
  return options;
}

}  // namespace holdfast::storage
