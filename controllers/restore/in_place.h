// The StatefulSet around a restore in place: down, kept down, up again. Pure.
#pragma once

#include "controllers/restore/draft.h"

namespace holdfast::controllers::restore {

// True once the StatefulSet is at 0 replicas, and its size and our finalizer are stored.
bool PrepareSet(Draft& d);

// Level-based, for as long as the volumes are not whole.
void KeepDown(Draft& d);

// All volumes are restored: to the remembered size, and until that many pods are ready.
void ScaleUp(Draft& d);

// Nothing is half written: to the remembered size. False when there is nothing to scale.
bool ScaleBack(Draft& d);

}  // namespace holdfast::controllers::restore
