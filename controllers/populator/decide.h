// What to do next for a claim that is to be filled (the volume populator protocol), as a pure
// function of what was observed. Each step may be repeated after a crash.
//
//   child    a Restore that belongs to the claim, into a claim "prime" that does not exist yet
//   prime    like the claim, without the dataSourceRef; it belongs to the child
//   fill     the child does it, as any Restore; the volume is told to go with its claim
//   give     once the child has succeeded and its pods are gone: the volume's claimRef, from the
//            prime to the claim, in one write
//   clear    once the claim is bound and the prime has lost its volume: the child, and with it
//            the prime, goes
//
// Whatever is half done belongs to the claim, by owner references: when it is deleted, nothing
// stays. A claim is bound by the one write alone; before it, it waits, and its events say for what.
// A child that failed goes with the volume that it may have half filled, and another is made after
// kRetryAfter.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "controllers/populator/world.h"
#include "controllers/reconciler.h"
#include "operator/kube/events.h"

namespace holdfast::controllers::populator {

inline constexpr std::chrono::minutes kRetryAfter{5};

// A merge patch of a PersistentVolume as it was read: a Conflict if it has changed.
struct VolumePatch {
  std::string name;
  Json patch;
};

// About the claim.
struct Announcement {
  kube::EventType type = kube::EventType::kNormal;
  std::string reason;
  std::string message;

  friend bool operator==(const Announcement&, const Announcement&) = default;
};

// Carried out in the order of the members.
struct Plan {
  std::optional<crds::Restore> create_child;
  std::optional<Json> create_prime;
  std::optional<VolumePatch> patch_volume;
  std::optional<crds::ObjectMeta> remove_child;
  std::vector<Announcement> events;
  Requeue requeue;
};

Plan Decide(const World& world);

}  // namespace holdfast::controllers::populator
