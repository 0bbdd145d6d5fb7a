#include "controllers/restore/draft.h"

#include "base/wording.h"
#include "controllers/finalizer.h"
#include "controllers/labels.h"
#include "controllers/reasons.h"
#include "controllers/restore/resolve.h"

namespace holdfast::controllers::restore {
namespace {

constexpr std::chrono::seconds kLookAgain{2};

}  // namespace

Draft::Draft(const World& of, const Settings& with)
    : world(of), settings(with), restore(of.restore) {
  plan.status = restore.status;
}

void Draft::Open() {
  plan.status.observed_generation = restore.metadata.generation;
  plan.status.source = DescribeSource(restore.spec.source);
  plan.status.target = DescribeTarget(restore.spec.target);
  if (!plan.status.start_time) plan.status.start_time = world.now;
}

crds::RestoreStep* Draft::FindStep(const char* name) {
  for (crds::RestoreStep& step : plan.status.steps)
    if (step.name == name) return &step;
  return nullptr;
}

void Draft::BeginStep(const char* name, const std::string& message) {
  crds::RestoreStep* step = FindStep(name);
  if (step == nullptr) {
    plan.status.steps.push_back({name, crds::RunState::kRunning, world.now, std::nullopt, message});
    return;
  }
  if (step->state == crds::RunState::kRunning && !message.empty()) step->message = message;
}

void Draft::EndStep(const char* name) {
  BeginStep(name, "");
  crds::RestoreStep* step = FindStep(name);
  if (step->state != crds::RunState::kRunning) return;
  step->state = crds::RunState::kSucceeded;
  step->completion_time = world.now;
}

crds::Verdict Draft::Verdict(const char* why, const std::string& message) const {
  return {restore.metadata.generation, why, message};
}

void Draft::Ready(const char* why, const std::string& message) {
  crds::SetReady(plan.status.conditions, Verdict(why, message), world.now);
}

void Draft::Progressing(const char* why, std::string message) {
  while (message.ends_with(' ')) message.pop_back();
  if (plan.status.estimate) message += " " + Expectation(*plan.status.estimate);
  crds::SetReconciling(plan.status.conditions, Verdict(why, message), world.now);
}

void Draft::Wait(const char* why, const std::string& message) {
  crds::SetReconciling(plan.status.conditions, Verdict(why, message), world.now);
  plan.requeue = RequeueAt(Deadline());
}

void Draft::Stall(const char* why, const std::string& message) {
  crds::SetStalled(plan.status.conditions, Verdict(why, message), world.now);
  plan.requeue = AwaitChange();
}

void Draft::Condemn(const char* why, const std::string& message) {
  crds::SetStalled(plan.status.conditions, Verdict(why, message), world.now);
  Announce(kube::EventType::kWarning, why, message);
}

void Draft::Announce(kube::EventType type, const char* why, const std::string& message,
                     bool on_set) {
  plan.events.push_back({type, why, message, on_set});
}

std::string Draft::LastWords() const {
  const crds::Condition* ready = crds::FindCondition(restore.status.conditions, crds::kReady);
  return ready != nullptr ? ready->message : "";
}

TimePoint Draft::Deadline() const {
  return DeadlineOf(restore, plan.status.start_time.value_or(world.now));
}

Requeue Draft::LookAgain() const { return RequeueAt(world.now + kLookAgain); }

bool Draft::HasFinalizer() const {
  return controllers::HasFinalizer(restore.metadata, kScaleBackFinalizer);
}

std::string Draft::Origin() const {
  return plan.status.backup.empty() ? plan.status.source : "Backup " + plan.status.backup;
}

std::string Draft::ReplicasReady(std::int64_t count) const {
  const std::string of = " of StatefulSet " + SetName();
  return Counted(static_cast<std::uint64_t>(count), "replica" + of + " is ready",
                 "replicas" + of + " are ready");
}

bool RepositoryReady(Draft& d) {
  const std::string& name = d.plan.status.repository;
  if (!d.world.repository) {
    d.Wait(reason::kRepositoryNotFound,
           "There is no BackupRepository " + name +
               " in this namespace; the Restore goes on once there is.");
    return false;
  }
  const crds::Condition* ready =
      crds::FindCondition(d.world.repository->status.conditions, crds::kReady);
  if (ready != nullptr && ready->status == crds::ConditionStatus::kTrue) return true;
  d.Wait(reason::kRepositoryNotReady,
         "BackupRepository " + name + " is not ready: " +
             (ready != nullptr ? ready->message : std::string("it has not been probed yet.")));
  return false;
}

}  // namespace holdfast::controllers::restore
