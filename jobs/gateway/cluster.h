// What the gateway asks Kubernetes: whose token it was sent, and what the definition says.
#pragma once

#include <memory>
#include <stop_token>
#include <string>
#include <vector>

#include "base/error.h"
#include "jobs/storage/http.h"

namespace holdfast::gateway {

// Of the BackupRepository that is shared.
struct Definition {
  std::string location;  // as the mover's --repo; empty while the operator has not looked at it
  std::string region;    // of S3; empty when none is named
  bool virtual_host_style = false;
  std::vector<std::string> namespaces;  // that it is shared with

  friend bool operator==(const Definition&, const Definition&) = default;
};

// Threads: safe from many threads.
class Cluster {
 public:
  virtual ~Cluster() = default;

  // "system:serviceaccount:red:default". Denied for a token that is not known, or was not made for
  // protocol::kGatewayAudience: one for the API server is not taken, so that none that could do
  // something there is ever sent here.
  virtual Result<std::string> UserOf(const std::string& token, std::stop_token stop) = 0;
  // NotFound when there is none.
  virtual Result<Definition> ReadDefinition(std::stop_token stop) = 0;
};

struct ApiServer {
  std::string url;  // "https://10.96.0.1:443"
  std::string ca_file;
  std::string token_file;  // of our own service account; read for each request, since it is renewed
};

// By the API server; the definition is BackupRepository `name` in namespace `ns`. Unavailable or
// Timeout while it does not answer, Internal when our own service account lacks a right.
std::unique_ptr<Cluster> MakeCluster(ApiServer server, std::string ns, std::string name);

}  // namespace holdfast::gateway
