#include "tests/contract/shared_gateway.h"

#include <fstream>

#include "base/hash.h"
#include "jobs/storage/local.h"
#include "tests/contract/backend_contract.h"
#include "tests/contract/server_process.h"

namespace holdfast::storage {

Result<std::unique_ptr<SharedGateway>> SharedGateway::Start(std::vector<std::string> namespaces,
                                                            bool verify_names) {
  std::unique_ptr<SharedGateway> made(new SharedGateway());
  made->folder_ = FreshFolder();
  const std::string key = made->folder_ + "/key.pem";
  TRY_VOID(RunProgram({"openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt",
                       "ec_paramgen_curve:prime256v1", "-nodes", "-days", "2", "-subj",
                       "/CN=localhost", "-addext", "subjectAltName=IP:127.0.0.1", "-keyout", key,
                       "-out", made->ca_file()}));
  made->cluster_.Share(std::move(namespaces));
  made->doorman_ = std::make_unique<gateway::Doorman>(
      made->cluster_, made->clock_, gateway::DoormanOptions{"admin/offsite", kRemover});
  made->gateway_ = std::make_unique<gateway::Gateway>(
      *made->doorman_, gateway::Gateway::Options{"admin/offsite", kSecret, verify_names},
      [folder = made->folder_](const gateway::Definition&,
                               const std::string& ns) -> Result<std::shared_ptr<Backend>> {
        return std::make_shared<Local>(folder + "/" + ns);
      });
  http::Service service;
  service.handle = [gateway = made->gateway_.get()](const http::Request& request,
                                                    std::stop_token stop) {
    return gateway->Handle(request, std::move(stop));
  };
  service.refusal = [gateway = made->gateway_.get()](const http::Request& request,
                                                     std::stop_token stop) {
    return gateway->Refusal(request, std::move(stop));
  };
  service.max_body = gateway::kMaxObject;
  service.memory = 64 << 20;
  service.piece = gateway::kPiece;
  service.max_connections = 64;
  http::Endpoint endpoint{"127.0.0.1:0", http::TlsFiles{made->ca_file(), key}, {}};
  endpoint.service = std::move(service);
  TRY(made->server_, http::Server::Start({std::move(endpoint)}, 4));
  return made;
}

RestOptions SharedGateway::Options(const std::string& ns, const std::string& user) const {
  const std::string token_file = folder_ + "/token-" + ShortHash(user, 16);
  std::ofstream(token_file) << user << "\n";
  RestOptions options;
  options.address = {"https://" + address(), "", ns};
  options.token_file = token_file;
  options.http.ca_file = ca_file();
  return options;
}

}  // namespace holdfast::storage
