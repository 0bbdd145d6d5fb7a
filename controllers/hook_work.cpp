#include "controllers/hook_work.h"

#include <utility>

#include "controllers/audit.h"
#include "controllers/reasons.h"

namespace holdfast::controllers {
namespace {

using crds::HookRun;
using crds::HookStage;

// Of what a command said, in the event of its failure.
constexpr std::size_t kMostWords = 200;
constexpr std::chrono::seconds kDefaultTimeout{30};

std::string Quote(const std::string& text) {
  const std::size_t begin = text.size() > kMostWords ? text.size() - kMostWords : 0;
  return text.empty() ? "" : "; it said: " + text.substr(begin);
}

std::vector<LogField> FieldsOf(const HookWork& work, const HookRun& run) {
  std::vector<LogField> fields = work.about;
  fields.insert(fields.end(), {{"stage", std::string(crds::NameOf(run.stage))},
                               {"pod", run.pod},
                               {"container", run.container},
                               {"command", run.command},
                               {"attempt", std::to_string(run.attempts)}});
  return fields;
}

}  // namespace

std::chrono::milliseconds TimeoutOf(const crds::Hook& hook) {
  return ParseDuration(hook.timeout).value_or(kDefaultTimeout);
}

void StartHook(const Context& context, const HookWork& work, const crds::HookRuns& hooks,
               std::size_t run, std::chrono::milliseconds timeout) {
  const HookRun& begun = hooks.runs[run];
  const crds::Hook& hook = hooks::HookOf(hooks, begun);
  Audit("hook.run", "a command is run in a pod, as hooks ask", work.object, FieldsOf(work, begun));
  hooks::Task task;
  task.owner = {work.controller, work.object.key, work.object.uid};
  task.run = run;
  task.pod = {work.object.key.ns, begun.pod};
  task.container = hook.container;
  task.command = hook.command;
  task.timeout = timeout;
  task.tail_limit = hooks::TailLimit(hooks);
  task.thaws = begun.stage == HookStage::kPost;
  context.hooks.Start(std::move(task));
}

void TellOfHook(const Context& context, const HookWork& work, const HookRun& run) {
  const std::string what = hooks::Describe(run);
  if (run.state == crds::RunState::kSucceeded)
    context.events.Record(work.object, kube::EventType::kNormal, reason::kHookSucceeded,
                          what + " succeeded");
  else if (run.state == crds::RunState::kFailed)
    context.events.Record(work.object, kube::EventType::kWarning, reason::kHookFailed,
                          what + " failed: " + run.message + Quote(run.stderr_tail));
  auto fields = FieldsOf(work, run);
  fields.emplace_back("exit_code", run.exit_code ? std::to_string(*run.exit_code) : "unknown");
  Audit("hook.ended", run.message, work.object, std::move(fields));
}

}  // namespace holdfast::controllers
