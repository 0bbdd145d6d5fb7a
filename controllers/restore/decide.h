// What to do next for a Restore, as a pure function of what was observed: one stage at a time, each
// of which may be repeated after a crash.
//
//   resolve    source -> status.volumes; nothing is touched before this and a Ready repository
//   pre hooks  in the pods, one after the other in each (hook_stages.h)
//   remember   finalizer on the Restore, then status.originalReplicas; both before the first
//              scaling
//   down       scale to 0; wait until no pod may use the claims and their volumes are detached;
//              make lost claims again
//   restore    one Job per claim
//   up         scale to the remembered size; wait until that many pods are ready; post hooks;
//              drop the finalizer
//
// A pod of somebody else that mounts a claim is never disturbed: the Restore waits for it, before
// it scales anything down, up to spec.deadline.
//
// When a mover fails, or the Restore is deleted midway, what counts is whether a volume may be half
// written. If none can be (no mover ran, or each ended before its first write), the StatefulSet
// gets its size back at once: its data is what it was. Otherwise it stays at 0 replicas, so that no
// database starts on half a volume and no such volume passes for a good one; the condition and an
// event on the StatefulSet say how to go on. The next Restore of the same StatefulSet then scales
// it to the size it had before the first; unless that was deleted, for nothing else knows the size.
//
// A StatefulSet that somebody (GitOps, mostly) scales up while its volumes are being written is
// scaled down again, with an event that says who it was and how to pause them (fights.h). A volume
// on which a pod was started meanwhile is restored once more.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "controllers/reconciler.h"
#include "controllers/restore/world.h"
#include "controllers/settings.h"
#include "operator/kube/events.h"

namespace holdfast::controllers::restore {

struct Announcement {
  kube::EventType type = kube::EventType::kNormal;
  std::string reason;
  std::string message;
  bool on_set = false;  // about the StatefulSet rather than the Restore

  friend bool operator==(const Announcement&, const Announcement&) = default;
};

// Hooks to start, and outcomes to tell of and to let go of, once the status is stored.
struct HookPlan {
  std::vector<std::size_t> start;
  std::vector<std::size_t> ended;
  std::vector<hooks::Outcome> stored;
};

// Carried out in the order of the members. An error ends it: what follows would be untrue.
struct Plan {
  bool add_finalizer = false;
  std::vector<Json> create_claims;
  std::vector<crds::Restore> remove_children;  // of a follower
  std::optional<crds::Restore> create_child;
  std::optional<std::int64_t> scale;  // of the StatefulSet
  std::vector<std::string> start;     // claims whose mover is to be created
  bool start_browser = false;         // the Job of target.browse is to be created
  std::vector<JobView> remove;        // with their pods, before they go themselves
  std::vector<JobView> expire;
  crds::RestoreStatus status;
  HookPlan hooks;
  bool remove_finalizer = false;
  std::vector<Announcement> events;
  Requeue requeue;
};

Plan Decide(const World& world, const Settings& settings);

// The moment at which a Restore that still waits gives up.
TimePoint DeadlineOf(const crds::Restore& restore, TimePoint started);

// The name of the mover's Job for a claim.
std::string MoverName(const crds::Restore& restore, const std::string& claim);

}  // namespace holdfast::controllers::restore
