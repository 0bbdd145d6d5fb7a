// Holdfast's own gateway for tests: it runs in this process, by TLS on loopback, over a folder.
// Tokens are the names of their users (tests/fakes/fake_cluster.h).
#pragma once

#include <memory>
#include <string>

#include "base/http/server.h"
#include "jobs/gateway/gateway.h"
#include "jobs/storage/rest.h"
#include "tests/fakes/fake_cluster.h"

namespace holdfast::storage {

class SharedGateway {
 public:
  // Over a fresh folder, shared with `namespaces`. Without `verify_names` it takes objects of any
  // name, as the suite makes them.
  static Result<std::unique_ptr<SharedGateway>> Start(std::vector<std::string> namespaces,
                                                      bool verify_names);

  // For the repository of `ns`, by a token of `user`'s.
  RestOptions Options(const std::string& ns, const std::string& user) const;
  std::string address() const { return "127.0.0.1:" + std::to_string(server_->ports()[0]); }
  std::string ca_file() const { return folder_ + "/cert.pem"; }
  // Where the objects of `ns` lie.
  std::string FolderOf(const std::string& ns) const { return folder_ + "/" + ns; }
  fakes::FakeCluster& cluster() { return cluster_; }

  static constexpr const char* kSecret = "a master secret of the gateway's tests";
  static constexpr const char* kRemover = "system:serviceaccount:admin:operator";

 private:
  SharedGateway() = default;

  std::string folder_;
  fakes::FakeCluster cluster_;
  SystemClock clock_;
  std::unique_ptr<gateway::Doorman> doorman_;
  std::unique_ptr<gateway::Gateway> gateway_;
  std::unique_ptr<http::Server> server_;  // goes first
};

}  // namespace holdfast::storage
