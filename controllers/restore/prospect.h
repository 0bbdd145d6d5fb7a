// What is known, in the caches, about how long a Restore will take.
#pragma once

#include <optional>

#include "controllers/context.h"
#include "controllers/restore/estimate.h"

namespace holdfast::controllers::restore {

// Of a Restore whose volumes are resolved. nullopt when no Backup tells how large one of them is
// (source: {repository, ...}): its mover finds out, and then there is an ETA.
std::optional<Prospect> LookAhead(const Caches& caches, const crds::Restore& restore);

// The Restores of the namespace that read from the repository.
Restores RestoresFrom(const Caches& caches, const kube::ObjectKey& repository);

}  // namespace holdfast::controllers::restore
