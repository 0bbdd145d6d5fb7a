#include "controllers/policy/runs.h"

#include <algorithm>

#include "base/hash.h"
#include "controllers/labels.h"
#include "controllers/policy/check.h"
#include "controllers/policy/continuous.h"
#include "controllers/reasons.h"

namespace holdfast::controllers::policy {
namespace {

using crds::ScheduleStatus;

constexpr std::size_t kMaxName = 253;
constexpr std::size_t kHashDigits = 8;
constexpr std::size_t kContinuousDigits = 4;  // beside a time

bool IsOver(const crds::Backup& backup) {
  return backup.status.phase == crds::BackupPhase::kSucceeded ||
         backup.status.phase == crds::BackupPhase::kPartiallyFailed ||
         backup.status.phase == crds::BackupPhase::kFailed;
}

std::string WithSuffix(const std::string& base, const std::string& suffix) {
  std::string name = base + suffix;
  if (name.size() <= kMaxName) return name;
  const std::string hash = "-" + ShortHash(base, kHashDigits);
  return base.substr(0, kMaxName - suffix.size() - hash.size()) + hash + suffix;
}

// One schedule with all that its next step depends on.
struct Line {
  const crds::Schedule* spec;
  Schedule schedule;
  std::chrono::seconds jitter;
  ScheduleStatus status;
  std::optional<TimePoint> due;  // not acted on yet
};

// From where due times count: the last one acted on. A schedule that was never acted on counts from
// the policy's creation, or from when it was added to a policy that was already running, which its
// first nextRun tells.
TimePoint CountFrom(const World& world, const Line& line) {
  if (line.status.last_schedule) return *line.status.last_schedule;
  if (line.status.next_run)
    return std::min(world.now, *line.status.next_run - line.jitter - std::chrono::seconds(1));
  const bool is_new = world.policy.status.observed_generation == 0;
  return is_new ? world.policy.metadata.creation_timestamp.value_or(world.now) : world.now;
}

ScheduleStatus StatusOf(const World& world, const std::string& name) {
  for (const ScheduleStatus& status : world.policy.status.schedules)
    if (status.name == name) return status;
  ScheduleStatus status;
  status.name = name;
  return status;
}

std::vector<Line> LinesOf(const World& world) {
  std::vector<Line> lines;
  const auto most = ParseDuration(world.policy.spec.jitter).value_or(std::chrono::seconds(0));
  for (const crds::Schedule& spec : world.policy.spec.schedules) {
    auto schedule = ScheduleOf(world.policy, spec);
    if (!schedule) continue;  // CheckPolicy has said so
    Line line{&spec,
              *schedule,
              StableJitter(SeedOf(world.policy, spec), most),
              StatusOf(world, spec.name),
              {}};
    line.due = line.schedule.LatestDue(CountFrom(world, line), world.now - line.jitter);
    line.status.next_run = line.schedule.Next(world.now - line.jitter) + line.jitter;
    lines.push_back(std::move(line));
  }
  return lines;
}

void SkipLate(const World& world, Line& line, Plan& plan) {
  const std::string& text = world.policy.spec.starting_deadline;
  const auto deadline = ParseDuration(text);
  if (!line.due || text.empty() || !deadline) return;
  if (world.now - (*line.due + line.jitter) <= *deadline) return;
  plan.events.push_back({kube::EventType::kWarning, reason::kRunsSkipped,
                         "schedule \"" + line.spec->name + "\" was due at " +
                             FormatTime(*line.due) + ", longer ago than spec.startingDeadline (" +
                             text + "); it runs next at " + FormatTime(*line.status.next_run)});
  line.status.last_schedule = line.due;
  line.due.reset();
}

// The line that runs first of those that are due: a Full before an Incremental, for what comes
// after a Full reads less.
Line* FirstDue(std::vector<Line>& lines) {
  Line* first = nullptr;
  for (Line& line : lines)
    if (line.due && (first == nullptr || line.spec->type < first->spec->type)) first = &line;
  return first;
}

crds::Backup NewBackup(const World& world, std::string name, crds::BackupType type) {
  crds::Backup backup;
  backup.metadata.name = std::move(name);
  backup.metadata.namespace_ = world.policy.metadata.namespace_;
  backup.metadata.labels = {{kManagedBy, kManagedByHoldfast},
                            {kPolicyLabel, LabelValue(world.policy.metadata.name)}};
  backup.spec.policy = world.policy.metadata.name;
  backup.spec.type = type;
  return backup;
}

void Create(crds::Backup backup, const std::string& why, Plan& plan) {
  plan.events.push_back({kube::EventType::kNormal, reason::kBackupCreated,
                         "created Backup " + backup.metadata.name + " (" + why + ")"});
  plan.status.running = backup.metadata.name;
  plan.create = std::move(backup);
}

void RunSchedule(const World& world, Line& line, Plan& plan) {
  const std::string name = BackupName(world.policy.metadata.name, line.spec->name, *line.due);
  crds::Backup backup = NewBackup(world, name, line.spec->type);
  backup.metadata.labels[kScheduleLabel] = LabelValue(line.spec->name);
  Create(std::move(backup), "schedule " + line.spec->name, plan);
  line.status.last_schedule = line.due;
  line.status.last_backup = name;
  line.due.reset();
}

bool TriggerIsNew(const World& world) {
  const std::string& trigger = world.policy.spec.trigger;
  return !trigger.empty() && trigger != world.policy.status.last_trigger;
}

// The generation makes a value that comes back later a new run.
void RunTrigger(const World& world, Plan& plan) {
  const std::string& trigger = world.policy.spec.trigger;
  const std::string seed = trigger + "/" + std::to_string(world.policy.metadata.generation);
  const std::string name =
      WithSuffix(world.policy.metadata.name, "-trigger-" + ShortHash(seed, kHashDigits));
  Create(NewBackup(world, name, crds::BackupType::kIncremental), "spec.trigger " + trigger, plan);
  plan.status.last_trigger = trigger;
}

// Named by the state that asks for it: the same until a Backup of the policy has ended.
void RunContinuous(const World& world, Plan& plan) {
  crds::ContinuousStatus& continuous = *plan.status.continuous;
  std::string seed = FormatTime(*continuous.unsaved_since);
  for (const auto* run : {&plan.status.last_success, &plan.status.last_failure})
    if (*run) seed += "/" + (*run)->backup;
  std::string stamp = FormatTime(*continuous.unsaved_since).substr(0, 19);  // 2026-08-01T12:00:05
  std::erase_if(stamp, [](char c) { return c == '-' || c == ':'; });
  std::replace(stamp.begin(), stamp.end(), 'T', '-');
  const std::string name = WithSuffix(world.policy.metadata.name + "-continuous",
                                      "-" + stamp + "-" + ShortHash(seed, kContinuousDigits));
  Create(NewBackup(world, name, crds::BackupType::kIncremental),
         "volumes have changed since " + FormatTime(*continuous.unsaved_since), plan);
  continuous.last_backup = name;
  continuous.last_backup_saves = continuous.last_change;
}

std::string WaitingText(const World& world, const std::vector<Line>& lines) {
  if (TriggerIsNew(world)) return "spec.trigger \"" + world.policy.spec.trigger + "\"";
  for (const Line& line : lines)
    if (line.due) return "schedule \"" + line.spec->name + "\"";
  return {};
}

// A schedule that waits keeps the time it waits since as its next run: without it, one that never
// ran would not know afterwards that it was due.
void TellNextRun(const World& world, const std::vector<Line>& lines, Plan& plan) {
  plan.status.schedules.clear();
  plan.status.next_run.reset();
  for (const Line& line : lines) {
    ScheduleStatus& told = plan.status.schedules.emplace_back(line.status);
    if (world.policy.spec.suspend) {
      told.next_run.reset();
      continue;
    }
    if (line.due) told.next_run = *line.due + line.jitter;
    if (!plan.status.next_run || *line.status.next_run < *plan.status.next_run)
      plan.status.next_run = line.status.next_run;
  }
}

}  // namespace

std::string BackupName(const std::string& policy, const std::string& schedule, TimePoint due) {
  std::string stamp = FormatTime(due).substr(0, 16);  // 2026-08-01T12:00
  std::erase_if(stamp, [](char c) { return c == '-' || c == ':'; });
  std::replace(stamp.begin(), stamp.end(), 'T', '-');
  return WithSuffix(policy + "-" + schedule, "-" + stamp);
}

// One that asks for what is not served will never run.
const crds::Backup* UnfinishedBackup(const World& world) {
  for (const crds::Backup& backup : world.backups)
    if (!IsOver(backup) && !backup.metadata.deletion_timestamp) return &backup;
  return nullptr;
}

std::string ScheduleRuns(const World& world, Plan& plan) {
  const crds::Backup* unfinished = UnfinishedBackup(world);
  plan.status.running = unfinished == nullptr ? "" : unfinished->metadata.name;
  std::vector<Line> lines = LinesOf(world);
  const bool suspended = world.policy.spec.suspend;
  for (Line& line : lines)
    if (suspended)
      line.due.reset();
    else
      SkipLate(world, line, plan);
  const auto changed = ContinuousDue(world, plan.status);
  std::string waiting;
  if (unfinished != nullptr)
    waiting = WaitingText(world, lines);
  else if (TriggerIsNew(world))
    RunTrigger(world, plan);
  else if (Line* line = FirstDue(lines))
    RunSchedule(world, *line, plan);
  else if (changed && *changed <= world.now)
    RunContinuous(world, plan);
  else if (changed)
    plan.requeue = Sooner(plan.requeue, RequeueAt(*changed));
  TellNextRun(world, lines, plan);
  if (plan.status.next_run) plan.requeue = Sooner(plan.requeue, RequeueAt(*plan.status.next_run));
  return waiting;
}

}  // namespace holdfast::controllers::policy
