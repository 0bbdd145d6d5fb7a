#include "controllers/repository/controller.h"

#include <algorithm>
#include <limits>

#include "base/log.h"
#include "base/quantity.h"
#include "controllers/job_client.h"
#include "controllers/mover_job.h"
#include "controllers/reasons.h"
#include "controllers/repository/drill.h"
#include "controllers/repository/import.h"
#include "controllers/repository/observe.h"
#include "controllers/repository/probe_job.h"
#include "controllers/repository/upkeep_job.h"
#include "controllers/write_status.h"
#include "jobs/protocol/dump_name.h"

namespace holdfast::controllers {

using repository::Plan;
using repository::World;

namespace {

// Between two passes other work of the repository has its turn, and the status says how far it is.
constexpr std::size_t kImportsAtOnce = 100;
// Of a list, the newest first: less than the kubelet keeps of a log (10 MiB).
constexpr int kMostListed = 8 << 20;

// Then the cache may be believed: were it behind, its news would bring us back.
bool ChangesNothing(const World& world, const Plan& plan) {
  return plan.status == world.repository.status && !plan.start && !plan.chore &&
         !plan.start_import && !plan.read_import && !plan.begin_drill && !plan.make_drill &&
         !plan.end_drill && plan.remove.empty();
}

}  // namespace

Result<Requeue> RepositoryController::Reconcile(const kube::ObjectKey& key, std::stop_token stop) {
  if (context_.caches.repositories.freshness().Awaits(key)) return AwaitChange();
  const auto cached = context_.caches.repositories.Get(key);
  if (cached == nullptr) return Forget(key);
  World seen = repository::Observe(context_, movers_, *cached, stop);
  seen.waiting_told = WaitingTold(key);
  const Plan wish = repository::Decide(seen, context_.settings);
  if (ChangesNothing(seen, wish)) return wish.requeue;
  TRY(auto live, ReadWritten<crds::BackupRepository>(context_, key, stop));
  if (!live || live->metadata.deletion_timestamp) return Forget(key);
  World world = repository::Observe(context_, movers_, *std::move(live), stop);
  world.waiting_told = WaitingTold(key);
  return Carry(world, stop);
}

Requeue RepositoryController::Forget(const kube::ObjectKey& key) {
  movers_.Forget(key);
  const std::lock_guard lock(mutex_);
  waiting_told_.erase(key);
  return AwaitChange();
}

std::optional<TimePoint> RepositoryController::WaitingTold(const kube::ObjectKey& key) {
  const std::lock_guard lock(mutex_);
  const auto found = waiting_told_.find(key);
  return found == waiting_told_.end() ? std::nullopt : std::optional(found->second);
}

// Only what is recent matters, so nothing is kept of a queue that is empty.
void RepositoryController::NoteTold(const World& world, const Plan& plan) {
  if (plan.status.waiting == world.repository.status.waiting) return;
  const kube::ObjectKey key = KeyOf(world.repository.metadata);
  const std::lock_guard lock(mutex_);
  if (plan.status.waiting == 0)
    waiting_told_.erase(key);
  else
    waiting_told_[key] = world.now;
}

Result<Requeue> RepositoryController::Carry(const World& world, std::stop_token stop) {
  Plan plan = repository::Decide(world, context_.settings);
  if (const auto done = Apply(world, plan, stop); !done) {
    TRY_VOID(ReportRefusal(world, done.error(), stop));
    return tl::make_unexpected(done.error());
  }
  TRY_VOID(WriteStatus(context_, world.repository, plan.status, stop));
  NoteTold(world, plan);
  for (const repository::Announcement& event : plan.events)
    context_.events.Record(ReferenceTo(world.repository), event.type, event.reason, event.message);
  return plan.requeue;
}

// The new probe first: were the old one removed before it, a crash in between would forget how many
// bad ones there were in a row.
Result<void> RepositoryController::Apply(const World& world, Plan& plan, std::stop_token stop) {
  if (plan.start) TRY_VOID(StartProbe(world, *plan.start, stop));
  if (plan.chore) {
    TRY(const Json job,
        repository::BuildChoreJob(world.repository, *plan.chore, context_.settings));
    TRY_VOID(EnsureJob(context_, job, stop));
  }
  if (plan.start_import) {
    TRY(const Json job, repository::BuildImportJob(world, plan, context_.settings));
    TRY_VOID(EnsureJob(context_, job, stop));
  }
  if (plan.read_import) TRY_VOID(Import(world, plan, stop));
  if (plan.begin_drill) TRY_VOID(BeginDrill(world, plan));
  if (plan.make_drill) TRY_VOID(MakeDrill(world, plan, stop));
  if (plan.end_drill) {
    const crds::ObjectMeta& restore = plan.end_drill->metadata;
    const auto removed = context_.api.Delete(ResourceOf<crds::Restore>(), KeyOf(restore),
                                             {.uid = restore.uid}, stop);
    if (!removed && !IsAbsent(removed.error())) return removed;
  }
  for (const JobView& job : plan.remove) {
    const auto removed = context_.api.Delete(kube::kJobs, job.key, {.uid = job.uid}, stop);
    if (!removed && !IsAbsent(removed.error())) return removed;
  }
  return {};
}

Result<void> RepositoryController::BeginDrill(const World& world, Plan& plan) {
  const crds::DrillSpec& wish = *world.repository.spec.drill;
  TRY(const std::uint64_t max_size, ParseQuantity(wish.max_size.text));
  crds::RepositoryDrill drill;
  drill.restore = *plan.begin_drill;
  drill.time = world.now;
  const auto sample = repository::NextSample(
      repository::SamplesIn(context_.caches, world.repository), plan.status.last_drill, max_size);
  if (sample) {
    drill.policy = sample->policy;
    drill.claim = sample->claim;
  } else {
    drill.state = crds::RunState::kSkipped;
    drill.message = "no policy has a good Backup in it of a volume of at most " +
                    wish.max_size.text + " (spec.drill.maxSize)";
  }
  plan.status.last_drill = std::move(drill);
  return {};
}

// Null for a dump, and when it is gone.
Result<Json> RepositoryController::ClaimOf(const crds::RepositoryDrill& drill,
                                           const std::string& ns, std::stop_token stop) {
  if (protocol::IsDump(drill.claim)) return Json();
  auto claim = context_.api.Get(kube::kPersistentVolumeClaims, {ns, drill.claim}, stop);
  if (!claim && IsAbsent(claim.error())) return Json();
  return claim;
}

// The Restore first, since it owns the claim.
Result<void> RepositoryController::MakeDrill(const World& world, const Plan& plan,
                                             std::stop_token stop) {
  const crds::RepositoryDrill& drill = *plan.status.last_drill;
  const std::string& ns = world.repository.metadata.namespace_;
  const crds::Restore restore =
      repository::DrillRestore(world.repository, drill, context_.settings);
  auto made = context_.api.Create(ResourceOf<crds::Restore>(), ns, crds::Encode(restore), stop);
  NoteWrite(context_.caches.restores.freshness(), KeyOf(restore.metadata), made);
  if (!made && made.error().code == Code::kAlreadyExists)
    made = context_.api.Get(ResourceOf<crds::Restore>(), KeyOf(restore.metadata), stop);
  if (!made) return tl::make_unexpected(made.error());

  TRY(const Json claim, ClaimOf(drill, ns, stop));
  std::uint64_t bytes = 0;
  if (claim.is_null())  // else it is as large as that
    for (const auto& sample : repository::SamplesIn(context_.caches, world.repository))
      if (sample.policy == drill.policy && sample.claim == drill.claim) bytes = sample.bytes;
  const Json scratch = repository::ScratchClaim(
      world.repository, drill, FindString(*made, {"metadata", "uid"}), claim, bytes);
  const auto created = context_.api.Create(kube::kPersistentVolumeClaims, ns, scratch, stop);
  if (created || created.error().code == Code::kAlreadyExists) return {};
  return tl::make_unexpected(created.error());
}

Result<void> RepositoryController::StartProbe(const World& world,
                                              const repository::ProbeStart& start,
                                              std::stop_token stop) {
  TRY(const Json job, repository::BuildProbeJob(world.repository,
                                                world.chunker_from ? &*world.chunker_from : nullptr,
                                                start, context_.settings));
  TRY_VOID(EnsureJob(context_, job, stop));
  if (start.dead_holders.empty()) return {};
  movers_.Handled(KeyOf(world.repository.metadata));
  for (const std::string& holder : start.dead_holders)
    Log(spdlog::level::info, Name(), "removing the locks of a mover that is gone",
        {{"repository", kube::ToString(KeyOf(world.repository.metadata))}, {"holder", holder}});
  return {};
}

Result<void> RepositoryController::Import(const World& world, Plan& plan, std::stop_token stop) {
  const crds::ObjectMeta& owner = world.repository.metadata;
  const kube::ObjectKey pod = {owner.namespace_, plan.read_import->state.pod};
  const kube::LogOptions options{
      .container = kMoverContainer,
      .tail_lines = std::numeric_limits<int>::max(),  // all: long ones count more than once
      .limit_bytes = kMostListed};
  const auto log = context_.api.PodLog(pod, options, stop);
  if (!log) {
    repository::NoteUnreadable(world, context_.settings, log.error(), plan);
    return {};
  }
  std::vector<crds::Backup> backups;
  context_.caches.backups.ForEach([&](const kube::ObjectKey& key, const auto& backup) {
    if (key.ns == owner.namespace_) backups.push_back(*backup);
  });
  const auto listed = protocol::BackupRecordsIn(*log);
  const auto gone = repository::NoLongerThere(listed, world, plan, backups, context_.settings);
  std::erase_if(backups, [&](const crds::Backup& backup) {
    return std::ranges::any_of(
        gone, [&](const crds::Backup& other) { return other.metadata.uid == backup.metadata.uid; });
  });
  TRY_VOID(Remove(gone, stop));
  repository::KnownBackups known;
  for (const crds::Backup& backup : backups) known.Add(backup);
  auto missing = repository::BackupsToImport(listed, world.repository, known, context_.settings);
  const std::size_t left = missing.size() - std::min(missing.size(), kImportsAtOnce);
  missing.resize(missing.size() - left);
  for (const crds::Backup& backup : missing) {
    const auto made = context_.api.Create(ResourceOf<crds::Backup>(), owner.namespace_,
                                          crds::Encode(backup), stop);
    NoteWrite(context_.caches.backups.freshness(), KeyOf(backup.metadata), made);
    // Then the cache does not show it yet.
    const bool there = !made && made.error().code == Code::kAlreadyExists;
    if (!made && !there) return tl::make_unexpected(made.error());
  }
  repository::NoteImported(world, listed, left, plan);
  return {};
}

Result<void> RepositoryController::Remove(const std::vector<crds::Backup>& backups,
                                          std::stop_token stop) {
  for (const crds::Backup& backup : backups) {
    const auto removed = context_.api.Delete(ResourceOf<crds::Backup>(), KeyOf(backup.metadata),
                                             {.uid = backup.metadata.uid}, stop);
    if (!removed && !IsAbsent(removed.error())) return removed;
  }
  return {};
}

// A quota or an admission policy stands in the way: for the user to see, while it is tried again.
Result<void> RepositoryController::ReportRefusal(const World& world, const Error& error,
                                                 std::stop_token stop) {
  if (error.code != Code::kInvalid && error.code != Code::kDenied) return {};
  crds::BackupRepositoryStatus status = world.repository.status;
  crds::SetNotReady(status.conditions,
                    {world.repository.metadata.generation, reason::kJobRefused, error.message},
                    world.now);
  TRY_VOID(WriteStatus(context_, world.repository, status, stop));
  return {};
}

}  // namespace holdfast::controllers
