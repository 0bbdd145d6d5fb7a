#include "controllers/policy/controller.h"

#include "controllers/audit.h"
#include "controllers/job_client.h"
#include "controllers/policy/job_builder.h"
#include "controllers/policy/observe.h"
#include "controllers/reasons.h"
#include "controllers/shared.h"
#include "controllers/write_status.h"

namespace holdfast::controllers {

using policy::Plan;
using policy::World;

namespace {

// Then the cache may be believed: were it behind, its news would bring us back.
bool ChangesNothing(const World& world, const Plan& plan) {
  return plan.status == world.policy.status && !plan.create && plan.forget.empty() &&
         plan.forget_shared.empty() && plan.watch.empty() && plan.unwatch.empty() &&
         plan.remove_jobs.empty() && plan.remove_backups.empty();
}

}  // namespace

Result<Requeue> PolicyController::Reconcile(const kube::ObjectKey& key, std::stop_token stop) {
  if (context_.caches.policies.freshness().Awaits(key)) return AwaitChange();
  if (const auto cached = context_.caches.policies.Get(key)) {
    TRY(const auto observed, policy::Observe(context_, *cached, stop));
    const Plan plan = policy::Decide(observed.world);
    if (ChangesNothing(observed.world, plan)) return plan.requeue;
  }
  TRY(auto policy, ReadWritten<crds::BackupPolicy>(context_, key, stop));
  if (!policy || policy->metadata.deletion_timestamp) return AwaitChange();
  TRY(const auto observed, policy::Observe(context_, *std::move(policy), stop));
  return Carry(observed.world, stop);
}

Result<Requeue> PolicyController::Carry(const World& world, std::stop_token stop) {
  const Plan plan = policy::Decide(world);
  // What was due is noted only once it is done: a Backup that could not be made is still due.
  TRY_VOID(Apply(world, plan, stop));
  TRY(const auto written, WriteStatus(context_, world.policy, plan.status, stop));
  // An outage of the gateway keeps nothing else from being done.
  const Result<void> forgotten = ForgetShared(world, plan, stop);
  if (forgotten && (written || plan.create || !plan.remove_backups.empty()))
    for (const policy::Event& event : plan.events)
      context_.events.Record(ReferenceTo(world.policy), event.type, event.reason, event.message);
  // What their predecessors told is written down by now.
  const Result<void> watching = StartWatchers(world, plan, stop);
  TRY_VOID(forgotten);
  TRY_VOID(CleanUp(plan, stop));
  TRY_VOID(watching);
  return plan.requeue;
}

Result<void> PolicyController::Apply(const World& world, const Plan& plan, std::stop_token stop) {
  if (plan.create) TRY_VOID(CreateBackup(*plan.create, stop));
  for (const policy::ForgetStart& start : plan.forget) TRY_VOID(StartForget(world, start, stop));
  return {};
}

Result<void> PolicyController::ForgetShared(const World& world, const Plan& plan,
                                            std::stop_token stop) {
  for (const policy::ForgetStart& start : plan.forget_shared) {
    TRY_VOID(AuditForget(world, start, stop));
    TRY_VOID(
        RemoveShared(context_.gateway, world.policy.metadata.namespace_, start.snapshots, stop));
  }
  return {};
}

Result<void> PolicyController::CreateBackup(const crds::Backup& backup, std::stop_token stop) {
  const auto created = context_.api.Create(ResourceOf<crds::Backup>(), backup.metadata.namespace_,
                                           crds::Encode(backup), stop);
  NoteWrite(context_.caches.backups.freshness(), KeyOf(backup.metadata), created);
  if (created || created.error().code == Code::kAlreadyExists) return {};
  return tl::make_unexpected(created.error());
}

Result<void> PolicyController::StartForget(const World& world, const policy::ForgetStart& start,
                                           std::stop_token stop) {
  TRY(const Json job, policy::BuildForgetJob(world, start, context_.settings));
  TRY_VOID(AuditForget(world, start, stop));
  return EnsureJob(context_, job, stop);
}

Result<void> PolicyController::AuditForget(const World& world, const policy::ForgetStart& start,
                                           std::stop_token stop) {
  const auto object =
      context_.api.Get(ResourceOf<crds::BackupPolicy>(), KeyOf(world.policy.metadata), stop);
  if (!object) return tl::make_unexpected(object.error());
  Audit("snapshots.remove", "retention removes snapshots of a volume", ReferenceTo(world.policy),
        RequesterOf(*object, "retention", context_.settings.believe_requested_by),
        {{"repository", start.copies_in.empty() ? world.policy.spec.repository : start.copies_in},
         {"claim", start.claim},
         {"snapshots", Joined(start.snapshots)},
         {"job", start.job}});
  return {};
}

Result<void> PolicyController::StartWatchers(const World& world, const Plan& plan,
                                             std::stop_token stop) {
  for (const policy::WatchStart& start : plan.watch) {
    if (context_.caches.jobs.freshness().Awaits({world.policy.metadata.namespace_, start.job}))
      continue;  // it is made already
    TRY(const Json job, policy::BuildWatchJob(world, start, context_.settings));
    const auto made = EnsureJob(context_, job, stop);
    if (made) continue;
    if (made.error().code != Code::kUnavailable)
      context_.events.Record(ReferenceTo(world.policy), kube::EventType::kWarning,
                             reason::kWatchFailed,
                             "no watcher for " + start.claim + ": " + made.error().message);
    return made;
  }
  return {};
}

// Objects before Jobs: the Jobs are what tells that the objects may go.
Result<void> PolicyController::CleanUp(const Plan& plan, std::stop_token stop) {
  const auto remove = [&](const kube::Resource& resource, const kube::ObjectKey& key,
                          const kube::DeleteOptions& options) -> Result<void> {
    const auto removed = context_.api.Delete(resource, key, options, stop);
    if (!removed && !IsAbsent(removed.error())) return removed;
    return {};
  };
  for (const crds::Backup& backup : plan.remove_backups) {
    TRY_VOID(
        remove(ResourceOf<crds::Backup>(), KeyOf(backup.metadata), {.uid = backup.metadata.uid}));
    Audit("backup.remove", "retention removed the object of a backup", ReferenceTo(backup),
          {{"policy", backup.spec.policy}});
  }
  for (const JobView& job : plan.remove_jobs)
    TRY_VOID(remove(kube::kJobs, job.key, {.uid = job.uid}));
  // Until its pod is gone it holds the volume, and the Job tells so.
  for (const JobView& job : plan.unwatch)
    TRY_VOID(remove(kube::kJobs, job.key, {.uid = job.uid, .propagation = "Foreground"}));
  return {};
}

}  // namespace holdfast::controllers
