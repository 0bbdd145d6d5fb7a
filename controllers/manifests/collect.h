// Reads the objects of workloads from the API server: the Services and claims of their namespace,
// which are searched, and of each its StatefulSet and the ServiceAccount that its pods name. For
// one, three requests, four with a ServiceAccount.
#pragma once

#include <stop_token>
#include <string>
#include <vector>

#include "controllers/manifests/bundle.h"
#include "operator/kube/api.h"

namespace holdfast::controllers::manifests {

struct Wanted {
  std::string stateful_set;
  std::string claim;                   // of the volume whose mover keeps them
  std::vector<std::string> backed_up;  // claims of the StatefulSet whose volumes the Backup keeps
};

// One for each, in their order. What may not be read is the bundle's problem, and so is a
// StatefulSet that is gone.
Result<std::vector<Bundle>> Collect(const kube::Api& api, const std::string& ns,
                                    const std::vector<Wanted>& wanted, bool secrets,
                                    std::stop_token stop);

}  // namespace holdfast::controllers::manifests
