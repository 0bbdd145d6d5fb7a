// What a controller is: a level-based function from a key to the next time it wants to look.
#pragma once

#include <optional>
#include <stop_token>
#include <string_view>

#include "base/clock.h"
#include "base/error.h"
#include "operator/kube/object_key.h"

namespace holdfast::controllers {

// When to look again without a change: at a time, or only when something changes.
struct Requeue {
  std::optional<TimePoint> at;

  friend bool operator==(const Requeue&, const Requeue&) = default;
};

inline Requeue RequeueAt(TimePoint time) { return {time}; }
inline Requeue AwaitChange() { return {}; }

// The earlier of two.
inline Requeue Sooner(const Requeue& a, const Requeue& b) {
  if (!a.at) return b;
  if (!b.at) return a;
  return *a.at < *b.at ? a : b;
}

// Threads: Reconcile runs on worker threads, never twice at once for the same key.
class Reconciler {
 public:
  virtual ~Reconciler() = default;
  virtual std::string_view Name() const = 0;  // "backup": for logs, metrics, the queue
  // Idempotent. An Error comes back with backoff; Conflict is ordinary and comes back at once.
  virtual Result<Requeue> Reconcile(const kube::ObjectKey& key, std::stop_token stop) = 0;
};

}  // namespace holdfast::controllers
