// The manifests of a workload as files, one object each, that `kubectl apply -f` takes: made from
// what the operator and the kubelet put into a folder (protocol/args.h, kManifestsPath).
#pragma once

#include <string>
#include <vector>

#include "base/error.h"
#include "jobs/engine/archiver.h"

namespace holdfast::engine {

// The tag of a snapshot that holds Secrets.
inline constexpr const char* kContainsSecrets = "contains=secrets";

struct ComposedManifests {
  std::vector<MadeFile> files;       // "StatefulSet-mysql.json", sorted by name
  bool secrets = false;              // whether there are Secrets among them
  std::vector<std::string> missing;  // "ConfigMap/mysql": folders without a key
};

// ConfigMaps and Secrets come from folders of keys, as the kubelet mounts them: labels and
// annotations are not known, and a Secret's type is told by its keys. Invalid when an object is
// malformed, and for more than 16 MiB in all; else the errors of reading files.
Result<ComposedManifests> ComposeManifests(const std::string& folder);

}  // namespace holdfast::engine
