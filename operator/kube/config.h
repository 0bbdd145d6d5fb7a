// Where the API server is and who we are there: a kubeconfig file (kubectl's v1 Config) or the files
// of a pod's service account.
#pragma once

#include <memory>
#include <string>

#include "base/error.h"
#include "operator/kube/transport.h"

namespace holdfast::kube {

struct ClientConfig {
  std::string server;       // "https://host:port"
  std::string ca_pem;       // empty trusts the system's
  std::string client_cert_pem;
  std::string client_key_pem;
  std::string token_file;   // read again when it changes: bound tokens rotate
  std::string token;
  std::string default_namespace;
};

// Empty `path`: $KUBECONFIG, then ~/.kube/config. Invalid names what is missing or not served (exec
// plugins).
Result<ClientConfig> LoadKubeconfig(const std::string& path, const std::string& context);

// From /var/run/secrets/kubernetes.io/serviceaccount and KUBERNETES_SERVICE_HOST/PORT. NotFound
// outside a cluster.
Result<ClientConfig> InClusterConfig();

// The cpprestsdk transport. Sets the size of cpprestsdk's thread pool on first use.
Result<std::unique_ptr<Transport>> MakeTransport(const ClientConfig& config);

}  // namespace holdfast::kube
