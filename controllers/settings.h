// What the person who installed the operator decided, the same for all controllers.
#pragma once

#include <chrono>
#include <functional>
#include <string>

namespace holdfast::controllers {

// Where repositories that are shared (spec.shared) are reached.
struct GatewaySettings {
  std::string url;  // "https://holdfast-gateway.holdfast-system.svc:8443"; empty: none is installed
  // The authority of its certificate now, which each mover's Job carries. From any thread.
  std::function<std::string()> ca_pem = [] { return std::string(); };
  std::string definition_namespace;
  std::string definition;  // the BackupRepository that it serves
};

struct Settings {
  std::string cluster_name;  // the hostname of every snapshot
  std::string mover_image;
  std::string mover_image_pull_policy = "IfNotPresent";
  // Whether the annotation holdfast.dev/requested-by is held true by an admission policy.
  bool believe_requested_by = false;
  // Whether policies may have commands run in pods.
  bool hooks_enabled = false;
  // Whether policies may have commands of images that they name run beside movers (spec.dumps).
  bool dumps_enabled = false;
  // Whether policies may have Secrets kept beside the manifests.
  bool secrets_enabled = false;
  // Whether claims whose dataSourceRef names a Backup or Restore are filled.
  bool populator_enabled = false;
  GatewaySettings gateway;
  // How often a running mover's progress is read.
  std::chrono::seconds progress_period{3};
  // How often a healthy repository is probed, and the bounds between which an unhealthy one is.
  std::chrono::seconds probe_period{600};
  std::chrono::seconds probe_retry_first{10};
  std::chrono::seconds probe_retry_most{300};
};

}  // namespace holdfast::controllers
