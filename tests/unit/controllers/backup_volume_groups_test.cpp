// The volumes of a StatefulSet cut at once: when, how, what becomes of it, and what it costs.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "controllers/backup/observe.h"
#include "controllers/backup/staged_objects.h"
#include "controllers/backup/staging.h"
#include "controllers/backup/volume_groups.h"
#include "controllers/reasons.h"
#include "tests/builders/context.h"
#include "tests/builders/grouped_run.h"

namespace holdfast::controllers::backup {
namespace {

using crds::BackupPhase;
using crds::RunState;
using std::chrono::hours;
using ::testing::Contains;
using ::testing::Each;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::Not;

class VolumeGroupsTest : public GroupedRunTest {
 protected:
  void AddClaim(const std::string& name, std::map<std::string, std::string> labels) {
    ClaimView& claim = world_.storage.claims.emplace_back();
    claim.key = {"shop", name};
    claim.labels = std::move(labels);
  }
  // Why the volumes are not cut at once.
  std::string WhyEachByItself() {
    World world = world_;
    const auto status = Decide(world, Settings{}).status;
    for (const crds::VolumeBackup& volume : status.volumes) {
      EXPECT_EQ(volume.volume_group_snapshot, "");
      EXPECT_EQ(volume.volume_snapshot, "run-" + volume.claim);
      EXPECT_EQ(volume.volume_snapshot_class, "snap");
    }
    const std::string& reason = status.volumes.front().copy_reason;
    const std::string words = "cut by itself, because ";
    EXPECT_TRUE(reason.starts_with(words)) << reason;
    return reason.substr(std::min(reason.size(), words.size()));
  }
};

TEST_F(VolumeGroupsTest, CutsAllAtOnceAndRemovesTheGroupWhenAllIsRead) {
  Plan plan = Look();
  EXPECT_THAT(Did(), IsEmpty());
  EXPECT_EQ(plan.requeue, RequeueAt(world_.now)) << "what will be made is written down first";
  for (const char* claim : {"data-db-0", "data-db-1"}) {
    EXPECT_EQ(Volume(claim).volume_group_snapshot, "run-db");
    EXPECT_EQ(Volume(claim).volume_snapshot, "");
    EXPECT_EQ(Volume(claim).volume_snapshot_class, "group");
    EXPECT_EQ(Volume(claim).copy_reason,
              "cut at once with 1 more by VolumeGroupSnapshotClass group");
  }
  EXPECT_TRUE(HasStaged(Status()));
  Look();
  EXPECT_THAT(Did(), ElementsAre("cut group run-db"));
  EXPECT_EQ(Status().phase, BackupPhase::kRunning);
  EXPECT_EQ(Ready().reason, reason::kStaging);
  EXPECT_EQ(Volume("data-db-1").message, "VolumeGroupSnapshot run-db is being made");
  plan = Look();
  EXPECT_THAT(Did(), IsEmpty());
  EXPECT_EQ(Volume("data-db-1").message, "VolumeGroupSnapshot run-db is being taken");
  EXPECT_EQ(plan.requeue, RequeueAt(world_.now + kStagingPeriod));

  GroupIsReady();
  Look();
  EXPECT_EQ(Volume("data-db-0").volume_snapshot, "snapshot-of-data-db-0");
  EXPECT_EQ(Volume("data-db-0").cut_time, At("2026-06-01T02:00:30Z"));
  EXPECT_EQ(Volume("data-db-1").cut_time, At("2026-06-01T02:00:30Z"));
  Look();
  EXPECT_THAT(Did(), ElementsAre("copy data-db-0", "copy data-db-1"));
  Runs("data-db-0");
  Runs("data-db-1");
  Look();
  IsCopied("data-db-0");
  Look();
  Look();
  EXPECT_THAT(Did(), ElementsAre("remove run-data-db-0"));
  Look();
  EXPECT_THAT(Did(), IsEmpty()) << "the other is still read";
  IsCopied("data-db-1");
  Look();
  EXPECT_EQ(Status().phase, BackupPhase::kSucceeded);
  Look();
  EXPECT_THAT(Did(), ElementsAre("remove run-data-db-1"));
  Look();
  EXPECT_THAT(Did(), ElementsAre("uncut group run-db")) << "once";
  world_.groups.clear();
  Look();
  EXPECT_TRUE(HasStaged(Status())) << "its members may be left";
  MembersAreGone();
  plan = Look();
  EXPECT_FALSE(HasStaged(Status()));
  EXPECT_EQ(plan.requeue, AwaitChange());
}

TEST_F(VolumeGroupsTest, HooksHoldAllPodsUntilTheCut) {
  Freezes();
  ASSERT_NO_FATAL_FAILURE(FreezeBoth());
  EXPECT_THAT(Did(), ElementsAre("cut group run-db"));
  Look();
  EXPECT_THAT(Did(), IsEmpty());
  GroupIsCut();
  Look();
  EXPECT_THAT(Did(), ElementsAre("unlock db-0", "unlock db-1")) << "cut, ready or not";
}

TEST_F(VolumeGroupsTest, AutoTellsBothChoices) {
  policy_.spec.copy_method = CopyMethod::kAuto;
  Look();
  EXPECT_EQ(Volume("data-db-0").copy_reason,
            "Snapshot, because driver csi.example has VolumeSnapshotClass snap; cut at once with 1 "
            "more by VolumeGroupSnapshotClass group");
}

TEST_F(VolumeGroupsTest, TakesTheNamedClassElseTheDefaultElseTheOnlyOne) {
  const auto chosen = [this] {
    const auto status = Decide(world_, Settings{}).status;
    return status.volumes[0].volume_group_snapshot.empty()
               ? ""
               : status.volumes[0].volume_snapshot_class;
  };
  EXPECT_EQ(chosen(), "group");
  world_.storage.group_classes->push_back({"best", "csi.example", true});
  EXPECT_EQ(chosen(), "best");
  policy_.spec.volume_group_snapshot_class = "group";
  EXPECT_EQ(chosen(), "group");
  world_.storage.group_classes.reset();
  EXPECT_EQ(chosen(), "group") << "what is named is trusted where nothing can be read";
  policy_.spec.volume_group_snapshot_class.clear();
  EXPECT_EQ(WhyEachByItself(), "VolumeGroupSnapshotClasses cannot be read");
}

TEST_F(VolumeGroupsTest, WithoutAClassEachIsCutByItself) {
  world_.storage.group_classes = {VolumeSnapshotClassView{"other", "csi.other"}};
  EXPECT_EQ(WhyEachByItself(),
            "driver csi.example of PersistentVolumeClaim data-db-0 has no "
            "VolumeGroupSnapshotClass");
  world_.storage.group_classes = {VolumeSnapshotClassView{"a", "csi.example"},
                                  VolumeSnapshotClassView{"b", "csi.example"}};
  EXPECT_EQ(WhyEachByItself(),
            "driver csi.example has several VolumeGroupSnapshotClasses (a, b), and not one of them "
            "is the default");
  world_.storage.group_classes = {VolumeSnapshotClassView{"a", "csi.example", false, true}};
  EXPECT_THAT(WhyEachByItself(), HasSubstr("VolumeGroupSnapshotClass a has deletionPolicy Retain"));
  world_.storage.groups_served = false;
  EXPECT_EQ(WhyEachByItself(),
            "the cluster serves no VolumeGroupSnapshots (groupsnapshot.storage.k8s.io)");
}

TEST_F(VolumeGroupsTest, ClaimsThatLabelsCannotTellAreCutByThemselves) {
  AddClaim("data-db-2", {{"app", "db"}, {"pod", "data-db-2"}});
  EXPECT_EQ(WhyEachByItself(),
            "what their claims have in common (app=db) selects PersistentVolumeClaim data-db-2 too")
      << "left by a replica that is gone, mostly";
  TellClaims();
  AddClaim("other", {{"app", "shop"}});
  EXPECT_EQ(Decide(world_, Settings{}).status.volumes[0].volume_group_snapshot, "run-db");
  world_.volumes[1].source.labels = {{"app", "another"}};
  EXPECT_EQ(WhyEachByItself(), "the claims have no label in common");
}

TEST_F(VolumeGroupsTest, VolumesThatADriverCannotCutTogetherAreCutByThemselves) {
  world_.volumes[1].source.bound = false;
  EXPECT_EQ(WhyEachByItself(), "PersistentVolumeClaim data-db-1 is not bound to a volume");
  world_.volumes[1].source.bound = true;
  world_.volumes[1].source.provisioner = "csi.second";
  world_.volumes[1].source.storage_class = "second";
  world_.storage.storage_classes->push_back({"second", "csi.second"});
  world_.storage.snapshot_classes->push_back({"snap", "csi.second"});
  EXPECT_EQ(WhyEachByItself(), "the volumes are of several drivers (csi.example and csi.second)");
}

TEST_F(VolumeGroupsTest, OneVolumeAloneNeedsNoGroupAndNoWord) {
  world_.volumes.pop_back();
  world_.backup.status.volumes.pop_back();
  const auto status = Decide(world_, Settings{}).status;
  EXPECT_EQ(status.volumes[0].volume_group_snapshot, "");
  EXPECT_EQ(status.volumes[0].copy_reason, "");
}

TEST_F(VolumeGroupsTest, WhatThePolicyNamesHasToBeThere) {
  policy_.spec.volume_group_snapshot_class = "mine";
  Look();
  EXPECT_TRUE(crds::IsTrue(Status().conditions, crds::kStalled));
  EXPECT_EQ(Ready().reason, reason::kNoSnapshotClass);
  EXPECT_EQ(Ready().message,
            "there is no VolumeGroupSnapshotClass mine; create it, or correct "
            "spec.volumeGroupSnapshotClass of the policy, and this goes on by itself");
  world_.storage.group_classes = {VolumeSnapshotClassView{"mine", "csi.other"}};
  Look();
  EXPECT_THAT(Ready().message, HasSubstr("is of driver csi.other"));
  world_.storage.groups_served = false;
  Look();
  EXPECT_EQ(Ready().reason, reason::kSnapshotsNotServed);
  EXPECT_EQ(Volume("data-db-0").copy_method, std::nullopt);
  world_.storage.groups_served = true;
  world_.storage.group_classes = {VolumeSnapshotClassView{"mine", "csi.example"}};
  Look();
  Look();
  EXPECT_THAT(Did(), ElementsAre("cut group run-db"));
}

TEST_F(VolumeGroupsTest, EachStatefulSetIsAGroup) {
  StatefulSetView second = StatefulSetOf(2);
  second.key.name = "logs";
  world_.stateful_sets.push_back(&second);
  policy_.spec.target.stateful_set.clear();
  policy_.spec.target.selector.emplace().match_labels = {{"part", "of-it"}};
  world_.backup.status = {};
  world_.volumes.clear();
  Look();
  for (VolumeWorld& seen : world_.volumes) {
    seen.source.labels = {{"app", seen.claim.find("logs") == seen.claim.npos ? "db" : "logs"}};
    seen.source.bound = true;
  }
  TellClaims();
  Look();
  Look();
  EXPECT_THAT(Did(), ElementsAre("cut group run-db", "cut group run-logs"));
  EXPECT_EQ(SelectorOf(world_, "run-logs"), (std::map<std::string, std::string>{{"app", "logs"}}));
}

// csi-snapshotter says so of each member where the driver cannot list snapshots.
TEST_F(VolumeGroupsTest, AMemberThatClaimsToBeReadyBeforeItsGroupIsNotRead) {
  ASSERT_NO_FATAL_FAILURE(CutGroup());
  GroupIsReady();
  world_.groups[0].ready = false;
  Look();
  Look();
  EXPECT_THAT(Did(), IsEmpty());
  EXPECT_EQ(Volume("data-db-0").message,
            "VolumeGroupSnapshot run-db is taken and being made ready");
}

TEST_F(VolumeGroupsTest, AClaimThatTheGroupDoesNotHaveFailsInTheEnd) {
  ASSERT_NO_FATAL_FAILURE(CutGroup());
  GroupIsReady();
  Seen("data-db-1").snapshot.reset();
  Look();
  EXPECT_EQ(Volume("data-db-1").message,
            "VolumeGroupSnapshot run-db is not ready: it has no VolumeSnapshot of this claim");
  Look();
  EXPECT_THAT(Did(), ElementsAre("copy data-db-0"));
  world_.now += hours(1);
  Look();
  EXPECT_EQ(Volume("data-db-1").state, RunState::kFailed);
}

TEST_F(VolumeGroupsTest, WhatCannotBeMadeAnyMoreSaysWhyAndEnds) {
  Look();
  world_.groups_version.clear();
  Look();
  EXPECT_THAT(Did(), IsEmpty());
  EXPECT_EQ(Volume("data-db-0").message,
            "VolumeGroupSnapshot run-db is being made: the cluster serves no VolumeGroupSnapshots");
  world_.groups_version = "v1";
  world_.storage.claims[0].labels.clear();
  Look();
  EXPECT_THAT(Volume("data-db-0").message,
              HasSubstr("its claims have no label in common any more"));
  TellClaims();
  Look();
  EXPECT_THAT(Did(), ElementsAre("cut group run-db"));
}

TEST_F(VolumeGroupsTest, TheObjectSaysWhoseItIsAndWhatItSelects) {
  Look();
  world_.groups_version = "v1beta1";
  const Json group = BuildVolumeGroupSnapshot(world_, "run-db");
  EXPECT_EQ(group["apiVersion"], "groupsnapshot.storage.k8s.io/v1beta1");
  EXPECT_EQ(group["metadata"]["name"], "run-db");
  EXPECT_EQ(group["metadata"]["ownerReferences"][0]["uid"], "uid-run");
  EXPECT_EQ(group["metadata"]["labels"]["holdfast.dev/backup"], "run");
  EXPECT_FALSE(group["metadata"]["labels"].contains("holdfast.dev/claim"));
  EXPECT_EQ(group["spec"], (Json{{"volumeGroupSnapshotClassName", "group"},
                                 {"source", {{"selector", {{"matchLabels", {{"app", "db"}}}}}}}}));
}

TEST_F(VolumeGroupsTest, StagedClaimsAreMadeOfTheMembers) {
  ASSERT_NO_FATAL_FAILURE(CutGroup());
  GroupIsReady();
  Look();
  const Json claim = BuildStagedClaim(world_, Volume("data-db-1"), Seen("data-db-1"), "uid-of-job");
  EXPECT_EQ(claim["spec"]["dataSourceRef"]["name"], "snapshot-of-data-db-1");
  EXPECT_EQ(claim["metadata"]["name"], "run-data-db-1");
}

TEST_F(VolumeGroupsTest, MembersAreToldByTheirOwnerAndClaim) {
  ASSERT_NO_FATAL_FAILURE(CutGroup());
  const auto taken = DecodeTakenSnapshot(Json::parse(R"({
    "metadata": {"name": "snapshot-1", "namespace": "shop", "ownerReferences": [
      {"kind": "VolumeGroupSnapshot", "name": "run-db", "uid": "uid-of-group"}]},
    "spec": {"source": {"persistentVolumeClaimName": "data-db-1"}},
    "status": {"readyToUse": true}})"));
  ASSERT_TRUE(taken) << taken.error().message;
  EXPECT_TRUE(taken->snapshot.ready);
  EXPECT_TRUE(IsMemberFor(world_, *taken, Volume("data-db-1")));
  EXPECT_FALSE(IsMemberFor(world_, *taken, Volume("data-db-0")));
  world_.groups[0].uid = "uid-of-another";
  EXPECT_FALSE(IsMemberFor(world_, *taken, Volume("data-db-1"))) << "of one that was there before";
  world_.groups.clear();
  EXPECT_TRUE(IsMemberFor(world_, *taken, Volume("data-db-1"))) << "it outlives its group";
}

// --- What is asked of the API server ---

class VolumeGroupsCostTest : public ContextTest {
 protected:
  VolumeGroupsCostTest() {
    caches_.Add(PolicyNamed("nightly").Build());
    caches_.Add(RepositoryNamed("offsite").WithSlots(4).Build());
    caches_.Add(StatefulSetOf(2));
    server_.AnswerAll([this](const kube::Request& request) { return Answer(request.path); });
  }
  World Look(const crds::Backup& backup) {
    ProgressBook book;
    const auto observed = Observe(context_, book, backup, {});
    if (!observed) throw std::runtime_error(observed.error().message);
    return observed->world;
  }
  static crds::Backup Grouped() {
    crds::Backup backup = BackupNamed("run")
                              .Volume("data-db-0")
                              .Volume("data-db-1")
                              .Started("2026-06-01T11:00:00Z")
                              .Build();
    for (crds::VolumeBackup& volume : backup.status.volumes) {
      volume.copy_method = CopyMethod::kSnapshot;
      volume.volume_group_snapshot = "run-db";
    }
    return backup;
  }
  Result<kube::Response> Answer(const std::string& path) const {
    const auto list = [](const std::string& items) {
      return kube::Response{
          200, R"({"metadata": {"resourceVersion": "7"}, "items": )" + items + "}", {}};
    };
    if (path.starts_with("/apis/groupsnapshot.storage.k8s.io") && !served_)
      return kube::Response{404, R"({"kind": "Status", "code": 404, "reason": "NotFound"})", {}};
    if (path == "/apis/groupsnapshot.storage.k8s.io")
      return kube::Response{200, R"({"preferredVersion": {"version": ")" + version_ + "\"}}", {}};
    if (path.ends_with("/volumegroupsnapshotclasses"))
      return list(R"([{"metadata": {"name": "g"}, "driver": "csi.example"}])");
    if (path.ends_with("/volumegroupsnapshots"))
      return list(R"([{"metadata": {"name": "run-db", "uid": "g", "ownerReferences": [
          {"controller": true, "kind": "Backup", "name": "run", "uid": "uid-run"}]}}])");
    if (path.ends_with("/volumesnapshotclasses"))
      return list(R"([{"metadata": {"name": "s"}, "driver": "csi.example"}])");
    if (path.ends_with("/volumesnapshots"))
      return list(R"([{"metadata": {"name": "m", "ownerReferences": [
          {"kind": "VolumeGroupSnapshot", "name": "run-db", "uid": "g"}]},
          "spec": {"source": {"persistentVolumeClaimName": "data-db-1"}}}])");
    if (path.ends_with("/persistentvolumeclaims"))
      return list(R"([{"metadata": {"name": "data-db-0", "labels": {"app": "db"}}},
                      {"metadata": {"name": "data-db-1", "labels": {"app": "db"}}}])");
    return list("[]");
  }

  bool served_ = true;
  std::string version_ = "v1beta1";
};

TEST_F(VolumeGroupsCostTest, TheVersionIsThatWhichTheClusterServes) {
  const World world = Look(BackupNamed("run").Volume("data-db-0").Volume("data-db-1").Build());
  EXPECT_TRUE(world.storage.groups_served);
  EXPECT_EQ(world.storage.group_classes->at(0).name, "g");
  EXPECT_EQ(world.volumes[1].source.labels.at("app"), "db");
  EXPECT_EQ(world.storage.claims.size(), 2u);
  EXPECT_THAT(Asked(), Contains(HasSubstr("/v1beta1/volumegroupsnapshotclasses")));
}

TEST_F(VolumeGroupsCostTest, OneVolumeAsksNothingAboutGroups) {
  EXPECT_FALSE(Look(BackupNamed("run").Volume("data-db-0").Build()).storage.groups_served);
  EXPECT_THAT(Asked(), Each(Not(HasSubstr("groupsnapshot"))));
}

TEST_F(VolumeGroupsCostTest, ClustersWithoutThemAndThoseOfAlphaServeNone) {
  const auto backup = BackupNamed("run").Volume("data-db-0").Volume("data-db-1").Build();
  version_ = "v1alpha1";
  EXPECT_FALSE(Look(backup).storage.groups_served);
  served_ = false;
  EXPECT_FALSE(Look(backup).storage.groups_served);
  EXPECT_THAT(Asked(), Each(Not(HasSubstr("volumegroupsnapshotclasses"))));
}

TEST_F(VolumeGroupsCostTest, GroupsAndTheirMembersAreFoundAgain) {
  const World world = Look(Grouped());
  ASSERT_EQ(world.groups.size(), 1u);
  EXPECT_EQ(world.groups_version, "v1beta1");
  EXPECT_FALSE(world.volumes[0].snapshot);
  ASSERT_TRUE(world.volumes[1].snapshot);
  EXPECT_EQ(world.volumes[1].snapshot->key.name, "m");
  EXPECT_EQ(SelectorOf(world, "run-db"), (std::map<std::string, std::string>{{"app", "db"}}));
}

TEST_F(VolumeGroupsCostTest, WhenTheApiIsGoneNothingOfItIsLeft) {
  served_ = false;
  const World world = Look(Grouped());
  EXPECT_THAT(world.groups, IsEmpty());
  EXPECT_EQ(world.groups_version, "");
}

}  // namespace
}  // namespace holdfast::controllers::backup
