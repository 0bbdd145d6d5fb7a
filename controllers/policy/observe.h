// All that Decide wants to know of a BackupPolicy.
#pragma once

#include <optional>
#include <stop_token>

#include "controllers/context.h"
#include "controllers/policy/decide.h"

namespace holdfast::controllers::policy {

// A World and what its pointers point at.
struct Observed {
  World world;
  kube::Cache<crds::BackupRepository>::Entry repository;
  kube::Cache<StatefulSetView>::Entry stateful_set;
};

// nullopt when the policy is gone or on its way out; its Backups stay.
Result<std::optional<Observed>> Observe(const Context& context, const kube::ObjectKey& key,
                                        std::stop_token stop);

}  // namespace holdfast::controllers::policy
