#include "controllers/repository/decide.h"

#include <algorithm>
#include <charconv>
#include <set>

#include "base/hash.h"
#include "base/quantity.h"
#include "base/wording.h"
#include "controllers/mover_job.h"
#include "controllers/place.h"
#include "controllers/reasons.h"
#include "controllers/repository/drill.h"
#include "controllers/repository/import.h"
#include "controllers/repository/upkeep.h"
#include "controllers/shared.h"

namespace holdfast::controllers::repository {
namespace {

using crds::BackupRepositoryStatus;
using protocol::ExitCode;

// A probe that says nothing counts from this one in a row.
constexpr int kSilentProbes = 3;
constexpr std::size_t kMaxLocks = 64;
constexpr std::size_t kNameDigits = 8;

std::int64_t Number(const JobView& job, const char* label) {
  const auto found = job.labels.find(label);
  if (found == job.labels.end()) return 0;
  std::int64_t number = 0;
  std::from_chars(found->second.data(), found->second.data() + found->second.size(), number);
  return number;
}

std::int64_t GenerationOf(const Probe& probe) { return Number(probe.job, kGenerationLabel); }
bool RemovesLocks(const Probe& probe) { return probe.job.labels.contains(kRemovesLocksLabel); }
int AttemptOf(const Probe& probe) { return static_cast<int>(Number(probe.job, kAttemptLabel)); }

bool Contains(const std::vector<std::string>& list, const std::string& word) {
  return std::find(list.begin(), list.end(), word) != list.end();
}

std::string Short(const std::string& id) { return id.substr(0, 8); }

// What a probe that ended says.
struct Outcome {
  bool good = false;
  bool silent = false;   // no word of the mover
  bool stalled = false;  // the user must change something
  std::string reason;
  std::string message;
};

class Decision {
 public:
  Decision(const World& world, const Settings& settings)
      : world_(world), settings_(settings), repository_(world.repository) {
    plan_.status = repository_.status;
    plan_.status.observed_generation = repository_.metadata.generation;
  }

  Plan Make() {
    if (RefuseUnserved() || WaitForChunker()) return Finish();
    EnterLocation();
    const Probe* newest = KeepNewest();
    if (newest == nullptr)
      StartWhenDue(nullptr);
    else if (!newest->job.Finished())
      Follow(*newest);
    else
      Conclude(*newest);
    NoteInvalidSchedule();
    return Finish();
  }

 private:
  bool RefuseUnserved() {
    if (repository_.spec.shared) return RefuseUnshared();
    const std::string sentence = UnservedPlace(repository_.spec);
    if (sentence.empty()) return false;
    crds::SetStalled(plan_.status.conditions, Verdict(reason::kNotSupported, sentence), world_.now);
    return true;
  }

  // The definition's owner brings us back by changing it.
  bool RefuseUnshared() {
    const auto finding = CheckShared(repository_, world_.definition ? &*world_.definition : nullptr,
                                     settings_.gateway);
    if (!finding) return false;
    crds::SetStalled(plan_.status.conditions, Verdict(finding->reason, finding->message),
                     world_.now);
    return true;
  }

  bool IsToBeCreated() const {
    return repository_.spec.create_if_missing && repository_.status.id.empty();
  }

  // Where files are cut is decided once and for all when a repository is made.
  bool WaitForChunker() {
    const std::string& name = repository_.spec.chunker_from;
    if (name.empty() || !IsToBeCreated()) return false;
    if (world_.chunker_from && !world_.chunker_from->status.id.empty()) return false;
    const std::string sentence =
        world_.chunker_from
            ? "Waits until BackupRepository \"" + name + "\" (spec.chunkerFrom) is there."
            : "There is no BackupRepository \"" + name +
                  "\" (spec.chunkerFrom) in this namespace; create it or leave it out, and this "
                  "goes "
                  "on by itself.";
    if (world_.chunker_from)
      crds::SetReconciling(plan_.status.conditions, Verdict(reason::kRepositoryNotReady, sentence),
                           world_.now);
    else
      crds::SetStalled(plan_.status.conditions, Verdict(reason::kRepositoryNotFound, sentence),
                       world_.now);
    plan_.requeue = RequeueAt(world_.now + settings_.probe_retry_first);
    return true;
  }

  // Backups work without prune and check, so Ready stands beside Stalled.
  void NoteInvalidSchedule() {
    const std::string sentence = InvalidSchedule(repository_);
    if (sentence.empty() || crds::IsTrue(plan_.status.conditions, crds::kStalled)) return;
    Set(crds::kStalled, reason::kInvalidSchedule, sentence);
  }

  // What was found at another place says nothing about this one.
  void EnterLocation() {
    const std::string location = repository_.spec.shared
                                     ? SharedLocation(repository_, settings_.gateway)
                                     : PlaceOf(repository_.spec);
    if (plan_.status.location == location) return;
    plan_.status = {};
    plan_.status.observed_generation = repository_.metadata.generation;
    plan_.status.conditions = repository_.status.conditions;
    plan_.status.last_probe = repository_.status.last_probe;
    // One that is under way must not be forgotten: it has a claim.
    const auto& drill = repository_.status.last_drill;
    if (drill &&
        (drill->state == crds::RunState::kPending || drill->state == crds::RunState::kRunning))
      plan_.status.last_drill = drill;
    plan_.status.location = location;
  }

  // Creation times have whole seconds: of two equals, the one that is not recorded is the newer.
  const Probe* KeepNewest() {
    const Probe* newest = nullptr;
    for (const Probe& probe : world_.probes)
      if (newest == nullptr || probe.job.created > newest->job.created ||
          (probe.job.created == newest->job.created && Recorded(*newest)))
        newest = &probe;
    for (const Probe& probe : world_.probes)
      if (&probe != newest) Remove(probe);
    return newest;
  }

  void Remove(const Probe& probe) {
    if (!probe.job.deleting) plan_.remove.push_back(probe.job);
  }

  bool Recorded(const Probe& probe) const {
    return repository_.status.last_probe &&
           repository_.status.last_probe->job == probe.job.key.name;
  }

  bool OfThisSpec(const Probe& probe) const {
    return GenerationOf(probe) == repository_.metadata.generation;
  }

  // --- A probe that has not ended ---

  void Follow(const Probe& probe) {
    if (!OfThisSpec(probe) && probe.state.phase == MoverPhase::kWaiting) {
      // It may wait for the very thing that was corrected, and has touched nothing yet.
      Remove(probe);
      Start(0);
      return;
    }
    if (probe.state.phase == MoverPhase::kWaiting && !probe.state.reason.empty())
      ReportStuck(probe.state);
    else if (!ReadyNow())
      ReportProbing();
    // Why a Job makes no pod is said in no object that is watched.
    const bool podless = probe.state.phase == MoverPhase::kWaiting && probe.state.pod.empty();
    plan_.requeue = podless ? RequeueAt(world_.now + settings_.progress_period) : AwaitChange();
  }

  // A Secret that is missing stops backups too; a full cluster or a slow registry only delays what
  // the probe has to say.
  void ReportStuck(const MoverState& state) {
    const auto verdict = Verdict(state.reason, Sentence(state.message) + kGoesOn);
    if (state.reason == reason::kPodMisconfigured)
      crds::SetStalled(plan_.status.conditions, verdict, world_.now);
    else if (ReadyNow())
      Set(crds::kReconciling, verdict.reason, verdict.message);
    else
      crds::SetReconciling(plan_.status.conditions, verdict, world_.now);
  }

  // An unhealthy repository keeps the reason that the last probe gave until the next one answers.
  void ReportProbing() {
    const crds::Condition* ready = crds::FindCondition(plan_.status.conditions, crds::kReady);
    if (ready != nullptr && ready->observed_generation == repository_.metadata.generation &&
        ready->reason != reason::kPodMisconfigured)
      return;
    crds::SetReconciling(
        plan_.status.conditions,
        Verdict(reason::kProbing, "Opening the repository at " + plan_.status.location + "."),
        world_.now);
  }

  // --- A probe that ended ---

  void Conclude(const Probe& probe) {
    if (!OfThisSpec(probe)) {
      Record(probe);
      ReportProbing();
      Start(0);
      return;
    }
    const Outcome outcome = Judge(probe);
    Record(probe);
    if (!Recorded(probe)) {
      if (probe.state.result) RecordResult(*probe.state.result, outcome);
      Report(probe, outcome);
    }
    bad_ = outcome.good ? 0 : AttemptOf(probe) + 1;
    StartWhenDue(&probe);
  }

  Outcome Judge(const Probe& probe) const {
    const MoverState& state = probe.state;
    const bool complete = state.phase == MoverPhase::kSucceeded;
    if (!state.result) {
      Outcome silent;
      silent.good = complete;
      silent.silent = true;
      silent.reason = complete ? reason::kReachable : state.reason;
      silent.message = complete ? "The repository answers." : state.message;
      return silent;
    }
    if (!complete)
      return {.stalled = !protocol::WorthRetrying(state.result->exit),
              .reason = state.reason,
              .message = state.message};
    const std::string& found = state.result->repository_id;
    const std::string& known = plan_.status.id;
    if (!known.empty() && found != known) return Replaced(found, known);
    return {.good = true, .reason = reason::kReachable, .message = "The repository answers."};
  }

  Outcome Replaced(const std::string& found, const std::string& known) const {
    return {.stalled = true,
            .reason = reason::kRepositoryReplaced,
            .message = "The repository at " + plan_.status.location + " has the id " +
                       Short(found) + ", but the one that was here had " + Short(known) +
                       ": somebody replaced it, and nothing is written to it. Put the former one "
                       "back; or, to go on with this one, delete this BackupRepository and create "
                       "it again (stored data is kept)."};
  }

  void Record(const Probe& probe) {
    if (Recorded(probe)) return;
    crds::RepositoryRun run;
    run.job = probe.job.key.name;
    run.time = world_.now;
    const bool complete = probe.state.phase == MoverPhase::kSucceeded;
    run.state = complete ? crds::RunState::kSucceeded : crds::RunState::kFailed;
    if (!complete) run.message = probe.state.message;
    plan_.status.last_probe = run;
  }

  void RecordResult(const protocol::MoverResult& result, const Outcome& outcome) {
    RecordLocks(result);
    if (!outcome.good) return;
    plan_.status.id = result.repository_id;
    plan_.status.snapshots = static_cast<std::int64_t>(result.snapshots);
    plan_.status.stored_bytes = static_cast<std::int64_t>(result.stored_bytes);
    plan_.status.stored = HumanBytes(result.stored_bytes);
    NoteLock(result, plan_.status);
  }

  // Locks of the dead are on their way out; the rest are shown, one for each holder: a probe names
  // holders, not locks.
  void RecordLocks(const protocol::MoverResult& result) {
    plan_.status.locks.clear();
    const std::set<std::string> holders(result.lock_holders.begin(), result.lock_holders.end());
    for (const std::string& holder : holders) {
      if (Contains(world_.dead_holders, holder) || plan_.status.locks.size() == kMaxLocks) continue;
      crds::RepositoryLock lock;
      lock.id = holder;
      lock.holder = holder;
      plan_.status.locks.push_back(lock);
    }
  }

  void Report(const Probe& probe, const Outcome& outcome) {
    if (outcome.silent && ReadyNow() && AttemptOf(probe) + 1 < kSilentProbes) return;
    // The deadline cut off a pod that waited: why it waited says more than that it did not end.
    if (outcome.reason == reason::kDeadlineExceeded && WaitedForPod()) return;
    if (outcome.good)
      crds::SetReady(plan_.status.conditions, Verdict(outcome.reason, outcome.message), world_.now);
    else if (outcome.stalled)
      crds::SetStalled(plan_.status.conditions,
                       Verdict(outcome.reason, Sentence(outcome.message) + kRetried), world_.now);
    else
      crds::SetNotReady(plan_.status.conditions,
                        Verdict(outcome.reason, Sentence(outcome.message) + kRetried), world_.now);
  }

  bool WaitedForPod() const {
    const crds::Condition* ready = crds::FindCondition(plan_.status.conditions, crds::kReady);
    return ready != nullptr && ready->status != crds::ConditionStatus::kTrue &&
           (ready->reason == reason::kPodMisconfigured || ready->reason == reason::kUnschedulable ||
            ready->reason == reason::kPodRefused || ready->reason == reason::kImageUnavailable);
  }

  // --- The next probe ---

  void StartWhenDue(const Probe* last) {
    const TimePoint due = DueAfter(last);
    if (due <= world_.now) {
      if (!ReadyNow()) ReportProbing();
      Start(bad_);
    } else {
      plan_.requeue = RequeueAt(due);
    }
  }

  TimePoint DueAfter(const Probe* last) const {
    if (!plan_.status.last_probe || !plan_.status.last_probe->time || !LookedAtThisSpec())
      return world_.now;
    const TimePoint ended = *plan_.status.last_probe->time;
    const bool healthy = last != nullptr ? bad_ == 0 : ReadyNow();
    const TimePoint regular =
        ended + (healthy ? settings_.probe_period : ProbeBackoff(std::max(bad_, 1), settings_));
    if (!world_.locks_left_behind || bad_ != 0) return regular;
    // Locks that a removal left in place are not worth a busy loop.
    return last != nullptr && RemovesLocks(*last) ? ended + settings_.probe_retry_most : world_.now;
  }

  bool LookedAtThisSpec() const {
    const crds::Condition* ready = crds::FindCondition(plan_.status.conditions, crds::kReady);
    return ready != nullptr && ready->observed_generation == repository_.metadata.generation;
  }

  // The name follows from what the probe before it left in the status, so that an operator that was
  // killed after creating the Job finds it again.
  void Start(int attempt) {
    const auto& before = repository_.status.last_probe;
    const std::string state = repository_.metadata.uid + "/" +
                              std::to_string(repository_.metadata.generation) + "/" +
                              (before ? before->job : "");
    // The name needs the status as it is about to be written; that write brings us back.
    if (plan_.status.last_probe != before) {
      plan_.requeue = AwaitChange();
      return;
    }
    ProbeStart start;
    start.name = JobName(repository_.metadata.name, "probe-" + ShortHash(state, kNameDigits));
    start.attempt = attempt;
    start.create = repository_.spec.create_if_missing && plan_.status.id.empty();
    start.dead_holders = world_.dead_holders;
    plan_.start = std::move(start);
    plan_.requeue = AwaitChange();
  }

  // --- The end ---

  void TellQueue() {
    if (plan_.status.waiting == world_.waiting) return;
    if (world_.waiting_told && world_.now < *world_.waiting_told + kTellPeriod)
      plan_.requeue = Sooner(plan_.requeue, RequeueAt(*world_.waiting_told + kTellPeriod));
    else
      plan_.status.waiting = world_.waiting;
  }

  Plan Finish() {
    TellQueue();
    if (world_.restore_rate) plan_.status.restore_bytes_per_second = world_.restore_rate;
    const crds::Condition* before =
        crds::FindCondition(repository_.status.conditions, crds::kReady);
    const crds::Condition* after = crds::FindCondition(plan_.status.conditions, crds::kReady);
    const bool same = after == nullptr || (before != nullptr && before->status == after->status &&
                                           before->reason == after->reason);
    if (!same && after->reason != reason::kProbing) {
      const bool ready = after->status == crds::ConditionStatus::kTrue;
      plan_.events.push_back({ready ? kube::EventType::kNormal : kube::EventType::kWarning,
                              after->reason, after->message});
    }
    return std::move(plan_);
  }

  bool ReadyNow() const {
    const crds::Condition* ready = crds::FindCondition(plan_.status.conditions, crds::kReady);
    return ready != nullptr && ready->status == crds::ConditionStatus::kTrue &&
           ready->observed_generation == repository_.metadata.generation;
  }

  crds::Verdict Verdict(const std::string& reason, const std::string& message) const {
    return {repository_.metadata.generation, reason, message};
  }

  void Set(std::string_view type, const std::string& reason, const std::string& message) {
    crds::SetCondition(plan_.status.conditions,
                       {.type = std::string(type),
                        .status = crds::ConditionStatus::kTrue,
                        .observed_generation = repository_.metadata.generation,
                        .last_transition_time = std::nullopt,
                        .reason = reason,
                        .message = message},
                       world_.now);
  }

  static constexpr const char* kGoesOn = " The probe goes on by itself once that is put right.";
  static constexpr const char* kRetried = " It is tried again by itself.";

  const World& world_;
  const Settings& settings_;
  const crds::BackupRepository& repository_;
  Plan plan_;
  int bad_ = 0;  // probes that were bad, in a row, up to the last one
};

}  // namespace

Plan Decide(const World& world, const Settings& settings) {
  Plan plan = Decision(world, settings).Make();
  DecideUpkeep(world, plan);
  DecideDrill(world, plan);
  DecideImport(world, settings, plan);
  return plan;
}

std::chrono::seconds ProbeBackoff(int bad, const Settings& settings) {
  std::chrono::seconds wait = settings.probe_retry_first;
  for (int i = 1; i < bad && wait < settings.probe_retry_most; ++i) wait *= 2;
  return std::min(wait, settings.probe_retry_most);
}

std::string UnservedPlace(const crds::BackupRepositorySpec& spec) {
  return LocationOf(spec).empty()
             ? "spec.s3, spec.azure, spec.gcs, spec.rest or spec.filesystem must say where it is."
             : "";
}

}  // namespace holdfast::controllers::repository
