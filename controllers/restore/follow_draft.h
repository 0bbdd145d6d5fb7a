// The plan of one look at a Restore with mode Follow while it is being made: its children in their
// order, and what its target holds.
#pragma once

#include <string>
#include <vector>

#include "controllers/restore/draft.h"

namespace holdfast::controllers::restore {

struct FollowDraft : Draft {
  FollowDraft(const World& of, const Settings& with);

  // status.follow, which is there from the first look on.
  crds::RestoreFollow& Held() { return *plan.status.follow; }
  bool HoldsOne() { return !Held().backup.empty(); }
  // What the target holds is no longer known.
  void Forget();
  // "Holds Backup nightly-7, which started at 2026-07-01T12:00:00Z"
  std::string Holding();
  // The same without the verb.
  std::string HeldBackup();

  // The newest Backup of the policy that is whole, if the target holds neither it nor a newer one.
  const crds::Backup* Newest();

  const crds::Restore* running = nullptr;   // the oldest child that is not over
  std::vector<const crds::Restore*> ended;  // the newest first
};

// BackupRepository world.following.searched is being searched for Backups.
void TellOfSearch(FollowDraft& d);

}  // namespace holdfast::controllers::restore
