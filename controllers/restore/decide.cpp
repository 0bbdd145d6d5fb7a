#include "controllers/restore/decide.h"

#include <algorithm>

#include "base/hash.h"
#include "controllers/finalizer.h"
#include "controllers/labels.h"
#include "controllers/mover_job.h"
#include "controllers/reasons.h"
#include "controllers/restore/claims.h"
#include "controllers/restore/progress.h"
#include "controllers/restore/resolve.h"

namespace holdfast::controllers::restore {
namespace {

using crds::RestorePhase;
using crds::RestoreStatus;
using crds::RunState;
using crds::VolumeRestore;
using protocol::ExitCode;

// Pods that are not our movers are not watched.
constexpr std::chrono::seconds kLookAgain{2};
constexpr std::size_t kNameDigits = 8;
constexpr std::chrono::hours kDefaultDeadline{24};

// The steps, in their order.
constexpr const char* kResolveStep = "Resolve";
constexpr const char* kScaleDownStep = "ScaleDown";
constexpr const char* kDetachStep = "WaitDetached";
constexpr const char* kClaimsStep = "CreateClaims";
constexpr const char* kRestoreStep = "Restore";

// Codes with which a mover ends before it has opened a snapshot.
bool EndsBeforeWriting(ExitCode code) {
  switch (code) {
    case ExitCode::kUsage:
    case ExitCode::kNoRepository:
    case ExitCode::kLocked:
    case ExitCode::kWrongPassword:
    case ExitCode::kNothingFound:
    case ExitCode::kNotSupported:
      return true;
    default:
      return false;
  }
}

std::string Sentence(std::string text) {
  if (text.empty()) return text;
  if (text.front() >= 'a' && text.front() <= 'z') text.front() += 'A' - 'a';
  if (text.back() != '.') text += '.';
  return text;
}

std::string Replicas(std::int64_t count) {
  return std::to_string(count) + (count == 1 ? " replica" : " replicas");
}

std::string Volumes(std::size_t count) {
  return std::to_string(count) + (count == 1 ? " volume" : " volumes");
}

std::string Unserved(const crds::RestoreSpec& spec) {
  const crds::RestoreTarget& target = spec.target;
  if (target.populator) return "spec.target.populator is not served by this version.";
  if (target.browse) return "spec.target.browse is not served by this version.";
  if (!target.volume_claims.empty() || !target.ordinals.empty())
    return "spec.target.volumeClaims and ordinals are not served by this version.";
  if (!spec.owners.uids.empty() || !spec.owners.gids.empty())
    return "spec.owners is not served by this version.";
  if (spec.mode == crds::RestoreMode::kFollow)
    return "spec.mode: Follow is not served by this version; use Once.";
  if (!spec.hooks.pre.empty() || !spec.hooks.post.empty())
    return "spec.hooks is not served by this version; create the Restore without it.";
  return "";
}

class Decision {
 public:
  Decision(const World& world, const Settings& settings)
      : world_(world), settings_(settings), restore_(world.restore) {
    plan_.status = restore_.status;
  }

  Plan Make() {
    if (restore_.metadata.deletion_timestamp)
      Unwind();
    else if (IsOver(restore_))
      Settle();
    else
      Advance();
    return std::move(plan_);
  }

 private:
  // --- The story ---

  void Advance() {
    Open();
    if (const std::string sentence = Unserved(restore_.spec); !sentence.empty())
      return Stall(reason::kNotSupported, sentence);
    if (plan_.status.volumes.empty()) return ResolveSource();
    RecordVolumes(world_, plan_.status);
    RecordSums(world_, plan_.status);
    if (AllSucceeded()) return InPlace(restore_) ? ScaleUp() : Succeed();
    if (AnyFailed() && NoneAtWork()) return FailMovers();
    if (Late() && NoneAtWork())
      return Fail(reason::kDeadlineExceeded, "The Restore could not start before its deadline (" +
                                                 restore_.spec.deadline + "). " + LastWords());
    if (!AnyFailed() && MissingMover() && !Prepare()) return;
    KeepDown();
    RunMovers();
  }

  void Open() {
    plan_.status.observed_generation = restore_.metadata.generation;
    plan_.status.source = DescribeSource(restore_.spec.source);
    plan_.status.target = DescribeTarget(restore_.spec.target);
    if (!plan_.status.start_time) plan_.status.start_time = world_.now;
  }

  // --- Resolve ---

  void ResolveSource() {
    if (!world_.earlier.empty()) return WaitForEarlier();
    const auto resolution = Resolve(world_);
    if (!resolution) {
      const Problem& problem = resolution.error();
      if (problem.final || Late()) return Fail(problem.reason.c_str(), problem.message);
      return Wait(problem.reason.c_str(), problem.message);
    }
    plan_.status.backup = resolution->backup;
    plan_.status.repository = resolution->repository;
    plan_.status.volumes = resolution->volumes;
    BeginStep(kResolveStep, resolution->note);
    EndStep(kResolveStep);
    if (!resolution->note.empty())
      Announce(kube::EventType::kNormal, reason::kStarted, resolution->note);
    Progressing(reason::kRestoring, "Restoring " + Volumes(resolution->volumes.size()) + " from " +
                                        Origin() + ". " + resolution->note);
    plan_.requeue = RequeueAt(world_.now);
  }

  void WaitForEarlier() {
    const std::string message =
        "Restore " + world_.earlier + " has the same target and came first.";
    if (Late()) return Fail(reason::kWaitingForRestore, message);
    Wait(reason::kWaitingForRestore, message);
    plan_.requeue = LookAgain();
  }

  std::string Origin() const {
    return plan_.status.backup.empty() ? plan_.status.source : "Backup " + plan_.status.backup;
  }

  // --- Before the movers: true when they may start ---

  bool Prepare() {
    return RepositoryReady() && (InPlace(restore_) ? PrepareSet() : true) && Detached() &&
           ClaimsExist();
  }

  bool RepositoryReady() {
    const std::string& name = plan_.status.repository;
    if (!world_.repository) {
      Wait(reason::kRepositoryNotFound,
           "There is no BackupRepository " + name +
               " in this namespace; the Restore goes on once there is.");
      return false;
    }
    const crds::Condition* ready =
        crds::FindCondition(world_.repository->status.conditions, crds::kReady);
    if (ready != nullptr && ready->status == crds::ConditionStatus::kTrue) return true;
    Wait(reason::kRepositoryNotReady,
         "BackupRepository " + name + " is not ready: " +
             (ready != nullptr ? ready->message : std::string("it has not been probed yet.")));
    return false;
  }

  bool PrepareSet() {
    if (!world_.set) {
      Wait(reason::kStatefulSetNotFound,
           "There is no StatefulSet " + SetName() + " in this namespace; create it.");
      return false;
    }
    if (plan_.status.original_replicas) return Down();
    if (NamedUser(/*with_own_pods=*/false)) return false;
    if (LosesClaimsWhenScaled(world_.set_object)) {
      Stall(reason::kInvalidSpec,
            "StatefulSet " + SetName() +
                " would delete its claims when it is scaled down. Set "
                "spec.persistentVolumeClaimRetentionPolicy.whenScaled to Retain for the restore.");
      return false;
    }
    Remember();
    return false;
  }

  // The size is written down before anything is scaled; the pass after this one reads it back.
  void Remember() {
    plan_.add_finalizer = !HasFinalizer();
    const std::int64_t now = world_.set->replicas;
    plan_.status.original_replicas = now == 0 ? world_.left_behind.value_or(0) : now;
    plan_.status.phase = RestorePhase::kScalingDown;
    BeginStep(kScaleDownStep, "from " + Replicas(now) + " to 0");
    Progressing(reason::kScalingDown, "Stopping the pods of StatefulSet " + SetName() + ".");
    plan_.requeue = RequeueAt(world_.now);
  }

  bool Down() {
    if (!HasFinalizer()) {
      plan_.add_finalizer = true;
      plan_.requeue = RequeueAt(world_.now);
      return false;
    }
    if (world_.set->replicas == 0) {
      EndStep(kScaleDownStep);
      return true;
    }
    plan_.scale = 0;
    plan_.status.phase = RestorePhase::kScalingDown;
    if (!world_.movers.empty()) BlameScaleUp();
    plan_.requeue = LookAgain();
    return false;
  }

  bool Detached() {
    if (NamedUser(/*with_own_pods=*/true)) return false;
    if (InPlace(restore_)) EndStep(kDetachStep);
    return true;
  }

  // Waits, and says for whom, when a pod may use one of the claims that are still to be written.
  bool NamedUser(bool with_own_pods) {
    for (const PodView& pod : world_.pods) {
      const bool own = world_.set && pod.owner.uid == world_.set->uid;
      const std::string claim = UsedClaim(pod);
      // A watcher goes once the pods whose volume it watches have gone (policy/continuous.h).
      if (claim.empty() || ((own || IsWatcher(pod)) && !with_own_pods)) continue;
      WaitForPod(pod, claim, own);
      return true;
    }
    return false;
  }

  static bool IsWatcher(const PodView& pod) {
    const auto verb = pod.labels.find(kVerbLabel);
    return verb != pod.labels.end() && verb->second == kWatchVerb;
  }

  std::string UsedClaim(const PodView& pod) const {
    if (pod.Finished()) return "";
    for (const VolumeRestore& volume : plan_.status.volumes) {
      const bool waits = !world_.movers.contains(volume.claim) && !Ended(volume);
      if (waits &&
          std::find(pod.claims.begin(), pod.claims.end(), volume.claim) != pod.claims.end())
        return volume.claim;
    }
    return "";
  }

  void WaitForPod(const PodView& pod, const std::string& claim, bool own) {
    if (plan_.status.original_replicas)
      BeginStep(kDetachStep, "until pod " + pod.key.name + " is gone");
    if (own)
      Progressing(reason::kScalingDown, "Waiting until pod " + pod.key.name + " of StatefulSet " +
                                            SetName() + " has stopped.");
    else
      Wait(reason::kClaimInUse, "Pod " + pod.key.name + " mounts claim " + claim +
                                    "; the Restore goes on once the pod is gone.");
    if (Late())
      return Fail(reason::kClaimInUse,
                  "At the deadline, pod " + pod.key.name + " still mounted claim " + claim + ".");
    plan_.requeue = LookAgain();
  }

  bool ClaimsExist() {
    for (const VolumeRestore& volume : plan_.status.volumes) {
      if (Ended(volume) || world_.movers.contains(volume.claim)) continue;
      const auto found = world_.claims.find(volume.claim);
      const ClaimState state = found == world_.claims.end() ? ClaimState{} : found->second;
      if (state.deleting) {
        Progressing(reason::kScalingDown, "Waiting until claim " + volume.claim +
                                              ", which was deleted, is gone, to make it again.");
        plan_.requeue = LookAgain();
        return false;
      }
      if (!state.exists && !MakeClaim(volume.claim)) return false;
    }
    if (!plan_.create_claims.empty()) EndStep(kClaimsStep);
    return true;
  }

  bool MakeClaim(const std::string& claim) {
    const Result<Json> made = ClaimFor(claim);
    if (!made) {
      Wait(reason::kClaimNotFound, made.error().message);
      plan_.requeue = LookAgain();
      return false;
    }
    BeginStep(kClaimsStep, "");
    plan_.create_claims.push_back(*made);
    Announce(kube::EventType::kNormal, reason::kClaimCreated,
             "Claim " + claim + " did not exist and was created.");
    return true;
  }

  Result<Json> ClaimFor(const std::string& claim) const {
    if (InPlace(restore_)) {
      const auto name = ParseClaimName(claim, *world_.set);
      if (!name)
        return holdfast::Fail(Code::kNotFound, "Claim " + claim +
                                                   " does not exist, and StatefulSet " + SetName() +
                                                   " has no template for it any more. Create it.");
      return ClaimOfSet(world_.set_object, claim, name->claim_template);
    }
    const auto& wishes = restore_.spec.target.claims;
    const auto wish = std::find_if(wishes.begin(), wishes.end(),
                                   [&](const auto& candidate) { return candidate.to == claim; });
    return ClaimAsAsked(wish == wishes.end() ? crds::RestoreClaim{"", claim, "", {}, {}} : *wish,
                        restore_.metadata.namespace_);
  }

  // --- The movers ---

  void RunMovers() {
    plan_.status.phase = RestorePhase::kRestoring;
    BeginStep(kRestoreStep, "");
    if (!AnyFailed()) StartMovers();
    if (!Stuck())
      Progressing(reason::kRestoring, "Restoring " + Volumes(plan_.status.volumes.size()) +
                                          " from " + Origin() + "." + Failures());
    plan_.requeue = RequeueAt(world_.now + settings_.progress_period);
  }

  void StartMovers() {
    const auto limit = world_.repository ? world_.repository->spec.limits.concurrent_movers : 0;
    std::int64_t at_work = 0;
    for (const auto& [claim, mover] : world_.movers) at_work += mover.job.Finished() ? 0 : 1;
    if (world_.movers.empty())
      Announce(kube::EventType::kNormal, reason::kStarted,
               "Restoring " + Volumes(plan_.status.volumes.size()) + " from " + Origin() + ".");
    for (VolumeRestore& volume : plan_.status.volumes) {
      if (Ended(volume) || world_.movers.contains(volume.claim) ||
          at_work >= std::max<std::int64_t>(limit, 1))
        continue;
      volume.job = MoverName(restore_, volume.claim);
      plan_.start.push_back(volume.claim);
      ++at_work;
    }
  }

  // A mover that cannot start says why, in the Restore's own condition.
  bool Stuck() {
    for (const auto& [claim, mover] : world_.movers) {
      if (mover.state.phase != MoverPhase::kWaiting || mover.state.reason.empty()) continue;
      Progressing(mover.state.reason.c_str(), "Claim " + claim + ": " + mover.state.message +
                                                  (mover.state.message.ends_with('.') ? "" : "."));
      return true;
    }
    return false;
  }

  // Level-based, for as long as the volumes are not whole.
  void KeepDown() {
    if (!InPlace(restore_) || !world_.set || !plan_.status.original_replicas) return;
    if (world_.set->replicas == 0 || world_.movers.empty()) return;
    plan_.scale = 0;
    BlameScaleUp();
  }

  void BlameScaleUp() {
    Announce(kube::EventType::kWarning, reason::kScaledUpByOthers,
             "Somebody scaled StatefulSet " + SetName() + " to " + Replicas(world_.set->replicas) +
                 " while its volumes are being restored; it was scaled down again. If GitOps "
                 "manages it, suspend that until the Restore is over.");
  }

  bool AllSucceeded() const {
    return std::all_of(plan_.status.volumes.begin(), plan_.status.volumes.end(),
                       [](const auto& volume) { return volume.state == RunState::kSucceeded; });
  }
  bool AnyFailed() const {
    return std::any_of(plan_.status.volumes.begin(), plan_.status.volumes.end(),
                       [](const auto& volume) { return volume.state == RunState::kFailed; });
  }
  bool NoneAtWork() const {
    return std::all_of(world_.movers.begin(), world_.movers.end(),
                       [](const auto& mover) { return mover.second.job.Finished(); });
  }
  bool MissingMover() const {
    return std::any_of(plan_.status.volumes.begin(), plan_.status.volumes.end(),
                       [&](const VolumeRestore& volume) {
                         return !Ended(volume) && !world_.movers.contains(volume.claim);
                       });
  }

  // --- Up again ---

  void ScaleUp() {
    EndStep(kRestoreStep);
    const std::int64_t wanted = plan_.status.original_replicas.value_or(0);
    plan_.status.phase = RestorePhase::kScalingUp;
    BeginStep(kScaleUpStep, "to " + Replicas(wanted));
    if (!world_.set) {
      if (Late()) return FailUp("it does not exist any more");
      return Wait(reason::kStatefulSetNotFound,
                  "The volumes are restored, but there is no StatefulSet " + SetName() +
                      " any more; create it, and it is scaled up.");
    }
    if (world_.set->replicas == 0 && wanted > 0) {
      plan_.scale = wanted;
    } else if (Settled()) {
      EndStep(kScaleUpStep);
      return Succeed();
    } else if (Late()) {
      return FailUp("its pods are not ready; their logs and events say why");
    }
    Progressing(reason::kScalingUp, "The volumes are restored; waiting until " + Replicas(wanted) +
                                        " of StatefulSet " + SetName() + " are ready.");
    plan_.requeue = LookAgain();
  }

  bool Settled() const {
    return world_.set->observed_generation >= world_.set->generation &&
           world_.set->ready_replicas >= world_.set->replicas;
  }

  void FailUp(const std::string& why) {
    End(RestorePhase::kFailed, RunState::kFailed);
    Condemn(reason::kDeadlineExceeded, "The volumes are restored, but StatefulSet " + SetName() +
                                           " did not come up before the deadline: " + why + ".");
  }

  void Succeed() {
    End(RestorePhase::kSucceeded, RunState::kSucceeded);
    plan_.status.progress = "100%";
    const std::string message = "Restored " + Volumes(plan_.status.volumes.size()) +
                                (plan_.status.size.empty() ? "" : ", " + plan_.status.size + ",") +
                                " from " + Origin() +
                                (restore_.spec.verify ? ", and verified." : ".") + Shortcomings();
    crds::SetReady(plan_.status.conditions, Verdict(reason::kSucceeded, message), world_.now);
    Announce(kube::EventType::kNormal, reason::kSucceeded, message);
  }

  std::string Shortcomings() const {
    std::string text;
    for (const crds::RestoreStep& step : plan_.status.steps)
      if (step.name == kResolveStep && !step.message.empty()) text += " " + step.message;
    for (const VolumeRestore& volume : plan_.status.volumes)
      if (!volume.message.empty())
        text += " Claim " + volume.claim + ": " + Sentence(volume.message);
    return text;
  }

  // --- Failure ---

  void FailMovers() {
    const auto failed =
        std::find_if(plan_.status.volumes.begin(), plan_.status.volumes.end(),
                     [](const auto& volume) { return volume.state == RunState::kFailed; });
    const auto mover = world_.movers.find(failed->claim);
    const std::string why =
        mover == world_.movers.end() ? reason::kFailed : mover->second.state.reason;
    for (VolumeRestore& volume : plan_.status.volumes)
      if (!Ended(volume)) volume.state = RunState::kSkipped;
    Fail(why.empty() ? reason::kFailed : why.c_str(), Failures().substr(1));
  }

  std::string Failures() const {
    std::string text;
    for (const VolumeRestore& volume : plan_.status.volumes)
      if (volume.state == RunState::kFailed)
        text += " Claim " + volume.claim + " failed: " + Sentence(volume.message);
    return text;
  }

  // Over for good. Whatever was scaled goes back, or stays, by what may be half written.
  void Fail(const char* why, std::string message) {
    End(RestorePhase::kFailed, RunState::kFailed);
    plan_.scale.reset();
    plan_.start.clear();
    plan_.create_claims.clear();
    const std::string spoiled = HalfWritten();
    if (spoiled.empty()) {
      if (ScaleBack())
        message += " Nothing was written, and StatefulSet " + SetName() + " has its size back.";
      else
        message += " Nothing was written.";
      return Condemn(why, message);
    }
    if (!InPlace(restore_)) {
      message += " The restore wrote to " + spoiled +
                 " and did not finish: do not use that before another Restore has succeeded.";
      return Condemn(why, message);
    }
    BeginStep(kScaleUpStep, "left at 0 replicas");
    FindStep(kScaleUpStep)->state = RunState::kSkipped;
    message += " " + StaysDown(spoiled);
    Condemn(why, message);
    Announce(kube::EventType::kWarning, reason::kLeftScaledDown, StaysDown(spoiled), true);
  }

  std::string StaysDown(const std::string& spoiled) const {
    const std::string size = std::to_string(plan_.status.original_replicas.value_or(0));
    return "StatefulSet " + SetName() + " stays at 0 replicas, because the restore wrote to " +
           spoiled +
           " and did not finish. To go on, put the cause right and create another Restore, which "
           "also scales it back to " +
           size + "; or, if you know better: kubectl scale statefulset " + SetName() +
           " --replicas=" + size + ".";
  }

  // The claims that may be neither what they were nor what the snapshot is, as "a, b"; with one of
  // them, also those that are restored already: the volumes of a StatefulSet belong together.
  std::string HalfWritten() const {
    std::string claims;
    for (const VolumeRestore& volume : plan_.status.volumes) {
      const auto mover = world_.movers.find(volume.claim);
      const bool written = mover != world_.movers.end()
                               ? MayHaveWritten(mover->second)
                               : volume.state == RunState::kRunning || Ended(volume);
      if (written) claims += (claims.empty() ? "" : ", ") + volume.claim;
    }
    return claims;
  }

  // False when there is nothing to scale.
  bool ScaleBack() {
    const std::int64_t wanted = plan_.status.original_replicas.value_or(0);
    if (!world_.set || wanted == 0) return false;
    if (world_.set->replicas == 0) plan_.scale = wanted;
    return true;
  }

  // --- Deletion ---

  void Unwind() {
    if (!HasFinalizer()) return;
    if (!IsOver(restore_) && plan_.status.original_replicas) {
      RecordVolumes(world_, plan_.status);
      const std::string spoiled = HalfWritten();
      if (AllSucceeded() && !plan_.status.volumes.empty())
        ScaleBack();
      else if (!spoiled.empty())
        LeaveDown(spoiled);
      else if (!StopMovers())
        return;
      else
        ScaleBack();
    }
    plan_.status = restore_.status;
    plan_.remove_finalizer = true;
  }

  void LeaveDown(const std::string& spoiled) {
    const std::string message = "Restore " + restore_.metadata.name +
                                " was deleted before it was over. " + StaysDown(spoiled);
    Announce(kube::EventType::kWarning, reason::kLeftScaledDown, message);
    Announce(kube::EventType::kWarning, reason::kLeftScaledDown, message, true);
  }

  // A mover that has not begun must not begin after the pods are back. True when all are gone.
  bool StopMovers() {
    for (const auto& [claim, mover] : world_.movers)
      if (!mover.job.deleting && !mover.job.Finished()) plan_.remove.push_back(mover.job);
    const bool gone = NoneAtWork();
    plan_.status = restore_.status;
    if (!gone) plan_.requeue = LookAgain();
    return gone;
  }

  // --- Over ---

  void Settle() {
    plan_.remove_finalizer = HasFinalizer();
    for (const auto& [claim, mover] : world_.movers)
      if (mover.job.Finished() && !mover.job.expires) plan_.expire.push_back(mover.job);
  }

  void End(RestorePhase phase, RunState step) {
    plan_.status.phase = phase;
    plan_.status.completion_time = world_.now;
    plan_.status.eta.clear();
    const TimePoint started = plan_.status.start_time.value_or(world_.now);
    plan_.status.duration =
        HumanDuration(std::chrono::duration_cast<std::chrono::seconds>(world_.now - started));
    for (crds::RestoreStep& open : plan_.status.steps)
      if (open.state == RunState::kRunning) {
        open.state = step;
        open.completion_time = world_.now;
      }
    // Once more, for the finalizer and the Jobs: what is recorded first cannot be forgotten.
    plan_.requeue = RequeueAt(world_.now);
  }

  // --- Steps ---

  crds::RestoreStep* FindStep(const char* name) {
    for (crds::RestoreStep& step : plan_.status.steps)
      if (step.name == name) return &step;
    return nullptr;
  }

  void BeginStep(const char* name, const std::string& message) {
    crds::RestoreStep* step = FindStep(name);
    if (step == nullptr) {
      plan_.status.steps.push_back({name, RunState::kRunning, world_.now, std::nullopt, message});
      return;
    }
    if (step->state == RunState::kRunning && !message.empty()) step->message = message;
  }

  void EndStep(const char* name) {
    BeginStep(name, "");
    crds::RestoreStep* step = FindStep(name);
    if (step->state != RunState::kRunning) return;
    step->state = RunState::kSucceeded;
    step->completion_time = world_.now;
  }

  // --- Conditions and events ---

  crds::Verdict Verdict(const char* why, const std::string& message) const {
    return {restore_.metadata.generation, why, message};
  }
  void Progressing(const char* why, std::string message) {
    while (message.ends_with(' ')) message.pop_back();
    crds::SetReconciling(plan_.status.conditions, Verdict(why, message), world_.now);
  }
  // Comes back at the deadline if nothing changes before.
  void Wait(const char* why, const std::string& message) {
    crds::SetReconciling(plan_.status.conditions, Verdict(why, message), world_.now);
    plan_.requeue = RequeueAt(Deadline());
  }
  void Stall(const char* why, const std::string& message) {
    crds::SetStalled(plan_.status.conditions, Verdict(why, message), world_.now);
    plan_.requeue = AwaitChange();
  }
  void Condemn(const char* why, const std::string& message) {
    crds::SetStalled(plan_.status.conditions, Verdict(why, message), world_.now);
    Announce(kube::EventType::kWarning, why, message);
  }
  void Announce(kube::EventType type, const char* why, const std::string& message,
                bool on_set = false) {
    plan_.events.push_back({type, why, message, on_set});
  }

  // What the Restore was waiting for.
  std::string LastWords() const {
    const crds::Condition* ready = crds::FindCondition(restore_.status.conditions, crds::kReady);
    return ready != nullptr ? ready->message : "";
  }

  TimePoint Deadline() const {
    return DeadlineOf(restore_, plan_.status.start_time.value_or(world_.now));
  }
  bool Late() const { return world_.now >= Deadline(); }
  Requeue LookAgain() const { return RequeueAt(world_.now + kLookAgain); }

  bool HasFinalizer() const {
    return controllers::HasFinalizer(restore_.metadata, kScaleBackFinalizer);
  }
  const std::string& SetName() const { return restore_.spec.target.stateful_set; }

  const World& world_;
  const Settings& settings_;
  const crds::Restore& restore_;
  Plan plan_;
};

}  // namespace

Plan Decide(const World& world, const Settings& settings) {
  return Decision(world, settings).Make();
}

TimePoint DeadlineOf(const crds::Restore& restore, TimePoint started) {
  return started + ParseDuration(restore.spec.deadline).value_or(kDefaultDeadline);
}

std::string MoverName(const crds::Restore& restore, const std::string& claim) {
  return JobName(restore.metadata.name,
                 "restore-" + ShortHash(restore.metadata.uid + "/" + claim, kNameDigits));
}

bool LeftAtZero(const crds::Restore& restore) {
  if (restore.status.phase != RestorePhase::kFailed) return false;
  for (const crds::RestoreStep& step : restore.status.steps)
    if (step.name == kScaleUpStep && step.state == RunState::kSkipped) return true;
  return false;
}

bool MayHaveWritten(const Mover& mover) {
  const MoverState& state = mover.state;
  switch (state.phase) {
    case MoverPhase::kWaiting:
      return mover.job.failed > 0;
    case MoverPhase::kRunning:
    case MoverPhase::kSucceeded:
      return true;
    // An earlier pod of several may have got further than the last one.
    case MoverPhase::kFailed:
      return mover.job.failed > 1 || !state.result || !EndsBeforeWriting(state.result->exit);
  }
  return true;
}

}  // namespace holdfast::controllers::restore
