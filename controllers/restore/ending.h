// How a Restore ends: well, not well, or deleted midway (decide.h says what then becomes of the
// StatefulSet). Pure.
#pragma once

#include "controllers/restore/draft.h"

namespace holdfast::controllers::restore {

// The Restore failed and left its StatefulSet at 0: its step ScaleUp is Skipped.
bool LeftAtZero(const crds::Restore& restore);

// Whether the mover may have changed its volume.
bool MayHaveWritten(const Mover& mover);

// Over for good, now; steps that still run end in `step`.
void Close(Draft& d, crds::RestorePhase phase, crds::RunState step);
// The same of one that has worked itself: how long it took is recorded, and what it leaves cleared
// away next.
void End(Draft& d, crds::RestorePhase phase, crds::RunState step);

void Succeed(Draft& d);

// Over for good. Whatever was scaled goes back, or stays, by what may be half written.
// Nothing yet while hooks have still to let go; then it is to be asked for again.
void GiveUp(Draft& d, const char* why, std::string message);
// The volumes are whole, but `what`.
void FailUp(Draft& d, const char* why, const std::string& what);
void FailMovers(Draft& d);

// It is being deleted.
void Unwind(Draft& d);

// It is over: what is left to clear away. The Job of a mover that failed stays a while for its log,
// unless its claim is deleted meanwhile, which would wait for it.
void Settle(Draft& d);

}  // namespace holdfast::controllers::restore
