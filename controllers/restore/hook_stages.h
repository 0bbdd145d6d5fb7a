// The hooks of a restore in place: pre hooks in the workload's pods before it is scaled down, post
// hooks once it is up again and ready. Pure.
//
// A pod that does not run is nothing that a pre hook could speak to: its pre hooks are Skipped, for
// who restores a broken database must not be stopped by its being broken. What pre hooks did to a
// pod is gone with the pod. So when a Restore is given up before it scaled anything down, post
// hooks run in the pods where a pre hook had begun; once it has scaled down, they run only after
// everything is restored.
#pragma once

#include <string>

#include "controllers/restore/draft.h"

namespace holdfast::controllers::restore {

// Stalls, and says why, when the spec's hooks cannot be run.
bool HooksCannotRun(Draft& d);

// Enters what the Runner knows of them.
void TakeHookNews(Draft& d);

// Starts what is due. True when no pre hook is left; false while some run, and when one failed that
// may not, which gives the Restore up.
bool PreHooksDone(Draft& d);

// The StatefulSet is up and ready. True when no post hook is left; false while some run, and when
// one failed that may not, which fails the Restore.
bool PostHooksDone(Draft& d);

// The Restore is given up, or deleted: true when pre hooks have left nothing behind. Called again
// until it is.
bool LetGo(Draft& d);

// " Post hook 0 (reindex) in pod db-0 failed: ..." for those that may fail; empty for none.
std::string FailuresOfHooks(const crds::HookRuns& hooks);

}  // namespace holdfast::controllers::restore
