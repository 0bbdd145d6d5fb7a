// Where the API server is and who we are there: a kubeconfig file (kubectl's v1 Config) or the
// files of a pod's service account.
#pragma once

#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "base/clock.h"
#include "base/error.h"
#include "operator/kube/transport.h"

namespace holdfast::kube {

// A program that makes credentials (client-go's exec plugins), as the kubeconfig names it.
struct CredentialPlugin {
  std::string command;  // found in PATH unless it has a slash
  std::vector<std::string> arguments;
  std::vector<std::pair<std::string, std::string>> environment;  // beside our own
  std::string api_version;   // "client.authentication.k8s.io/v1"
  std::string install_hint;  // for people who lack the program; may be empty
  std::string cluster;       // JSON of spec.cluster for KUBERNETES_EXEC_INFO; empty: not asked for
};

struct Credential {
  std::string token;
  std::string client_cert_pem;
  std::string client_key_pem;
  std::optional<TimePoint> expires;
};

using RunCredentialPlugin = std::function<Result<Credential>(const CredentialPlugin&)>;

struct ClientConfig {
  std::string server;  // "https://host:port"
  std::string ca_pem;  // empty trusts the system's
  std::string client_cert_pem;
  std::string client_key_pem;
  std::string token_file;  // read again when it changes: bound tokens rotate
  std::string token;
  std::string default_namespace;
  std::vector<std::string> files;  // what this was read from, but for the token's
  // Of a credential that a program made: loaded again, there is a new one.
  std::optional<TimePoint> expires;
};

// Empty `path`: the files of $KUBECONFIG that exist, then ~/.kube/config. Several are merged as
// kubectl does: of each name the first counts, and so does the first current-context. Empty
// `context`: the current one. Invalid names what is missing or not served (passwords, unverified
// TLS, proxies; credential plugins without `run`).
Result<ClientConfig> LoadKubeconfig(const std::string& path, const std::string& context,
                                    const RunCredentialPlugin& run = nullptr);

// From KUBERNETES_SERVICE_HOST/PORT and the service account's files in `folder`; empty for
// /var/run/secrets/kubernetes.io/serviceaccount. NotFound outside a cluster.
Result<ClientConfig> InClusterConfig(const std::string& folder = "");

// The cpprestsdk transport. Starts cpprestsdk's one network thread on first use. Only `ca_pem` is
// trusted when there is one; the server's name or address must stand in its certificate. Invalid
// for certificates or keys that cannot be read.
Result<std::unique_ptr<Transport>> MakeTransport(const ClientConfig& config);

using LoadConfig = std::function<Result<ClientConfig>()>;
using MakeFromConfig = std::function<Result<std::unique_ptr<Transport>>(const ClientConfig&)>;

// A transport that is made again from `load` when one of the configuration's files has changed:
// client certificates and CA bundles renew on disk. Files are looked at with a request, at most
// once a second; what cannot be loaded (yet) leaves the last transport. Requests under way keep
// theirs.
Result<std::unique_ptr<Transport>> MakeReloadingTransport(LoadConfig load,
                                                          MakeFromConfig make = MakeTransport);

}  // namespace holdfast::kube
