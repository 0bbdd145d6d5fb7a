// Object lock and upkeep: what a bucket retains, prune cannot free, and what is in use must not
// cease to be retained.
//
// All objects in use are retained until the config is, at least: an object is retained from when it
// is stored, and when half of the config's period is over, all are retained anew, the config last.
#pragma once

#include <chrono>
#include <cstdint>
#include <optional>
#include <stop_token>

#include "base/clock.h"
#include "base/error.h"
#include "jobs/engine/meter.h"
#include "jobs/repo/repository.h"

namespace holdfast::engine {

// How the objects of a repository are retained now.
struct Retained {
  std::chrono::seconds period{0};
  TimePoint now{};
  std::optional<TimePoint> config_until;  // nothing: the config is not retained

  // Until when an object in use that was stored then is retained, as far as can be told.
  TimePoint Until(TimePoint stored) const;
  // Whether all is to be retained anew: after it, what is in use is retained for a whole period.
  bool ExtensionIsDue() const;
  // Whether an object stored then is retained for more than half a period yet. To move what is in
  // use out of it costs space for that time; later it costs less than to retain it anew.
  bool IsHeldBack(TimePoint stored) const;
};

// Nothing when the storage retains nothing.
Result<std::optional<Retained>> LookAtRetention(repo::Repository& repository, TimePoint now,
                                                std::stop_token stop);

struct ExtensionReport {
  std::uint64_t objects = 0;       // retained anew; 0 when it was not due
  std::optional<TimePoint> until;  // all that is in use is retained at least so long
};

// Retains all objects that are there for another period if that is due. Only after a prune under
// the same exclusive lock: then what is there is in use, and nobody adds to it. Interrupted, it
// starts again the next time.
//
// NotSupported when the store took the order and does not retain the config.
Result<ExtensionReport> ExtendRetention(repo::Repository& repository, const Retained& retained,
                                        Meter& meter, std::stop_token stop);

}  // namespace holdfast::engine
