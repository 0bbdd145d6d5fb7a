// Frees the space of what no snapshot uses, in each namespace's repository: by the store's own
// keys, where the gateway runs, since nobody else may remove there.
#pragma once

#include <functional>
#include <memory>
#include <stop_token>
#include <string>

#include "jobs/engine/session.h"
#include "jobs/engine/verbs.h"
#include "jobs/gateway/cluster.h"

namespace holdfast::gateway {

struct PruneShared {
  std::string definition;  // "namespace/name"
  std::string master_secret;
  engine::PruneOptions prune;
  // How a namespace's repository is reached; location and password are filled in.
  std::function<engine::SessionOptions(const Definition& definition)> session;
};

// One repository after the other; a namespace without one yet is passed over. What goes wrong in
// one is logged and keeps no other from its turn: then the first such Error is returned at the end.
Result<void> Run(const PruneShared& work, Cluster& cluster, std::stop_token stop);

}  // namespace holdfast::gateway
