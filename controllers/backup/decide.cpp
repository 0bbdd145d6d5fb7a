#include "controllers/backup/decide.h"

#include <algorithm>
#include <charconv>

#include "base/quantity.h"
#include "controllers/backup/copies.h"
#include "controllers/backup/freeze.h"
#include "controllers/backup/imported.h"
#include "controllers/backup/manifests.h"
#include "controllers/backup/staging.h"
#include "controllers/backup/totals.h"
#include "controllers/mover_job.h"
#include "controllers/policy/check.h"
#include "controllers/reasons.h"
#include "jobs/protocol/dump_name.h"

namespace holdfast::controllers::backup {
namespace {

using crds::BackupPhase;
using crds::BackupStatus;
using crds::RunState;
using crds::VolumeBackup;

// Slots and claims also become free in ways that no watch tells.
constexpr std::chrono::seconds kWaitPeriod{30};
// Scheduling, attaching the volume, pulling an image that is at hand.
constexpr std::chrono::seconds kComesUp{10};
constexpr std::size_t kMaxPaths = 20;

std::string Quoted(const std::string& name) { return "\"" + name + "\""; }

// --- What keeps a Backup from starting; each check gives its reason and its words ---

struct Blocker {
  Finding finding;
  bool stalled = true;  // the user must act; else it is only a matter of time
};

std::optional<Blocker> CheckPolicyExists(const World& world) {
  if (world.policy != nullptr) return std::nullopt;
  return Blocker{{reason::kPolicyNotFound, "there is no BackupPolicy " +
                                               Quoted(world.backup.spec.policy) + " in namespace " +
                                               world.backup.metadata.namespace_ +
                                               "; create it, and this Backup runs by itself"}};
}

std::optional<Blocker> CheckPolicyIsSound(const World& world) {
  const auto finding = CheckPolicy(*world.policy, world.allowed);
  // A cron expression does not concern a run that has been asked for.
  if (!finding || finding->reason == reason::kInvalidSchedule) return std::nullopt;
  return Blocker{{reason::kPolicyNotReady,
                  "BackupPolicy " + Quoted(world.backup.spec.policy) + ": " + finding->message}};
}

std::optional<Blocker> CheckWorkload(const World& world) {
  if (const auto finding = CheckTarget(*world.policy, world.stateful_sets))
    return Blocker{*finding};
  return std::nullopt;
}

std::optional<Blocker> CheckRepository(const World& world) {
  const std::string name = Quoted(world.policy->spec.repository);
  if (world.repository == nullptr)
    return Blocker{
        {reason::kRepositoryNotFound, "there is no BackupRepository " + name + " in namespace " +
                                          world.backup.metadata.namespace_ +
                                          "; create it, and this Backup runs by itself"}};
  if (const auto finding = CheckSecretsAccepted(world.policy->spec, *world.repository))
    return Blocker{*finding};
  const crds::Condition* ready =
      crds::FindCondition(world.repository->status.conditions, crds::kReady);
  if (ready != nullptr && ready->status == crds::ConditionStatus::kTrue) return std::nullopt;
  return Blocker{{reason::kRepositoryNotReady, "BackupRepository " + name + " is not ready" +
                                                   (ready == nullptr ? "" : ": " + ready->message)},
                 false};
}

std::optional<Blocker> CheckTurn(const World& world) {
  if (world.older.empty()) return std::nullopt;
  return Blocker{{reason::kBackupRunning,
                  "waits for Backup " + Quoted(world.older) + " of the same policy to end"},
                 false};
}

// What a restore has half written must not become the latest backup.
std::optional<Blocker> CheckNoRestore(const World& world) {
  if (world.restoring.empty()) return std::nullopt;
  return Blocker{{reason::kWaitingForRestore, "waits until Restore " + Quoted(world.restoring) +
                                                  " has brought its StatefulSet back"},
                 false};
}

std::optional<Blocker> FindBlocker(const World& world) {
  if (auto blocker = CheckPolicyExists(world)) return blocker;
  for (const auto check :
       {CheckPolicyIsSound, CheckWorkload, CheckRepository, CheckNoRestore, CheckTurn})
    if (auto blocker = check(world)) return blocker;
  return std::nullopt;
}

// --- One volume ---

void Fail(VolumeBackup& volume, std::string message) {
  volume.state = RunState::kFailed;
  volume.progress.clear();
  volume.message = std::move(message);
}

void RecordResult(const protocol::MoverResult& result, VolumeBackup& volume) {
  const auto number = [](std::uint64_t value) { return static_cast<std::int64_t>(value); };
  volume.snapshot = result.snapshot;
  volume.parent = result.parent;
  volume.files = number(result.files);
  volume.bytes = number(result.bytes);
  volume.bytes_read = number(result.bytes_read);
  volume.bytes_added = number(result.bytes_added);
  volume.unreadable = number(result.unreadable);
  volume.unreadable_paths = result.unreadable_paths;
  if (volume.unreadable_paths.size() > kMaxPaths) volume.unreadable_paths.resize(kMaxPaths);
}

std::string UnreadableText(const VolumeBackup& volume) {
  std::string text = std::to_string(volume.unreadable) + " files could not be read";
  if (!volume.unreadable_paths.empty()) text += ", the first is " + volume.unreadable_paths.front();
  return text + "; spec.mover.securityContext of the policy says as whom the mover reads";
}

void RecordSuccess(const MoverState& mover, VolumeBackup& volume) {
  if (!mover.result) return Fail(volume, mover.message);
  RecordResult(*mover.result, volume);
  if (volume.snapshot.empty()) return Fail(volume, "the mover reported success without a snapshot");
  volume.state = RunState::kSucceeded;
  volume.progress = "100%";
  volume.message = volume.unreadable == 0 ? "" : UnreadableText(volume);
}

// A failed mover may have left a snapshot: of a volume with unreadable files, all the others.
void RecordFailure(const MoverState& mover, VolumeBackup& volume) {
  if (mover.result) RecordResult(*mover.result, volume);
  const bool unreadable =
      mover.result && mover.result->exit == protocol::ExitCode::kUnreadableFiles;
  Fail(volume, unreadable ? UnreadableText(volume) : mover.message);
}

std::string Percent(const std::optional<protocol::Progress>& progress) {
  if (!progress || progress->bytes_total == 0) return {};
  const std::uint64_t percent = 100 * progress->bytes_done / progress->bytes_total;
  return std::to_string(std::min<std::uint64_t>(percent, 99)) + "%";
}

// A mover that comes up as movers do is told of once it works: a write less in every run.
bool IsComingUp(const World& world, const VolumeWorld& seen, const VolumeBackup& volume) {
  return seen.mover.phase == MoverPhase::kWaiting && seen.mover.reason.empty() &&
         volume.job == seen.job->key.name && world.now < seen.job->created + kComesUp;
}

void Update(const VolumeWorld& world, VolumeBackup& volume) {
  const MoverState& mover = world.mover;
  volume.job = world.job->key.name;
  volume.attempts = std::max<std::int64_t>(volume.attempts, mover.attempts);
  if (!mover.node.empty()) volume.node = mover.node;
  volume.message = mover.message;
  switch (mover.phase) {
    case MoverPhase::kWaiting:
      volume.state = RunState::kPending;
      break;
    case MoverPhase::kRunning:
      volume.state = RunState::kRunning;
      volume.progress = Percent(world.progress);
      break;
    case MoverPhase::kSucceeded:
      RecordSuccess(mover, volume);
      break;
    case MoverPhase::kFailed:
      RecordFailure(mover, volume);
      break;
  }
}

// The pod that mounts the claim went to another node before the mover could start; that one is made
// again where the pod is now.
void FollowPod(const VolumeWorld& seen, VolumeBackup& volume, Plan& plan) {
  const bool moved = !IsStaged(volume) && seen.mover.phase == MoverPhase::kWaiting &&
                     !volume.node.empty() && !seen.nodes.empty() &&
                     !seen.nodes.contains(volume.node);
  if (!moved || seen.job->deleting) return;
  volume.message = "the pod that mounts the volume is on node " + *seen.nodes.begin() +
                   " now; the mover follows";
  plan.stop.push_back(*seen.job);
}

// It failed for good, and its Job does not know: a dump whose image cannot be pulled.
void StopUnneeded(const VolumeWorld& seen, const VolumeBackup& volume, Plan& plan) {
  if (IsOver(volume) && !seen.job->Finished() && !seen.job->deleting)
    plan.stop.push_back(*seen.job);
}

void GuardAgainstShrinking(const World& world, const VolumeWorld& seen, VolumeBackup& volume) {
  if (volume.state != RunState::kSucceeded || world.policy == nullptr) return;
  const std::string& guard = world.policy->spec.failure_policy.shrink_guard;
  if (auto beyond = BeyondShrinkGuard(guard, seen.last_good, volume.bytes))
    Fail(volume, *std::move(beyond));
}

// Why a volume waits, in the condition's words; empty for one that is on its way.
struct Wait {
  std::string reason;
  std::string message;
};

// Volumes without a Job start in order while there are slots. The first that cannot tells why.
void StartVolumes(const World& world, Plan& plan, Wait& wait) {
  int slots = world.free_slots;
  for (std::size_t i = 0; i < world.volumes.size(); ++i) {
    VolumeBackup& volume = plan.status.volumes[i];
    const VolumeWorld& seen = world.volumes[i];
    if (IsOver(volume) || seen.job || seen.job_is_coming || IsBeingStaged(world, plan, i)) continue;
    if (protocol::IsDump(volume.claim) && FindDump(world.policy->spec, volume.claim) == nullptr) {
      Fail(volume, "the BackupPolicy has no such dump any more");
    } else if (protocol::IsDump(volume.claim) && OwesThaw(plan.status)) {
      volume.message = "waits until the post hooks have run";
    } else if (!seen.claim_exists) {
      Fail(volume, "PersistentVolumeClaim " + Quoted(volume.claim) + " does not exist");
    } else if (!world.pruning.empty()) {
      volume.message = "waits until the repository is pruned";
      wait = {reason::kWaitingForPrune, "Job " + Quoted(world.pruning) +
                                            " prunes BackupRepository " +
                                            Quoted(world.repository->metadata.name) +
                                            ", and needs it for itself; waits for its end"};
    } else if (slots > 0) {
      --slots;
      // Hooks go by the pod that was resolved.
      if (!seen.pod.empty() && plan.status.hooks.runs.empty()) volume.pod = seen.pod;
      volume.node = IsStaged(volume) ? "" : seen.node;
      volume.job = JobNameFor(world.backup, volume.claim);
      volume.message = "its mover is being started";
      StartManifests(world, volume, plan.status);
      plan.start.push_back(volume.claim);
    } else {
      volume.message = "waits for one of the repository's limits.concurrentMovers";
      wait = {reason::kWaitingForSlot,
              "all " + std::to_string(world.repository->spec.limits.concurrent_movers) +
                  " slots of BackupRepository " + Quoted(world.repository->metadata.name) +
                  " are in use (spec.limits.concurrentMovers); waits for one"};
    }
  }
}

void UpdateVolumes(const World& world, Plan& plan, Wait& wait) {
  for (std::size_t i = 0; i < world.volumes.size(); ++i) {
    VolumeBackup& volume = plan.status.volumes[i];
    if (IsOver(volume) || !world.volumes[i].job) continue;
    if (IsComingUp(world, world.volumes[i], volume)) continue;
    Update(world.volumes[i], volume);
    FollowPod(world.volumes[i], volume, plan);
    StopUnneeded(world.volumes[i], volume, plan);
    GuardAgainstShrinking(world, world.volumes[i], volume);
    NoteManifests(world, i, plan.status);
    const MoverState& mover = world.volumes[i].mover;
    if (!IsOver(volume) && !mover.reason.empty() && wait.reason.empty())
      wait = {mover.reason, volume.claim + ": " + mover.message};
  }
}

// --- The run as a whole ---

int CountOver(const BackupStatus& status) {
  return static_cast<int>(
      std::ranges::count_if(status.volumes, [](const VolumeBackup& v) { return IsOver(v); }));
}

int CountSucceeded(const BackupStatus& status) {
  return static_cast<int>(
      std::ranges::count(status.volumes, RunState::kSucceeded, &VolumeBackup::state));
}

std::string Things(const BackupStatus& status) {
  const auto dumps = static_cast<std::size_t>(std::ranges::count_if(
      status.volumes, [](const VolumeBackup& v) { return protocol::IsDump(v.claim); }));
  return VolumesAndDumps(status.volumes.size() - dumps, dumps);
}

std::string SuccessText(const BackupStatus& status) {
  std::string text = Things(status) + ", " + status.size + ", of which " + status.added +
                     " are new in the repository";
  if (status.unreadable.value_or(0) > 0)
    text += "; " + std::to_string(*status.unreadable) + " files could not be read";
  return text;
}

std::string FailureText(const BackupStatus& status) {
  const int failed = static_cast<int>(status.volumes.size()) - CountSucceeded(status);
  if (failed == 0) return MissingManifests(status);
  std::string text = std::to_string(failed) + " of " + Things(status) + " failed";
  for (const VolumeBackup& volume : status.volumes)
    if (volume.state == RunState::kFailed)
      return text + "; " + volume.claim + ": " + volume.message;
  return text;
}

void Finish(const World& world, BackupStatus& status) {
  EndManifests(status);
  const int succeeded = CountSucceeded(status);
  const bool all =
      succeeded == static_cast<int>(status.volumes.size()) && MissingManifests(status).empty();
  status.phase = all              ? BackupPhase::kSucceeded
                 : succeeded == 0 ? BackupPhase::kFailed
                                  : BackupPhase::kPartiallyFailed;
  status.completion_time = std::chrono::floor<std::chrono::seconds>(world.now);
  if (!status.start_time) status.start_time = status.completion_time;
  if (world.policy != nullptr) OweCopies(*world.policy, status);
  SetSums(status);
  const std::int64_t generation = world.backup.metadata.generation;
  if (all)
    crds::SetReady(status.conditions, {generation, reason::kSucceeded, SuccessText(status)},
                   world.now);
  else
    crds::SetStalled(status.conditions,
                     {generation, succeeded == 0 ? reason::kFailed : reason::kPartiallyFailed,
                      FailureText(status)},
                     world.now);
}

void Continue(const World& world, const Wait& wait, BackupStatus& status) {
  const bool started = status.start_time.has_value();
  if (started) status.phase = BackupPhase::kRunning;
  SetProgress(world.volumes, status);
  SetSums(status);
  Wait told = wait;
  if (told.reason.empty())
    told = {reason::kRunning,
            std::to_string(CountOver(status)) + " of " + Things(status) + " done"};
  crds::SetReconciling(status.conditions,
                       {world.backup.metadata.generation, told.reason, told.message}, world.now);
}

// A run that has begun goes on by what it resolved, whatever becomes of policy and StatefulSet; but
// a volume that has no mover yet needs them to make one.
bool CanStartMovers(const World& world) {
  return world.policy != nullptr && world.repository != nullptr;
}

void FailUnstarted(const World& world, Plan& plan) {
  for (std::size_t i = 0; i < world.volumes.size(); ++i)
    if (!IsOver(plan.status.volumes[i]) && !world.volumes[i].job && !world.volumes[i].job_is_coming)
      Fail(plan.status.volumes[i],
           "the BackupPolicy or its BackupRepository was deleted meanwhile");
}

// What hooks have to do with it, in the condition's words.
void TellOfHooks(const BackupStatus& status, Wait& wait) {
  if (!MayCopy(status))
    wait = {reason::kFreezing, "pre hooks are being run; no volume is read before they have ended"};
  else if (OwesThaw(status) && CountOver(status) == static_cast<int>(status.volumes.size()))
    wait = {reason::kThawing, "the volumes are read; post hooks are being run"};
}

// When to look again at a run that goes on.
TimePoint NextLook(const World& world, const Plan& plan, std::chrono::seconds period) {
  if (BecameReady(world, plan)) return world.now;  // slots are counted for what is stored as ready
  TimePoint next = world.now + period;
  for (const VolumeBackup& volume : plan.status.volumes)
    if (AwaitsSnapshot(plan.status, volume)) next = std::min(next, world.now + kStagingPeriod);
  const bool owes = OwesThaw(plan.status);
  for (const auto& time : {hooks::NextTry(plan.status.hooks), hooks::ThawTime(plan.status.hooks)})
    if (owes && time && *time > world.now) next = std::min(next, *time);
  return next;
}

void Stage(const World& world, Plan& plan, Wait& wait) {
  const std::string waits = StageVolumes(world, plan);
  if (!waits.empty() && wait.reason.empty()) wait = {reason::kStaging, waits};
}

Plan Run(const World& world, const Settings& settings, Plan plan) {
  Wait wait;
  TakeHookNews(world, plan);
  UpdateVolumes(world, plan, wait);
  FollowStagedClaims(world, plan);
  const bool copies = CanStartMovers(world) && MayCopy(plan.status);
  if (copies) Stage(world, plan, wait);
  KeepDeadline(world, plan);
  if (!CanStartMovers(world)) FailUnstarted(world, plan);
  if (copies) StartVolumes(world, plan, wait);
  StartHooks(world, plan);
  TellOfHooks(plan.status, wait);
  const bool any_job =
      std::ranges::any_of(world.volumes, [](const auto& v) { return v.job || v.job_is_coming; });
  const bool moves = any_job || !plan.start.empty() || !plan.cut.empty() ||
                     !plan.cut_groups.empty() || !plan.hooks.start.empty();
  if (!plan.status.start_time && moves)
    plan.status.start_time = std::chrono::floor<std::chrono::seconds>(world.now);
  if (CountOver(plan.status) == static_cast<int>(plan.status.volumes.size()) &&
      !OwesThaw(plan.status)) {
    Finish(world, plan.status);
    return plan;
  }
  Continue(world, wait, plan.status);
  plan.requeue = RequeueAt(NextLook(world, plan, moves ? settings.progress_period : kWaitPeriod));
  if (const auto left = RemoveStaged(world, plan))
    plan.requeue = Sooner(plan.requeue, RequeueAt(*left));
  return plan;
}

Plan Block(const World& world, const Blocker& blocker, Plan plan) {
  const crds::Verdict verdict = {world.backup.metadata.generation, blocker.finding.reason,
                                 blocker.finding.message};
  if (blocker.stalled)
    crds::SetStalled(plan.status.conditions, verdict, world.now);
  else
    crds::SetReconciling(plan.status.conditions, verdict, world.now);
  plan.requeue = RequeueAt(world.now + kWaitPeriod);
  return plan;
}

// Writes the hooks down before the first is started, and does not freeze what would then wait.
Plan Prepare(const World& world, const Settings& settings, Plan plan) {
  if (const std::string many = TooManyRuns(world, plan.status); !many.empty())
    return Block(world, {{reason::kInvalidSpec, many}}, std::move(plan));
  if (const auto finding = ChooseCopyMethods(world, plan))
    return Block(world, {*finding}, std::move(plan));
  if (TakeHooks(world, plan) || !IsStored(world, plan)) {
    plan.requeue = RequeueAt(world.now);
    return plan;
  }
  const std::string waits = WaitsForSlots(world, plan.status);
  if (waits.empty()) return Run(world, settings, std::move(plan));
  const char* why = world.pruning.empty() ? reason::kWaitingForSlot : reason::kWaitingForPrune;
  Continue(world, {why, waits}, plan.status);
  plan.requeue = RequeueAt(world.now + kWaitPeriod);
  return plan;
}

// How a copy's Job ended is recorded after the Backup itself is over.
bool IsRecorded(const World& world, const JobView& job) {
  for (const crds::BackupCopy& copy : world.backup.status.copies)
    if (CopyJobName(world.backup, copy) == job.key.name)
      return copy.state == RunState::kSucceeded || copy.state == RunState::kFailed;
  return true;
}

// A claim cannot go while a pod that mounts it exists, so staged ones take their mover's Job along.
bool ReadsStaged(const World& world, const JobView& job) {
  return std::ranges::any_of(world.backup.status.volumes, [&](const VolumeBackup& volume) {
    return IsStaged(volume) && JobNameFor(world.backup, volume.claim) == job.key.name;
  });
}

Plan CleanUp(const World& world, Plan plan) {
  for (const JobView& job : world.jobs)
    if (job.Finished() && !job.expires && !job.deleting && IsRecorded(world, job) &&
        !ReadsStaged(world, job))
      plan.expire.push_back(job);
  DecideCopies(world, plan);
  if (const auto left = RemoveStaged(world, plan))
    plan.requeue = Sooner(plan.requeue, RequeueAt(*left));
  return plan;
}

// Of "data-db-3" after "data-db-"; -1 for a name that is not of that form.
std::int64_t NumberAfter(const std::string& prefix, const std::string& claim) {
  if (!claim.starts_with(prefix)) return -1;
  std::int64_t number = -1;
  const char* begin = claim.data() + prefix.size();
  const char* end = claim.data() + claim.size();
  if (begin == end || *begin == '-') return -1;
  const auto [stop, error] = std::from_chars(begin, end, number);
  return stop == end && error == std::errc() ? number : -1;
}

std::string PrefixOf(const StatefulSetView& set, const std::string& claim_template) {
  return claim_template + "-" + set.key.name + "-";
}

void Add(const std::string& claim, const std::string& pod, std::vector<VolumeBackup>& volumes) {
  VolumeBackup& volume = volumes.emplace_back();
  volume.claim = claim;
  volume.pod = pod;
}

void AddVolumes(const StatefulSetView& set, const std::string& claim_template,
                const std::set<std::string>& claims, std::vector<VolumeBackup>& volumes) {
  const std::string prefix = PrefixOf(set, claim_template);
  const std::int64_t first = set.first_ordinal;
  for (std::int64_t ordinal = first; ordinal < first + set.replicas; ++ordinal) {
    const std::string number = std::to_string(ordinal);
    Add(prefix + number, set.key.name + "-" + number, volumes);
  }
  if (set.replicas > 0) return;
  for (const std::string& claim : claims)
    if (NumberAfter(prefix, claim) >= 0) Add(claim, "", volumes);
}

// Resolved once, and written down before the first mover starts: a replica more or less must not
// change what this run is about.
Plan Resolve(const World& world, Plan plan) {
  plan.status.volumes = ResolveVolumes(*world.policy, world.stateful_sets, world.claims);
  plan.status.repository = world.policy->spec.repository;
  WantManifests(*world.policy, world.stateful_sets, plan.status);
  if (plan.status.volumes.empty())
    return Block(world,
                 {{reason::kNoVolumes, NameTargets(*world.policy, world.stateful_sets) +
                                           " has no replicas and left no claims behind"}},
                 std::move(plan));
  // Claims that a StatefulSet without replicas has left behind.
  if (const std::size_t count = plan.status.volumes.size(); count > kMostVolumes) {
    plan.status.volumes.clear();
    plan.status.manifests.clear();
    return Block(world, {TooManyVolumes(*world.policy, count)}, std::move(plan));
  }
  Continue(world, {}, plan.status);
  plan.requeue = RequeueAt(world.now);
  return plan;
}

}  // namespace

std::vector<VolumeBackup> ResolveVolumes(const crds::BackupPolicy& policy,
                                         const StatefulSets& stateful_sets,
                                         const std::set<std::string>& claims) {
  std::vector<VolumeBackup> volumes;
  for (const StatefulSetView* set : stateful_sets)
    for (const std::string& claim_template : TemplatesOf(policy, *set))
      AddVolumes(*set, claim_template, claims, volumes);
  for (const crds::Dump& dump : policy.spec.dumps)
    Add(protocol::ClaimOfDump(dump.name), "", volumes);
  return volumes;
}

std::string SetNameOf(const World& world, const VolumeBackup& volume) {
  if (const std::string& name = world.policy->spec.target.stateful_set; !name.empty()) return name;
  if (!volume.pod.empty()) return volume.pod.substr(0, volume.pod.rfind('-'));
  for (const StatefulSetView* set : world.stateful_sets)
    for (const std::string& claim_template : set->claim_templates)
      if (NumberAfter(PrefixOf(*set, claim_template), volume.claim) >= 0) return set->key.name;
  return "";
}

const crds::Dump* FindDump(const crds::BackupPolicySpec& policy, std::string_view claim) {
  const auto found = std::ranges::find_if(policy.dumps, [&](const crds::Dump& dump) {
    return claim == protocol::ClaimOfDump(dump.name);
  });
  return found == policy.dumps.end() ? nullptr : &*found;
}

std::vector<std::string> MissingClaims(const crds::BackupPolicy& policy,
                                       const StatefulSetView& stateful_set,
                                       const std::set<std::string>& claims) {
  std::vector<std::string> missing;
  for (const std::string& claim_template : TemplatesOf(policy, stateful_set)) {
    const std::string prefix = PrefixOf(stateful_set, claim_template);
    auto left = std::ranges::count_if(claims, [&](const std::string& claim) {
      return NumberAfter(prefix, claim) >= stateful_set.first_ordinal;
    });
    for (std::int64_t ordinal = stateful_set.first_ordinal; missing.size() <= kFewClaims;
         ++ordinal) {
      std::string claim = prefix + std::to_string(ordinal);
      const bool is_last = left == 0;
      if (claims.contains(claim))
        --left;
      else
        missing.push_back(std::move(claim));
      if (is_last) break;
    }
  }
  return missing;
}

std::string JobNameFor(const crds::Backup& backup, const std::string& claim) {
  return JobName(backup.metadata.name, claim);
}

void AddStartFailure(Plan& plan, const World& world, const std::string& claim, const Error& error) {
  const auto volume = std::ranges::find(plan.status.volumes, claim, &VolumeBackup::claim);
  const bool job = std::ranges::find(plan.start, claim) != plan.start.end();
  if (volume != plan.status.volumes.end()) {
    if (job) volume->job.clear();
    volume->message = error.message;
  }
  const char* word = !job                                 ? reason::kStagingRefused
                     : error.code == Code::kAlreadyExists ? reason::kJobNameTaken
                                                          : reason::kJobRefused;
  crds::SetReconciling(plan.status.conditions,
                       {world.backup.metadata.generation, word, claim + ": " + error.message},
                       world.now);
}

Plan Decide(const World& world, const Settings& settings) {
  Plan plan;
  plan.status = world.backup.status;
  if (IsOver(world.backup.status)) return CleanUp(world, std::move(plan));
  plan.status.observed_generation = world.backup.metadata.generation;
  if (world.backup.spec.imported) {
    TakeImported(world, plan.status);
    return plan;
  }
  if (!world.backup.status.volumes.empty() && world.backup.status.start_time)
    return Run(world, settings, std::move(plan));
  if (const auto blocker = FindBlocker(world)) return Block(world, *blocker, std::move(plan));
  if (world.backup.status.volumes.empty()) return Resolve(world, std::move(plan));
  return Prepare(world, settings, std::move(plan));
}

}  // namespace holdfast::controllers::backup
