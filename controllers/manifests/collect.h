// Reads the objects of a workload from the API server: the StatefulSet, the ServiceAccount that its
// pods name, and the Services and claims of its namespace, which are searched. Three requests, four
// with a ServiceAccount.
#pragma once

#include <stop_token>
#include <string>
#include <vector>

#include "controllers/manifests/bundle.h"
#include "operator/kube/api.h"

namespace holdfast::controllers::manifests {

// What may not be read is the bundle's problem, and so is a StatefulSet that is gone.
Result<Bundle> Collect(const kube::Api& api, const kube::ObjectKey& stateful_set,
                       std::vector<std::string> backed_up, bool secrets, std::stop_token stop);

}  // namespace holdfast::controllers::manifests
