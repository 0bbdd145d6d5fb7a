// The StatefulSet around a restore in place: down, kept down, up again. Pure.
#pragma once

#include "controllers/restore/draft.h"

namespace holdfast::controllers::restore {

// The size that the StatefulSet is to have again: its own, or the one that an earlier Restore,
// which left it at 0, had found.
std::int64_t SizeToHave(const Draft& d);

// True once the StatefulSet is at 0 replicas, and its size and our finalizer are stored.
bool PrepareSet(Draft& d);

// Level-based, for as long as the volumes are not whole.
void KeepDown(Draft& d);

// True when a pod of the StatefulSet was found on a volume that is being written, or has been, by a
// mover: what it wrote there nobody knows. That volume is to be restored once more, which is stored
// before anything else is done.
bool FindsTampering(Draft& d);
// Stops the movers of such volumes; they begin anew once the pods are gone.
void RestoreAgain(Draft& d);

// All volumes are restored: to the remembered size, until that many pods are ready, and then post
// hooks.
void ScaleUp(Draft& d);

// Whether its controller has seen its size, and as many pods are ready.
bool HasSettled(const StatefulSetView& set);

// Nothing is half written: to the remembered size. False when there is nothing to scale.
bool ScaleBack(Draft& d);

}  // namespace holdfast::controllers::restore
