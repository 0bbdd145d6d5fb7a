// All that Decide wants to know of a BackupRepository, read from the caches and, where a pod's end
// must be certain, from the API server.
#pragma once

#include <stop_token>

#include "controllers/context.h"
#include "controllers/repository/decide.h"
#include "controllers/repository/drill.h"
#include "controllers/repository/holders.h"

namespace holdfast::controllers::repository {

// What surrounds `repository`, which is as the cache or the API server has it.
World Observe(const Context& context, MoverWatch& movers, crds::BackupRepository repository,
              std::stop_token stop);

// The volumes and dumps that the last good Backups of its policies have a snapshot of, be it a
// copy.
std::vector<Sample> SamplesIn(const Caches& caches, const crds::BackupRepository& repository);

}  // namespace holdfast::controllers::repository
