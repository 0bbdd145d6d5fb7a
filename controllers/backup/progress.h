// What the movers of a run do now, and the progress that they tell in their logs.
#pragma once

#include <stop_token>

#include "controllers/backup/world.h"
#include "controllers/context.h"
#include "controllers/progress_book.h"

namespace holdfast::controllers::backup {

// Of each volume that has a Job: what its mover does, how far it is, and what that is judged by
// (last_good). Where pods mount the volumes, when a mover waits long. A log that cannot be read
// costs a percentage, no more.
Result<void> LookAtMovers(const Context& context, ProgressBook& book, World& world,
                          std::stop_token stop);

}  // namespace holdfast::controllers::backup
