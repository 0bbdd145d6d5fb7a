// All that Decide wants to know of a BackupPolicy.
#pragma once

#include <stop_token>

#include "controllers/context.h"
#include "controllers/policy/decide.h"

namespace holdfast::controllers::policy {

// A World and what its pointers point at.
struct Observed {
  World world;
  kube::Cache<crds::BackupRepository>::Entry repository;
  std::vector<kube::Cache<StatefulSetView>::Entry> stateful_sets;
  std::vector<kube::Cache<crds::BackupRepository>::Entry> copies;
};

// What surrounds `policy`, which is as the cache or the API server has it.
Result<Observed> Observe(const Context& context, crds::BackupPolicy policy, std::stop_token stop);

}  // namespace holdfast::controllers::policy
