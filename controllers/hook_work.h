// Hooks of a Backup or a Restore, done: tasks for the Runner, events, audit records.
#pragma once

#include <chrono>
#include <string>
#include <vector>

#include "base/log.h"
#include "controllers/context.h"
#include "crds/types/hook_runs.h"

namespace holdfast::controllers {

struct HookWork {
  std::string controller;  // "backup", "restore": looks again once a hook has ended
  kube::ObjectReference object;
  std::vector<LogField> about;  // what its audit records say besides
};

// Once the status that calls the run Running is stored.
void StartHook(const Context& context, const HookWork& work, const crds::HookRuns& hooks,
               std::size_t run, std::chrono::milliseconds timeout);

// Once the outcome of `run` is stored.
void TellOfHook(const Context& context, const HookWork& work, const crds::HookRun& run);

// As the hook says; ended hooks of old objects may say anything.
std::chrono::milliseconds TimeoutOf(const crds::Hook& hook);

}  // namespace holdfast::controllers
