// Reads the world of a claim that is to be filled (world.h).
#pragma once

#include <optional>
#include <stop_token>

#include "controllers/context.h"
#include "controllers/populator/world.h"

namespace holdfast::controllers::populator {

// nullopt when the claim is gone, or does not ask to be filled by us.
Result<std::optional<World>> Observe(const Context& context, const kube::ObjectKey& key,
                                     std::stop_token stop);

}  // namespace holdfast::controllers::populator
