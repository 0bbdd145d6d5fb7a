// What is protected, how old, how big, at what cost, and how fast it would be back. Pure.
#pragma once

#include <string>
#include <vector>

#include "base/clock.h"
#include "base/json.h"
#include "controllers/views.h"
#include "crds/types/backup_policy.h"
#include "crds/types/backup_repository.h"
#include "operator/plugin/table.h"

namespace holdfast::plugin {

struct Protected {
  std::vector<crds::BackupPolicy> policies;
  std::vector<crds::BackupRepository> repositories;
  std::vector<controllers::StatefulSetView> sets;
};

// A row for each policy, and one for each StatefulSet with volumes that none protects.
Table PolicyTable(const Protected& world, TimePoint now, bool namespaces);
// A row for each repository: what it costs.
Table RepositoryTable(const Protected& world, TimePoint now, bool namespaces);
// Both as one object, with sums.
Json ReportJson(const Protected& world);

}  // namespace holdfast::plugin
