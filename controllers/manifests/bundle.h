// The manifests that one Backup keeps: objects that the operator read, and the ConfigMaps and
// Secrets that only the kubelet reads, for the mover's pod. Pure.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "base/json.h"

namespace holdfast::controllers::manifests {

// Objects as the API server has them.
struct Sources {
  Json stateful_set;
  std::vector<Json> services;           // all of the namespace
  std::vector<Json> claims;             // and so here
  std::optional<Json> service_account;  // that the pods name; nullopt: it does not exist

  std::vector<std::string> backed_up;  // claims whose volumes the Backup keeps
  bool secrets = false;                // whether Secrets are kept
};

struct Bundle {
  std::string stateful_set;              // whose they are
  std::string claim;                     // of the volume whose mover keeps them
  std::string objects;                   // a JSON list, at most kMostObjects bytes
  std::vector<std::string> config_maps;  // to be mounted, by name
  std::vector<std::string> secrets;
  std::vector<std::string> names;    // "Service/mysql": all of these
  std::vector<std::string> missing;  // "Secret/mysql: why it is not kept"
  std::string problem;               // why nothing can be kept, and the rest is empty
};

// They travel in an annotation of the mover's pod, whose annotations may have 256 KiB.
inline constexpr std::size_t kMostObjects = 200 << 10;
// ConfigMaps and Secrets: each is a volume of the mover's pod.
inline constexpr std::size_t kMostMounted = 100;

// What belongs to the StatefulSet, cleaned. Without `stateful_set` and `claim`.
Bundle MakeBundle(const Sources& sources);

}  // namespace holdfast::controllers::manifests
