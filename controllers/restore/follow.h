// What to do next for a Restore with mode Follow, as a pure function of what was observed.
//
// It writes to no volume itself. For each new good Backup of its policy it makes a child: a Restore
// of that Backup into the same target, one at a time and of the newest only, so that everything a
// Restore knows (resuming, rivals, locks, verification, half-written volumes) holds for a standby
// too. A child that failed is followed by another, with a pause that doubles.
//
//   follow     status.follow.backup is what the target holds whole; none while that is not known
//   promote    spec.promote: repositories are searched once more, the last child is awaited,
//              status.follow.promotedTime is written, and only then the StatefulSet is scaled up,
//              once. From promotedTime on nothing is restored, whatever spec.promote says later.
//
// A StatefulSet that runs is never overwritten: it is said so, and waited for. What it held is then
// no longer known, so that the next child compares everything.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "controllers/reconciler.h"
#include "controllers/restore/decide.h"

namespace holdfast::controllers::restore {

struct FollowWorld {
  crds::Restore restore;
  TimePoint now{};
  bool policy = false;                  // whether the BackupPolicy exists here
  std::vector<crds::Backup> backups;    // of it, in any order
  std::vector<crds::Restore> children;  // live, without those that are being deleted
  std::string leaving;                  // one of these
  std::optional<StatefulSetView> set;   // live
  std::string earlier;                  // another Restore that follows into the same target
  // BackupRepositories of the namespace whose Backups are to be imported: one that is being
  // searched, and one that cannot be (at a promotion: and has not been since). Empty for none.
  std::string searched;
  std::string unsearchable;
};

// Carried out in the order of the members.
struct FollowPlan {
  std::vector<crds::Restore> remove;
  std::optional<crds::Restore> create;
  std::optional<std::int64_t> scale;  // of the StatefulSet
  crds::RestoreStatus status;
  std::vector<Announcement> events;
  Requeue requeue;
};

FollowPlan DecideFollow(const FollowWorld& world);

// Whether a Restore with mode Follow made it: then it stops no pod.
bool IsOfFollower(const crds::Restore& restore);

}  // namespace holdfast::controllers::restore
