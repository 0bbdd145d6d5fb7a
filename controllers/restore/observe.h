// Reads the world of a Restore (world.h says what is read live).
#pragma once

#include <optional>
#include <stop_token>

#include "controllers/context.h"
#include "controllers/progress_book.h"
#include "controllers/restore/world.h"

namespace holdfast::controllers::restore {

// nullopt when the Restore is gone.
Result<std::optional<World>> Observe(const Context& context, ProgressBook& book,
                                     const kube::ObjectKey& key, std::stop_token stop);

// What of the caches `world.restore.spec.source` names, into `world`.
void SeeSource(const Caches& caches, World& world);

}  // namespace holdfast::controllers::restore
