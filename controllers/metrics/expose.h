// What Prometheus sees of the objects: per policy, per repository, and the queue. Nothing is kept:
// every series is made from the caches when somebody asks, so that it goes with its object, and
// ten thousand policies cost no memory between two scrapes.
//
// docs/operations.md says what each metric means and what to do about it.
#pragma once

#include <functional>
#include <string>

#include "base/clock.h"
#include "controllers/context.h"

namespace holdfast::controllers::metrics {

// Returns one family after another in the Prometheus text format, then nothing for ever. The caches
// must outlive it. One thread at a time.
std::function<std::string()> Expose(const Caches& caches, TimePoint now);

}  // namespace holdfast::controllers::metrics
