#include "controllers/restore/follow_draft.h"

#include <algorithm>
#include <tuple>

#include "controllers/reasons.h"
#include "controllers/restore/resolve.h"
#include "controllers/restore/rivals.h"

namespace holdfast::controllers::restore {
namespace {

using crds::Backup;
using crds::Restore;

bool IsWhole(const Backup& backup) {
  return backup.status.phase == crds::BackupPhase::kSucceeded &&
         !backup.metadata.deletion_timestamp && HasSnapshot(backup);
}

}  // namespace

FollowDraft::FollowDraft(const World& of, const Settings& with) : Draft(of, with) {
  for (const Restore& child : world.following.children)
    if (IsOver(child))
      ended.push_back(&child);
    else if (running == nullptr || Older(child, *running))
      running = &child;
  std::ranges::sort(ended, [](const Restore* a, const Restore* b) { return Older(*b, *a); });
}

void FollowDraft::Forget() {
  Held().backup.clear();
  Held().recovery_point.reset();
}

std::string FollowDraft::Holding() { return "Holds " + HeldBackup(); }

std::string FollowDraft::HeldBackup() {
  return "Backup " + Held().backup + ", which started at " +
         FormatTime(Held().recovery_point.value_or(TimePoint{}));
}

const Backup* FollowDraft::Newest() {
  const auto order = [](const Backup& backup) {
    return std::tuple(StartOf(backup), backup.metadata.name);
  };
  const Backup* newest = nullptr;
  for (const Backup& backup : world.backups)
    if (IsWhole(backup) && (newest == nullptr || order(*newest) < order(backup))) newest = &backup;
  if (newest == nullptr || !HoldsOne()) return newest;
  const auto held = std::tuple(Held().recovery_point.value_or(TimePoint{}), Held().backup);
  return held < order(*newest) ? newest : nullptr;
}

void TellOfSearch(FollowDraft& d) {
  d.Progressing(d.restore.spec.promote ? reason::kPromoting : reason::kSourceNotFound,
                "BackupRepository " + d.world.following.searched +
                    " is being searched for new Backups; its status.lastImport says how far that "
                    "is.");
}

}  // namespace holdfast::controllers::restore
