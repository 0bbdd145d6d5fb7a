#include "controllers/restore/controller.h"

#include <algorithm>

#include "controllers/audit.h"
#include "controllers/finalizer.h"
#include "controllers/hook_work.h"
#include "controllers/job_client.h"
#include "controllers/labels.h"
#include "controllers/reasons.h"
#include "controllers/restore/browse.h"
#include "controllers/restore/mover.h"
#include "controllers/restore/observe.h"
#include "controllers/restore/workload.h"
#include "controllers/write_status.h"

namespace holdfast::controllers {

using restore::Plan;
using restore::World;

namespace {

// By the claim as it is, or is about to be made.
bool IsDevice(const World& world, const Plan& plan, const std::string& claim) {
  if (const auto found = world.claims.find(claim); found != world.claims.end())
    if (found->second.exists) return found->second.block;
  return std::ranges::any_of(plan.create_claims, [&](const Json& made) {
    return FindString(made, {"metadata", "name"}) == claim &&
           FindString(made, {"spec", "volumeMode"}) == "Block";
  });
}

}  // namespace

Result<Requeue> RestoreController::Reconcile(const kube::ObjectKey& key, std::stop_token stop) {
  TRY(const std::optional<World> world, restore::Observe(context_, book_, key, stop));
  if (!world) return AwaitChange();
  // Nothing has been done about it yet.
  if (world->restore.status.conditions.empty()) TRY_VOID(AuditRequest(*world, stop));
  Plan plan = restore::Decide(*world, context_.settings);
  if (const auto done = Apply(*world, plan, stop); !done) {
    TRY_VOID(ReportRefusal(*world, done.error(), stop));
    return tl::make_unexpected(done.error());
  }
  TRY(const auto written, WriteStatus(context_, world->restore, plan.status, stop));
  if (written) AuditEnd(*world, plan);
  if (!written) plan.hooks.start.clear();  // it is gone: nothing would remember them
  CarryOutHooks(*world, plan);
  if (plan.remove_finalizer)
    TRY_VOID(SetFinalizer(context_, world->restore, kScaleBackFinalizer, false, stop));
  Announce(*world, plan);
  return plan.requeue;
}

Result<void> RestoreController::Apply(const World& world, const Plan& plan, std::stop_token stop) {
  if (plan.add_finalizer)
    TRY_VOID(SetFinalizer(context_, world.restore, kScaleBackFinalizer, true, stop));
  for (const Json& claim : plan.create_claims) TRY_VOID(CreateClaim(claim, stop));
  for (const crds::Restore& child : plan.remove_children)
    TRY_VOID(Remove(ResourceOf<crds::Restore>(), KeyOf(child.metadata), child.metadata.uid, stop));
  if (plan.create_child) TRY_VOID(CreateChild(*plan.create_child, stop));
  if (plan.scale) TRY_VOID(Scale(world, *plan.scale, stop));
  for (const std::string& claim : plan.start) TRY_VOID(StartMover(world, plan, claim, stop));
  if (plan.start_browser) {
    TRY(const Json job, restore::BuildBrowser(world, context_.settings));
    TRY_VOID(EnsureJob(context_, job, stop));
  }
  for (const JobView& job : plan.remove) TRY_VOID(Remove(kube::kJobs, job.key, job.uid, stop));
  for (const JobView& job : plan.expire) TRY_VOID(ExpireJob(context_, job, stop));
  return {};
}

Result<void> RestoreController::CreateClaim(const Json& claim, std::stop_token stop) {
  const auto created = context_.api.Create(
      kube::kPersistentVolumeClaims, FindString(claim, {"metadata", "namespace"}), claim, stop);
  if (created || created.error().code == Code::kAlreadyExists) return {};
  return tl::make_unexpected(created.error());
}

// One that is there already is one that was made before a crash, and is seen next time.
Result<void> RestoreController::CreateChild(const crds::Restore& child, std::stop_token stop) {
  const auto made = context_.api.Create(ResourceOf<crds::Restore>(), child.metadata.namespace_,
                                        crds::Encode(child), stop);
  NoteWrite(context_.caches.restores.freshness(), KeyOf(child.metadata), made);
  if (made || made.error().code == Code::kAlreadyExists) return {};
  return tl::make_unexpected(made.error());
}

Result<void> RestoreController::Scale(const World& world, std::int64_t replicas,
                                      std::stop_token stop) {
  const Json patch = {{"spec", {{"replicas", replicas}}}};
  TRY_VOID(context_.api.MergePatch(kube::kStatefulSets, world.set->key, patch, stop, "scale"));
  return {};
}

Result<void> RestoreController::StartMover(const World& world, const Plan& plan,
                                           const std::string& claim, std::stop_token stop) {
  const auto& volumes = world.restore.status.volumes;
  const auto volume = std::find_if(volumes.begin(), volumes.end(),
                                   [&](const auto& candidate) { return candidate.claim == claim; });
  TRY(const auto user, restore::InheritedUser(context_, world, *volume, stop));
  TRY(const Json job,
      restore::BuildMover(world, *volume, user, IsDevice(world, plan, claim), context_.settings));
  return EnsureJob(context_, job, stop);
}

Result<void> RestoreController::Remove(const kube::Resource& resource, const kube::ObjectKey& key,
                                       const std::string& uid, std::stop_token stop) {
  const auto removed =
      context_.api.Delete(resource, key, {.uid = uid, .propagation = "Foreground"}, stop);
  if (removed || IsAbsent(removed.error())) return {};
  return removed;
}

// A quota or an admission policy stands in the way: for the user to see, while it is tried again.
Result<void> RestoreController::ReportRefusal(const World& world, const Error& error,
                                              std::stop_token stop) {
  if (error.code != Code::kInvalid && error.code != Code::kDenied) return {};
  crds::RestoreStatus status = world.restore.status;
  crds::SetReconciling(status.conditions,
                       {world.restore.metadata.generation, reason::kRefused, error.message},
                       world.now);
  TRY_VOID(WriteStatus(context_, world.restore, status, stop));
  return {};
}

Result<void> RestoreController::AuditRequest(const World& world, std::stop_token stop) {
  const crds::Restore& restore = world.restore;
  const auto object = context_.api.Get(ResourceOf<crds::Restore>(), KeyOf(restore.metadata), stop);
  if (!object) {
    if (IsAbsent(object.error())) return {};
    return tl::make_unexpected(object.error());
  }
  const Requester requester = RequesterOf(*object, "", context_.settings.believe_requested_by);
  const Json* spec = Find(*object, {"spec"});
  Audit("restore.request", "a restore was asked for", ReferenceTo(restore), requester,
        {{"source", Find(*spec, {"source"})->dump()}, {"target", Find(*spec, {"target"})->dump()}});
  const std::string message =
      "Restore \"" + restore.metadata.name + "\" was asked for by " + Describe(requester);
  context_.events.Record(ReferenceTo(restore), kube::EventType::kNormal, reason::kRestoreRequested,
                         message);
  if (world.set)
    context_.events.Record({kube::kStatefulSets, world.set->key, world.set->uid},
                           kube::EventType::kNormal, reason::kRestoreRequested, message);
  return {};
}

void RestoreController::AuditEnd(const World& world, const Plan& plan) {
  const crds::RestorePhase phase = plan.status.phase;
  if (phase == world.restore.status.phase ||
      (phase != crds::RestorePhase::kSucceeded && phase != crds::RestorePhase::kFailed))
    return;
  const crds::Condition* ready = crds::FindCondition(plan.status.conditions, crds::kReady);
  Audit("restore.end", "a restore has ended", ReferenceTo(world.restore),
        {{"phase", std::string(crds::NameOf(phase))},
         {"outcome", ready == nullptr ? "" : ready->message}});
}

void RestoreController::CarryOutHooks(const World& world, const Plan& plan) {
  const HookWork work = {"restore", ReferenceTo(world.restore), {}};
  const crds::HookRuns& hooks = plan.status.hooks;
  for (const std::size_t i : plan.hooks.ended) TellOfHook(context_, work, hooks.runs[i]);
  context_.hooks.Forget(world.restore.metadata.uid, plan.hooks.stored);
  for (const std::size_t i : plan.hooks.start)
    StartHook(context_, work, hooks, i, TimeoutOf(hooks::HookOf(hooks, hooks.runs[i])));
}

void RestoreController::Announce(const World& world, const Plan& plan) {
  for (const restore::Announcement& event : plan.events) {
    if (!event.on_set)
      context_.events.Record(ReferenceTo(world.restore), event.type, event.reason, event.message);
    else if (world.set)
      context_.events.Record({kube::kStatefulSets, world.set->key, world.set->uid}, event.type,
                             event.reason, event.message);
  }
}

}  // namespace holdfast::controllers
