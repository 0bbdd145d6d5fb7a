// Pods that may use a claim which is still to be written. Pure.
#pragma once

#include "controllers/restore/draft.h"

namespace holdfast::controllers::restore {

// Waits, and says for whom, when there is such a pod; `with_own_pods`: also for pods of the
// StatefulSet itself.
bool NamedUser(Draft& d, bool with_own_pods);

// True when there is none.
bool Detached(Draft& d);

}  // namespace holdfast::controllers::restore
