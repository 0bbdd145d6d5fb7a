// The operator's command line. Every option may also come from the environment, as HOLDFAST_ and
// the option's name in capitals: --cluster-name is HOLDFAST_CLUSTER_NAME.
#pragma once

#include <chrono>
#include <string>
#include <vector>

#include "base/error.h"
#include "base/log.h"

namespace holdfast::op {

struct Options {
  std::string kubeconfig;  // empty: the pod's service account, else kubectl's default file
  std::string context;
  std::vector<std::string> namespaces;  // watch only these; empty for all
  std::string cluster_name;
  std::string mover_image;
  std::string mover_image_pull_policy = "IfNotPresent";
  std::string metrics_address = ":8080";  // "" serves none
  std::string metrics_tls_cert;           // PEM files; empty serves plain HTTP
  std::string metrics_tls_key;
  bool metrics_auth = false;  // /metrics wants a token that the API server lets in
  std::string health_address = ":8081";
  bool believe_requested_by = false;
  bool hooks = false;              // policies may have commands run in pods
  bool dumps = false;              // policies may have images of theirs run beside movers
  bool manifests_secrets = false;  // and Secrets kept beside manifests
  bool populator = false;          // fill claims whose dataSourceRef names a Backup or Restore
  std::string gateway_url;         // of repositories that are shared; empty for none
  std::string gateway_definition;  // "namespace/name" of the BackupRepository that it serves
  std::string gateway_ca_file;
  std::string gateway_token_file;
  bool leader_elect = false;
  std::string lease_name = "holdfast-operator";
  std::string lease_namespace;             // empty: $POD_NAMESPACE
  std::string identity;                    // in the lease; empty: $POD_NAME or the host's name
  int workers = 2;                         // per controller
  std::chrono::seconds probe_period{600};  // between two looks into a healthy repository
  int api_qps = 100;               // requests to the API server in a second, the lease's apart
  int api_burst = 200;             // so many may go at once after a quiet time
  std::string log_level = "info";  // as SetLogLevels reads it
  std::string log_levels_file;     // the same, read again whenever it changes; empty for none
  LogFormat log_format = LogFormat::kText;

  // --help and --version: nothing is to be run, this is to be printed.
  std::string print_only;
};

// Invalid with a sentence for people.
Result<Options> ParseOptions(int argc, const char* const* argv);

}  // namespace holdfast::op
