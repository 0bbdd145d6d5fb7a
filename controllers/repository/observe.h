// All that Decide wants to know of a BackupRepository, read from the caches and, where a pod's end
// must be certain, from the API server.
#pragma once

#include <optional>
#include <stop_token>

#include "controllers/context.h"
#include "controllers/repository/decide.h"
#include "controllers/repository/holders.h"

namespace holdfast::controllers::repository {

// nullopt when the repository is gone or on its way out: its Jobs go with it, its data stays.
Result<std::optional<World>> Observe(const Context& context, MoverWatch& movers,
                                     const kube::ObjectKey& key, std::stop_token stop);

}  // namespace holdfast::controllers::repository
