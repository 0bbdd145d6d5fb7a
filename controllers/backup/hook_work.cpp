#include "controllers/backup/hook_work.h"

#include <algorithm>

#include "controllers/hook_work.h"
#include "controllers/kinds.h"
#include "controllers/reasons.h"

namespace holdfast::controllers::backup {
namespace {

// A pre hook has no longer than until the thaw: after that, it would freeze what is not thawed
// again.
std::chrono::milliseconds TimeFor(const crds::BackupHooks& hooks, const crds::HookRun& run,
                                  TimePoint now) {
  using std::chrono::milliseconds;
  const milliseconds timeout = TimeoutOf(hooks::HookOf(hooks, run));
  const auto thaw = hooks::ThawTime(hooks);
  if (run.stage == crds::HookStage::kPost || !thaw) return timeout;
  return std::clamp(std::chrono::duration_cast<milliseconds>(*thaw - now), milliseconds(0),
                    timeout);
}

}  // namespace

void CarryOutHooks(const Context& context, const crds::Backup& backup,
                   const crds::BackupStatus& status, const HookPlan& plan) {
  const HookWork work = {"backup", ReferenceTo(backup), {{"policy", backup.spec.policy}}};
  for (const std::size_t i : plan.ended) TellOfHook(context, work, status.hooks.runs[i]);
  if (!plan.expired.empty())
    context.events.Record(work.object, kube::EventType::kWarning, reason::kHeldTooLong,
                          plan.expired);
  context.hooks.Forget(backup.metadata.uid, plan.stored);
  for (const std::size_t i : plan.start)
    StartHook(context, work, status.hooks, i,
              TimeFor(status.hooks, status.hooks.runs[i], context.clock.Now()));
}

}  // namespace holdfast::controllers::backup
