#include "controllers/backup/hook_work.h"

#include <algorithm>
#include <utility>

#include <spdlog/fmt/fmt.h>

#include "controllers/audit.h"
#include "controllers/kinds.h"
#include "controllers/reasons.h"

namespace holdfast::controllers::backup {
namespace {

using crds::HookRun;
using crds::HookStage;

// Of what a command said, in the event of its failure.
constexpr std::size_t kMostWords = 200;

std::string Quote(const std::string& text) {
  const std::size_t begin = text.size() > kMostWords ? text.size() - kMostWords : 0;
  return text.empty() ? "" : "; it said: " + text.substr(begin);
}

std::string Describe(const HookRun& run) {
  return fmt::format("{} hook {} ({}) in pod {}", run.stage == HookStage::kPre ? "pre" : "post",
                     run.index, run.command, run.pod);
}

std::vector<LogField> FieldsOf(const crds::Backup& backup, const HookRun& run) {
  return {{"policy", backup.spec.policy},
          {"stage", std::string(crds::NameOf(run.stage))},
          {"pod", run.pod},
          {"container", run.container},
          {"command", run.command},
          {"attempt", std::to_string(run.attempts)}};
}

void Tell(const Context& context, const crds::Backup& backup, const HookRun& run) {
  const bool well = run.state == crds::RunState::kSucceeded;
  const std::string text = well
                               ? Describe(run) + " succeeded"
                               : Describe(run) + " failed: " + run.message + Quote(run.stderr_tail);
  context.events.Record(ReferenceTo(backup),
                        well ? kube::EventType::kNormal : kube::EventType::kWarning,
                        well ? reason::kHookSucceeded : reason::kHookFailed, text);
  auto fields = FieldsOf(backup, run);
  fields.emplace_back("exit_code", run.exit_code ? std::to_string(*run.exit_code) : "unknown");
  Audit("hook.ended", run.message, ReferenceTo(backup), std::move(fields));
}

// A pre hook has no longer than until the thaw: after that, it would freeze what is not thawed
// again.
std::chrono::milliseconds TimeFor(const crds::BackupHooks& hooks, const HookRun& run,
                                  TimePoint now) {
  using std::chrono::milliseconds;
  const auto parsed = ParseDuration(hooks::HookOf(hooks, run).timeout);
  const milliseconds timeout = parsed ? *parsed : std::chrono::seconds(30);
  const auto thaw = hooks::ThawTime(hooks);
  if (run.stage == HookStage::kPost || !thaw) return timeout;
  return std::clamp(std::chrono::duration_cast<milliseconds>(*thaw - now), milliseconds(0),
                    timeout);
}

void Start(const Context& context, const crds::Backup& backup, const crds::BackupHooks& hooks,
           std::size_t i) {
  const HookRun& run = hooks.runs[i];
  const crds::Hook& hook = hooks::HookOf(hooks, run);
  Audit("hook.run", "a command is run in a pod, as the policy asks", ReferenceTo(backup),
        FieldsOf(backup, run));
  hooks::Task task;
  task.backup = KeyOf(backup.metadata);
  task.backup_uid = backup.metadata.uid;
  task.run = i;
  task.pod = {backup.metadata.namespace_, run.pod};
  task.container = hook.container;
  task.command = hook.command;
  task.timeout = TimeFor(hooks, run, context.clock.Now());
  task.tail_limit = hooks::TailLimit(hooks);
  task.thaws = run.stage == HookStage::kPost;
  context.hooks.Start(std::move(task));
}

}  // namespace

void CarryOutHooks(const Context& context, const crds::Backup& backup,
                   const crds::BackupStatus& status, const HookPlan& plan) {
  for (const std::size_t i : plan.ended) Tell(context, backup, status.hooks.runs[i]);
  if (!plan.expired.empty())
    context.events.Record(ReferenceTo(backup), kube::EventType::kWarning, reason::kHeldTooLong,
                          plan.expired);
  context.hooks.Forget(backup.metadata.uid, plan.stored);
  for (const std::size_t i : plan.start) Start(context, backup, status.hooks, i);
}

}  // namespace holdfast::controllers::backup
