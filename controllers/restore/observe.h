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

// Parts of it, into `world`: what of the caches `world.restore.spec.source` names, what the other
// Restores of the namespace mean for it, and the StatefulSet if there is one in its target.
void SeeSource(const Caches& caches, World& world);
void SeeRivals(const Caches& caches, World& world);
Result<void> SeeSet(const Context& context, World& world, std::stop_token stop);

}  // namespace holdfast::controllers::restore
