// All that Decide wants to know of a Backup: from the caches, and from the API server what is not
// worth caching (claims, the pods that mount them, movers' logs).
#pragma once

#include <map>
#include <stop_token>
#include <string>
#include <vector>

#include "controllers/backup/deletion.h"
#include "controllers/backup/progress.h"
#include "controllers/backup/world.h"
#include "controllers/context.h"

namespace holdfast::controllers::backup {

// A World and what its pointers point at.
struct Observed {
  World world;
  kube::Cache<crds::BackupPolicy>::Entry policy;
  kube::Cache<crds::BackupRepository>::Entry repository;
  std::vector<kube::Cache<StatefulSetView>::Entry> stateful_sets;
  std::vector<kube::Cache<crds::BackupRepository>::Entry> copy_repositories;
  // By claim, for those that are to be started: as whom the workload uses the volume (mounts.h).
  std::map<std::string, crds::MoverSecurityContext> security;
};

// What surrounds `backup`, which is as the cache or the API server has it.
Result<Observed> Observe(const Context& context, ProgressBook& book, crds::Backup backup,
                         std::stop_token stop);

// Of a Backup that is being deleted; without the repository.
DeletionWorld ObserveDeletion(const Context& context, const crds::Backup& backup,
                              std::stop_token stop);

}  // namespace holdfast::controllers::backup
