#include "controllers/repository/upkeep.h"

#include <algorithm>

#include "base/quantity.h"
#include "base/wording.h"
#include "controllers/mover_job.h"
#include "controllers/reasons.h"
#include "controllers/repository/drill.h"

namespace holdfast::controllers::repository {
namespace {

using crds::BackupRepositoryStatus;
using crds::RepositoryRun;
using crds::RunState;

std::string CronOf(const crds::BackupRepositorySpec& spec, Chore chore) {
  if (chore == Chore::kPrune) return spec.prune ? spec.prune->schedule : "";
  return spec.check ? spec.check->schedule : "";
}

std::optional<RepositoryRun>& LastOf(BackupRepositoryStatus& status, Chore chore) {
  return chore == Chore::kPrune ? status.last_prune : status.last_check;
}

const char* ReasonOf(Chore chore, const std::optional<protocol::MoverResult>& result) {
  if (chore == Chore::kCheck) return reason::kCheckFailed;
  return result && result->not_retained ? reason::kObjectLockNotExtended : reason::kPruneFailed;
}

// "freed 2.0 MiB; the store holds 3.2 GiB that nobody needs until 2026-12-26T03:00:00Z"
std::string PruneMessage(const protocol::MoverResult& result) {
  std::string message = "freed " + HumanBytes(result.bytes_freed);
  if (result.bytes_retained != 0)
    message += "; the store holds " + HumanBytes(result.bytes_retained) +
               " that nobody needs until " + result.bytes_retained_until + " at the latest";
  if (result.objects_retained != 0)
    message += "; " + Counted(result.objects_retained, "object is", "objects are") +
               " held until " + result.retained_until + " now";
  return message;
}

bool IsReady(const BackupRepositoryStatus& status) {
  return crds::IsTrue(status.conditions, crds::kReady);
}

class Upkeep {
 public:
  Upkeep(const World& world, Plan& plan) : world_(world), plan_(plan) {}

  void Decide() {
    for (const Chore chore : {Chore::kPrune, Chore::kCheck}) Follow(chore);
    for (const Chore chore : {Chore::kPrune, Chore::kCheck})
      if (!CronOf(world_.repository.spec, chore).empty()) StartWhenDue(chore);
  }

 private:
  // The newest Job of the sort; the others are removed.
  const MoverRun* KeepNewest(Chore chore) {
    const MoverRun* newest = nullptr;
    for (const MoverRun& run : RunsOf(chore))
      if (newest == nullptr || run.job.created > newest->job.created) newest = &run;
    for (const MoverRun& run : RunsOf(chore))
      if (&run != newest && run.job.Finished() && !run.job.deleting)
        plan_.remove.push_back(run.job);
    return newest;
  }

  const std::vector<MoverRun>& RunsOf(Chore chore) const {
    return chore == Chore::kPrune ? world_.prunes : world_.checks;
  }

  void Follow(Chore chore) {
    const MoverRun* newest = KeepNewest(chore);
    if (newest == nullptr) return;
    std::optional<RepositoryRun>& last = LastOf(plan_.status, chore);
    const bool over = newest->job.Finished();
    if (!over) busy_ = true;
    if (last && last->job == newest->job.key.name && last->state != RunState::kRunning) return;
    RepositoryRun run;
    run.job = newest->job.key.name;
    run.time = over ? world_.now : newest->job.created;
    run.message = newest->state.message;
    const bool good = newest->state.phase == MoverPhase::kSucceeded;
    run.state = !over ? RunState::kRunning : good ? RunState::kSucceeded : RunState::kFailed;
    if (over) Conclude(chore, *newest, run);
    last = std::move(run);
  }

  void Conclude(Chore chore, const MoverRun& ended, RepositoryRun& run) {
    const auto& result = ended.state.result;
    if (run.state == RunState::kSucceeded && result) {
      plan_.status.snapshots = static_cast<std::int64_t>(result->snapshots);
      plan_.status.stored_bytes = static_cast<std::int64_t>(result->stored_bytes);
      plan_.status.stored = HumanBytes(result->stored_bytes);
      if (chore == Chore::kPrune) {
        plan_.status.unused_bytes = static_cast<std::int64_t>(result->bytes_unused);
        run.message = PruneMessage(*result);
        NoteLock(*result, plan_.status);
      }
    }
    if (chore == Chore::kCheck) TellHealth(run, result);
    if (run.state == RunState::kFailed)
      plan_.events.push_back({kube::EventType::kWarning, ReasonOf(chore, result), run.message});
  }

  // A check that could not be carried out says nothing about the data.
  void TellHealth(const RepositoryRun& run, const std::optional<protocol::MoverResult>& result) {
    const bool damaged = result && result->exit == protocol::ExitCode::kCorrupt;
    if (run.state == RunState::kFailed && !damaged) return;
    crds::SetCondition(
        plan_.status.conditions,
        {.type = std::string(crds::kHealthy),
         .status = damaged ? crds::ConditionStatus::kFalse : crds::ConditionStatus::kTrue,
         .observed_generation = world_.repository.metadata.generation,
         .last_transition_time = std::nullopt,
         .reason = damaged ? reason::kCheckFailed : reason::kCheckPassed,
         .message = damaged ? run.message : "The last check found no damage."},
        world_.now);
  }

  void StartWhenDue(Chore chore) {
    const auto schedule =
        ScheduleOf(world_.repository, CronOf(world_.repository.spec, chore), VerbOf(chore));
    if (!schedule) return;  // Decide says so
    const std::optional<RepositoryRun>& last = LastOf(plan_.status, chore);
    const auto due = DueRun(*schedule, world_, last ? last->time : std::nullopt);
    if (!due) {
      plan_.requeue = Sooner(plan_.requeue, RequeueAt(schedule->Next(world_.now)));
      return;
    }
    // What ends the wait is a change that brings us back.
    if (busy_ || plan_.start || !IsReady(plan_.status)) return;
    busy_ = true;
    plan_.chore = ChoreStart{
        chore, JobName(world_.repository.metadata.name, VerbOf(chore) + "-" + Stamp(*due))};
  }

  const World& world_;
  Plan& plan_;
  bool busy_ = false;
};

}  // namespace

std::string VerbOf(Chore chore) { return chore == Chore::kPrune ? "prune" : "check"; }

void DecideUpkeep(const World& world, Plan& plan) { Upkeep(world, plan).Decide(); }

Result<Schedule> ScheduleOf(const crds::BackupRepository& repository, const std::string& cron,
                            const std::string& verb) {
  return ParseSchedule(
      cron, "UTC", repository.metadata.namespace_ + "/" + repository.metadata.name + "/" + verb);
}

std::optional<TimePoint> DueRun(const Schedule& schedule, const World& world,
                                std::optional<TimePoint> last) {
  const TimePoint made = world.repository.metadata.creation_timestamp.value_or(world.now);
  return schedule.LatestDue(last.value_or(made), world.now);
}

std::string Stamp(TimePoint due) {
  std::string stamp = FormatTime(due).substr(0, 16);
  std::erase_if(stamp, [](char c) { return c == '-' || c == ':'; });
  std::ranges::replace(stamp, 'T', '-');
  return stamp;
}

void NoteLock(const protocol::MoverResult& result, BackupRepositoryStatus& status) {
  const auto until = ParseTime(result.retained_until);
  status.locked_until = until ? std::optional(*until) : std::nullopt;
}

std::string InvalidSchedule(const crds::BackupRepository& repository) {
  const std::pair<std::string, std::string> crons[] = {
      {VerbOf(Chore::kPrune), CronOf(repository.spec, Chore::kPrune)},
      {VerbOf(Chore::kCheck), CronOf(repository.spec, Chore::kCheck)},
      {kDrillVerb, repository.spec.drill ? repository.spec.drill->schedule : ""}};
  for (const auto& [verb, cron] : crons) {
    if (cron.empty()) continue;
    if (const auto schedule = ScheduleOf(repository, cron, verb); !schedule)
      return "spec." + verb + ".schedule: " + schedule.error().message;
  }
  return {};
}

}  // namespace holdfast::controllers::repository
