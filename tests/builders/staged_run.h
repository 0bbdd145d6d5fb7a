// A run that reads from VolumeSnapshots, clones or VolumeGroupSnapshots, for tests that tell it as
// a story: what Decide plans is stored and made, as the controller would; then the storage does
// something, and it decides again.
#pragma once

#include <algorithm>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "controllers/backup/staging.h"
#include "tests/builders/backup_run.h"

namespace holdfast::controllers::backup {

using namespace builders;  // NOLINT(google-build-using-namespace): they are the test's language
using crds::CopyMethod;
using ::testing::ElementsAre;

class StagedRunTest : public BackupRunTest {
 protected:
  StagedRunTest() {
    policy_.spec.copy_method = CopyMethod::kSnapshot;
    world_.allowed.hooks = true;
    world_.storage.snapshots_served = true;
    world_.storage.snapshot_classes = {VolumeSnapshotClassView{"snap", "csi.example"}};
    world_.storage.storage_classes = {StorageClassView{"fast", "csi.example"}};
    world_.storage.csi_drivers = std::vector<std::string>{"csi.example"};
  }

  // One look: what is planned becomes the truth.
  Plan Look() {
    world_.now += std::chrono::seconds(1);
    Plan plan = Decide(world_, Settings{});
    for (const std::string& claim : plan.cut) {
      EXPECT_EQ(Volume(claim).volume_snapshot, "run-" + claim) << "the debt is stored first";
      Seen(claim).snapshot = MadeOf(claim);
      did_.push_back("cut " + claim);
    }
    world_.backup.status = plan.status;
    for (const std::size_t i : plan.hooks.start) {
      world_.hook_news.running.insert(i);
      did_.push_back(NameOf(i));
    }
    for (const hooks::Outcome& outcome : plan.hooks.stored)
      std::erase_if(world_.hook_news.ended, [&](const auto& o) { return o.run == outcome.run; });
    for (const std::string& claim : plan.start) StartMover(claim);
    for (const std::string& group : plan.cut_groups) MakeGroup(group);
    for (const std::string& claim : plan.claims) did_.push_back("claim " + claim);
    for (const JobView& job : plan.stop) {
      did_.push_back("remove " + job.key.name);
      RemoveMover(job.key.name);
    }
    for (const VolumeSnapshotView& snapshot : plan.uncut) {
      did_.push_back("uncut " + snapshot.key.name);
      for (VolumeWorld& seen : world_.volumes)
        if (seen.snapshot && seen.snapshot->key == snapshot.key) seen.snapshot->deleting = true;
    }
    for (const VolumeSnapshotView& group : plan.uncut_groups) {
      did_.push_back("uncut group " + group.key.name);
      for (VolumeSnapshotView& made : world_.groups)
        if (made.key == group.key) made.deleting = true;
    }
    if (world_.volumes.empty())
      for (const auto& volume : plan.status.volumes) AddVolume(volume.claim);
    return plan;
  }

  void AddVolume(const std::string& claim) {
    VolumeWorld& seen = world_.volumes.emplace_back();
    seen.claim = claim;
    seen.node = "node-a";
    seen.source.key = {"shop", claim};
    seen.source.storage_class = "fast";
    seen.source.provisioner = "csi.example";
    seen.source.capacity = "10Gi";
  }
  void MakeGroup(const std::string& name) {
    EXPECT_TRUE(std::ranges::any_of(Status().volumes, [&](const auto& volume) {
      return volume.volume_group_snapshot == name;
    })) << "the debt is stored first";
    did_.push_back("cut group " + name);
    VolumeSnapshotView& group = world_.groups.emplace_back();
    group.key = {"shop", name};
    group.uid = "uid-of-group";
    group.owner = {"Backup", "run", "uid-run"};
    group.created = world_.now;
  }
  VolumeSnapshotView MadeOf(const std::string& claim) {
    VolumeSnapshotView snapshot;
    snapshot.key = {"shop", "run-" + claim};
    snapshot.owner = {"Backup", "run", "uid-run"};
    snapshot.created = world_.now;
    return snapshot;
  }
  void StartMover(const std::string& claim) {
    did_.push_back("copy " + claim);
    VolumeWorld& seen = Seen(claim);
    seen.job.emplace().key = {"shop", "run-" + claim};
    seen.job->created = world_.now;
    seen.mover.phase = MoverPhase::kWaiting;
    if (!IsStaged(Volume(claim))) return;
    seen.staged.emplace().key = seen.job->key;
    seen.staged->created = world_.now;
  }
  void RemoveMover(const std::string& name) {
    for (VolumeWorld& seen : world_.volumes)
      if (seen.job && seen.job->key.name == name) {
        seen.job.reset();
        seen.staged.reset();
      }
  }

  // The storage.
  void IsCut(const std::string& claim) { Seen(claim).snapshot->cut = At("2026-06-01T02:00:30Z"); }
  void IsReady(const std::string& claim) {
    IsCut(claim);
    Seen(claim).snapshot->ready = true;
  }
  void IsRemoved(const std::string& claim) { Seen(claim).snapshot.reset(); }

  void Runs(const std::string& claim) {
    Seen(claim).staged->bound = true;
    Seen(claim).mover.phase = MoverPhase::kRunning;
  }
  void IsCopied(const std::string& claim) {
    protocol::MoverResult result;
    result.snapshot = std::string(64, 'a');
    Seen(claim).mover.phase = MoverPhase::kSucceeded;
    Seen(claim).mover.result = result;
    Seen(claim).job->complete = true;
  }
  void Ends(const std::string& name, int exit_code) {
    for (const std::size_t i : std::set(world_.hook_news.running)) {
      if (NameOf(i) != name) continue;
      world_.hook_news.running.erase(i);
      world_.hook_news.ended.push_back({i, "app", "c1", exit_code, "", "", world_.now});
      return;
    }
    ADD_FAILURE() << name << " does not run";
  }

  void Freezes() {
    crds::Hook lock;
    lock.command = {"lock"};
    policy_.spec.hooks.pre = {lock};
    lock.command = {"unlock"};
    policy_.spec.hooks.post = {lock};
  }
  // Both pods, one after the other; what follows upon it is planned.
  void FreezeBoth() {
    Look();
    Look();
    ASSERT_THAT(Did(), ElementsAre("lock db-0", "lock db-1"));
    Ends("lock db-0", 0);
    Look();
    EXPECT_THAT(Did(), ElementsAre()) << "nothing is cut before all pods are frozen";
    Ends("lock db-1", 0);
    Look();
  }
  std::string NameOf(std::size_t i) const {
    const crds::HookRun& run = Status().hooks.runs[i];
    return hooks::HookOf(Status().hooks, run).command[0] + " " + run.pod;
  }
  VolumeWorld& Seen(const std::string& claim) {
    return *std::ranges::find(world_.volumes, claim, &VolumeWorld::claim);
  }
  const crds::BackupStatus& Status() const { return world_.backup.status; }
  const crds::VolumeBackup& Volume(const std::string& claim) const {
    return *std::ranges::find(Status().volumes, claim, &crds::VolumeBackup::claim);
  }
  const crds::Condition& Ready() const {
    return *crds::FindCondition(Status().conditions, crds::kReady);
  }
  std::vector<std::string> Did() { return std::exchange(did_, {}); }

  // One volume, and its VolumeSnapshot is being taken.
  void CutOne() {
    stateful_set_ = StatefulSetOf(1);
    Look();
    Look();
    Look();
    ASSERT_THAT(Did(), ElementsAre("cut data-db-0"));
  }
  // It is ready, and its mover is made.
  void CopyOne() {
    ASSERT_NO_FATAL_FAILURE(CutOne());
    IsReady("data-db-0");
    Look();
    Look();
    ASSERT_THAT(Did(), ElementsAre("copy data-db-0"));
  }
  // And its mover reads.
  void ReadOne() {
    ASSERT_NO_FATAL_FAILURE(CopyOne());
    Runs("data-db-0");
    Look();
  }

  std::vector<std::string> did_;
};

}  // namespace holdfast::controllers::backup
