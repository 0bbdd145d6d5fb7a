#include "controllers/populator/controller.h"

#include "controllers/job_client.h"
#include "controllers/populator/observe.h"
#include "controllers/reasons.h"
#include "controllers/write_status.h"

namespace holdfast::controllers {

using populator::Plan;

Result<Requeue> PopulatorController::Reconcile(const kube::ObjectKey& key, std::stop_token stop) {
  TRY(const auto world, populator::Observe(context_, key, stop));
  if (!world) return AwaitChange();
  const Plan plan = populator::Decide(*world);
  if (const auto done = Apply(plan, stop); !done) {
    // A quota or an admission policy stands in the way: for the user to see, while it is tried
    // again.
    if (done.error().code == Code::kInvalid || done.error().code == Code::kDenied)
      Announce(world->claim, {{kube::EventType::kWarning, reason::kRefused, done.error().message}});
    return tl::make_unexpected(done.error());
  }
  Announce(world->claim, plan.events);
  return plan.requeue;
}

Result<void> PopulatorController::Apply(const Plan& plan, std::stop_token stop) {
  if (plan.create_child) {
    const auto made =
        EnsureOwned(context_, ResourceOf<crds::Restore>(), crds::Encode(*plan.create_child), stop);
    NoteWrite(context_.caches.restores.freshness(), KeyOf(plan.create_child->metadata), made);
    if (!made) return tl::make_unexpected(made.error());
  }
  if (plan.create_prime)
    TRY_VOID(EnsureOwned(context_, kube::kPersistentVolumeClaims, *plan.create_prime, stop));
  if (plan.patch_volume)
    TRY_VOID(context_.api.MergePatch(kube::kPersistentVolumes, {"", plan.patch_volume->name},
                                     plan.patch_volume->patch, stop));
  if (plan.remove_child) return RemoveChild(*plan.remove_child, stop);
  return {};
}

Result<void> PopulatorController::RemoveChild(const crds::ObjectMeta& child, std::stop_token stop) {
  const auto removed =
      context_.api.Delete(ResourceOf<crds::Restore>(), KeyOf(child), {.uid = child.uid}, stop);
  if (!removed && !IsAbsent(removed.error())) return removed;
  return {};
}

void PopulatorController::Announce(const populator::Claim& claim,
                                   const std::vector<populator::Announcement>& events) {
  for (const populator::Announcement& event : events)
    context_.events.Record({kube::kPersistentVolumeClaims, claim.key, claim.uid}, event.type,
                           event.reason, event.message);
}

}  // namespace holdfast::controllers
