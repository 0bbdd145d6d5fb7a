// Reads the world of a Restore with mode Follow. Its children are listed, not taken from the cache:
// one that lags would make two of them write at once.
#pragma once

#include <optional>
#include <stop_token>

#include "controllers/context.h"
#include "controllers/restore/world.h"

namespace holdfast::controllers::restore {

// nullopt when the Restore is gone.
Result<std::optional<World>> ObserveFollower(const Context& context, const kube::ObjectKey& key,
                                             std::stop_token stop);

}  // namespace holdfast::controllers::restore
