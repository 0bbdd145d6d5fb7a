// The end of following: spec.promote.
//
// Repositories are searched once more, the last child is awaited, status.follow.promotedTime is
// written, and only then the StatefulSet is scaled up, once. From promotedTime on nothing is
// restored, whatever spec.promote says later. A newer Backup that cannot be had is given up, and
// step CatchUp says so: a store that is away must not keep a whole standby from starting.
#pragma once

#include "controllers/restore/follow_draft.h"

namespace holdfast::controllers::restore {

bool IsPromoted(const crds::Restore& restore);

// No child works. False when the target holds nothing that could be started.
bool Promote(FollowDraft& d);
// Whether a promotion does not wait for this child, since it only waits itself; then noted.
bool GivesUpOn(FollowDraft& d, const crds::Restore& child);
// Written down before anything is started; the look after this one reads it back.
void MarkPromoted(FollowDraft& d);

// Scales the StatefulSet up and waits for its pods, until spec.deadline after the promotion.
void StartStandby(FollowDraft& d);

// It is over.
void SettlePromotion(FollowDraft& d);

}  // namespace holdfast::controllers::restore
