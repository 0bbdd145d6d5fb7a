// A run whose two volumes are cut at once by a VolumeGroupSnapshot, for tests that tell it as a
// story (staged_run.h).
#pragma once

#include "tests/builders/staged_run.h"

namespace holdfast::controllers::backup {

// db-0 and db-1, whose claims carry the label that their StatefulSet puts on them; the volumes are
// known, and nothing is chosen yet.
class GroupedRunTest : public StagedRunTest {
 protected:
  GroupedRunTest() {
    world_.storage.groups_served = true;
    world_.storage.group_classes = {VolumeSnapshotClassView{"group", "csi.example"}};
    world_.groups_version = "v1";
    Look();
    for (VolumeWorld& seen : world_.volumes) {
      seen.source.labels = {{"app", "db"}, {"pod", seen.claim}};
      seen.source.bound = true;
    }
    TellClaims();
  }
  void TellClaims() {
    world_.storage.claims.clear();
    for (const VolumeWorld& seen : world_.volumes) world_.storage.claims.push_back(seen.source);
  }

  // Chosen, written down and made.
  void CutGroup() {
    Look();
    Look();
    ASSERT_THAT(Did(), ElementsAre("cut group run-db"));
  }
  // By the storage: then its members are there.
  void GroupIsCut() {
    world_.groups.at(0).cut = At("2026-06-01T02:00:30Z");
    for (VolumeWorld& seen : world_.volumes) {
      VolumeSnapshotView& member = seen.snapshot.emplace();
      member.key = {"shop", "snapshot-of-" + seen.claim};
      member.created = world_.now;
    }
  }
  void GroupIsReady() {
    GroupIsCut();
    world_.groups.at(0).ready = true;
    for (VolumeWorld& seen : world_.volumes) seen.snapshot->ready = true;
  }
  void MembersAreGone() {
    for (VolumeWorld& seen : world_.volumes) seen.snapshot.reset();
  }
};

}  // namespace holdfast::controllers::backup
