// The children of a Restore with mode Follow: each is a Restore of one Backup into its target. One
// works at a time. One that failed is followed by another, with a pause that doubles; a few that
// are over stay, to be looked at.
#pragma once

#include <string>

#include "controllers/restore/follow_draft.h"

namespace holdfast::controllers::restore {

// Takes what the last child that is over did into the status: it alone says what the target holds.
void NoteLastChild(FollowDraft& d);

void ForgetOldChildren(FollowDraft& d);
// Whether the plan removes it.
bool IsRemoved(const FollowDraft& d, const crds::Restore& child);

// Whether there is a newer Backup than the one it restores.
bool IsOutdated(FollowDraft& d, const crds::Restore& child);
// Nothing has been touched for it yet, so that another may take its place.
bool MayBeReplaced(const crds::Restore& child);
// Whether it waits for something, rather than gets on.
bool IsHindered(const crds::Restore& child);
// Why it is as it is: its condition Ready; empty while there is none.
const crds::Condition& ReadyOf(const crds::Restore& child);

void TellOfChild(FollowDraft& d, const crds::Restore& child);

// Makes a child for the newest Backup, or says until when that has to wait. False when there is
// none to restore.
bool BringNewest(FollowDraft& d);
// The last child, when it was to restore this Backup and failed; nullptr otherwise.
const crds::Restore* LastFailure(const FollowDraft& d, const std::string& backup);

}  // namespace holdfast::controllers::restore
