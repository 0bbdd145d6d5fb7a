// What to do next for a Restore with mode Follow, as a pure function of what was observed.
//
// It writes to no volume itself. For each new good Backup of its policy it makes a child: a Restore
// of that Backup into the same target, one at a time and of the newest only (follow_children.h), so
// that everything a Restore knows (resuming, rivals, locks, verification, half-written volumes)
// holds for a standby too.
//
//   follow     status.follow.backup is what the target holds whole; none while that is not known
//   promote    spec.promote: the last child is awaited, and the standby started (promotion.h)
//
// A StatefulSet that runs is never overwritten: it is said so, and waited for. What it held is then
// no longer known, so that the next child compares everything.
//
// Its waits have no deadline: what ends them is a change that brings us back.
#pragma once

#include "controllers/restore/decide.h"

namespace holdfast::controllers::restore {

Plan DecideFollow(const World& world, const Settings& settings);

}  // namespace holdfast::controllers::restore
