#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "controllers/backup/copy_method.h"
#include "controllers/reasons.h"

namespace holdfast::controllers::backup {
namespace {

using crds::CopyMethod;

// A claim of driver csi.example, which has one VolumeSnapshotClass and can be snapshotted.
class CopyMethodTest : public ::testing::Test {
 protected:
  CopyMethodTest() {
    claim_.key = {"shop", "data-db-0"};
    claim_.storage_class = "fast";
    claim_.provisioner = "csi.example";
    storage_.snapshots_served = true;
    storage_.snapshot_classes = {{"snap", "csi.example"}, {"other", "csi.other", true}};
    storage_.storage_classes = {{"fast", "csi.example"},
                                {"slow", "csi.example"},
                                {"kept", "csi.example", true},
                                {"elsewhere", "csi.other"}};
    storage_.csi_drivers = std::vector<std::string>{"csi.example", "csi.other"};
  }
  tl::expected<Choice, Finding> Chosen(CopyMethod method) {
    spec_.copy_method = method;
    return ChooseCopyMethod(spec_, claim_, storage_);
  }
  // For what cannot be had: the reason and the sentence.
  void ExpectRefused(CopyMethod method, const std::string& reason, const std::string& message) {
    const auto chosen = Chosen(method);
    ASSERT_FALSE(chosen) << NameOf(chosen->method);
    EXPECT_EQ(chosen.error().reason, reason);
    EXPECT_EQ(chosen.error().message, message);
  }
  void ExpectAuto(CopyMethod method, const std::string& reason) {
    const auto chosen = Chosen(CopyMethod::kAuto);
    ASSERT_TRUE(chosen) << chosen.error().message;
    EXPECT_EQ(chosen->method, method);
    EXPECT_EQ(chosen->reason, reason);
  }

  crds::BackupPolicySpec spec_;
  ClaimView claim_;
  StorageView storage_;
};

TEST_F(CopyMethodTest, DirectAsksNothingOfTheStorage) {
  storage_ = {};
  EXPECT_EQ(Chosen(CopyMethod::kDirect), Choice{});
}

TEST_F(CopyMethodTest, SnapshotTakesTheOnlyClassOfTheDriver) {
  EXPECT_EQ(Chosen(CopyMethod::kSnapshot), (Choice{CopyMethod::kSnapshot, "snap", ""}));
}

TEST_F(CopyMethodTest, SnapshotTakesTheDefaultOfSeveral) {
  storage_.snapshot_classes->push_back({"best", "csi.example", true});
  EXPECT_EQ(Chosen(CopyMethod::kSnapshot)->snapshot_class, "best");
}

TEST_F(CopyMethodTest, SnapshotTakesTheNamedOne) {
  storage_.snapshot_classes->push_back({"best", "csi.example", true});
  spec_.volume_snapshot_class = "snap";
  EXPECT_EQ(Chosen(CopyMethod::kSnapshot)->snapshot_class, "snap");
}

TEST_F(CopyMethodTest, WithoutTheApiItSaysWhatToInstall) {
  storage_.snapshots_served = false;
  storage_.snapshot_classes.reset();
  ExpectRefused(CopyMethod::kSnapshot, reason::kSnapshotsNotServed,
                "the cluster serves no VolumeSnapshots (snapshot.storage.k8s.io/v1); install the "
                "snapshot CRDs and the snapshot controller, or write copyMethod Direct, and this "
                "goes on by itself");
  ExpectAuto(CopyMethod::kDirect,
             "Direct, because the cluster serves no VolumeSnapshots (snapshot.storage.k8s.io/v1)");
}

TEST_F(CopyMethodTest, WithoutAClassItSaysWhatToCreate) {
  storage_.snapshot_classes = {{"other", "csi.other", true}};
  ExpectRefused(CopyMethod::kSnapshot, reason::kNoSnapshotClass,
                "driver csi.example of PersistentVolumeClaim data-db-0 has no "
                "VolumeSnapshotClass; create one if it can take snapshots, or write copyMethod "
                "Direct, and this goes on by itself");
  ExpectAuto(CopyMethod::kDirect,
             "Direct, because driver csi.example of PersistentVolumeClaim data-db-0 has no "
             "VolumeSnapshotClass");
}

TEST_F(CopyMethodTest, SeveralClassesWithoutADefaultAreNotGuessedBetween) {
  storage_.snapshot_classes->push_back({"second", "csi.example"});
  ExpectRefused(CopyMethod::kSnapshot, reason::kNoSnapshotClass,
                "driver csi.example has several VolumeSnapshotClasses (snap, second), and not one "
                "of them is the default; name one in spec.volumeSnapshotClass of the policy, and "
                "this goes on by itself");
}

TEST_F(CopyMethodTest, ANamedClassThatIsMissingIsToldForAutoToo) {
  spec_.volume_snapshot_class = "snpa";
  const std::string message =
      "there is no VolumeSnapshotClass snpa; create it, or correct spec.volumeSnapshotClass of the "
      "policy, and this goes on by itself";
  ExpectRefused(CopyMethod::kSnapshot, reason::kNoSnapshotClass, message);
  ExpectRefused(CopyMethod::kAuto, reason::kNoSnapshotClass, message);
}

TEST_F(CopyMethodTest, ANamedClassOfAnotherDriverIsNotTaken) {
  spec_.volume_snapshot_class = "other";
  ExpectRefused(CopyMethod::kSnapshot, reason::kNoSnapshotClass,
                "VolumeSnapshotClass other is of driver csi.other, and PersistentVolumeClaim "
                "data-db-0 of csi.example; name one of that driver in spec.volumeSnapshotClass of "
                "the policy, and this goes on by itself");
  ExpectAuto(CopyMethod::kDirect,
             "Direct, because VolumeSnapshotClass other is of driver csi.other, and "
             "PersistentVolumeClaim data-db-0 of csi.example");
}

TEST_F(CopyMethodTest, WhatWouldLeaveSnapshotsBehindIsRefused) {
  storage_.snapshot_classes = {{"snap", "csi.example", true, true}};
  ExpectRefused(CopyMethod::kSnapshot, reason::kNoSnapshotClass,
                "VolumeSnapshotClass snap has deletionPolicy Retain, so that every backup would "
                "leave a snapshot in the storage; name one with deletionPolicy Delete in "
                "spec.volumeSnapshotClass of the policy, and this goes on by itself");
}

TEST_F(CopyMethodTest, WhatWouldLeaveVolumesBehindIsRefused) {
  claim_.storage_class = "kept";
  const std::string message =
      "StorageClass kept has reclaimPolicy Retain, so that the volume of every staged claim would "
      "be left behind; name one with reclaimPolicy Delete in spec.staging.storageClass of the "
      "policy, and this goes on by itself";
  ExpectRefused(CopyMethod::kSnapshot, reason::kNoStagingClass, message);
  ExpectRefused(CopyMethod::kClone, reason::kNoStagingClass, message);
  spec_.staging.storage_class = "slow";
  EXPECT_EQ(Chosen(CopyMethod::kSnapshot)->method, CopyMethod::kSnapshot);
}

TEST_F(CopyMethodTest, StagingNeedsAClassOfTheSameDriver) {
  spec_.staging.storage_class = "elsewhere";
  ExpectRefused(CopyMethod::kClone, reason::kNoStagingClass,
                "StorageClass elsewhere is of driver csi.other, and PersistentVolumeClaim "
                "data-db-0 of csi.example; name one of its driver in spec.staging.storageClass of "
                "the policy, and this goes on by itself");
  spec_.staging.storage_class = "gone";
  ExpectRefused(CopyMethod::kSnapshot, reason::kNoStagingClass,
                "there is no StorageClass gone; create it, or name one of its driver in "
                "spec.staging.storageClass of the policy, and this goes on by itself");
  spec_.staging.storage_class.clear();
  claim_.storage_class.clear();
  ExpectRefused(CopyMethod::kSnapshot, reason::kNoStagingClass,
                "PersistentVolumeClaim data-db-0 has no StorageClass to make a staged claim of; "
                "name one of its driver in spec.staging.storageClass of the policy, and this goes "
                "on by itself");
}

TEST_F(CopyMethodTest, AMigratedPluginIsItsDriver) {
  storage_.storage_classes = {StorageClassView{"fast", "kubernetes.io/example"}};
  EXPECT_EQ(Chosen(CopyMethod::kSnapshot)->snapshot_class, "snap");
}

TEST_F(CopyMethodTest, AutoSaysWhichAndWhy) {
  ExpectAuto(CopyMethod::kSnapshot,
             "Snapshot, because driver csi.example has VolumeSnapshotClass snap");
}

TEST_F(CopyMethodTest, AutoNeverClones) {
  storage_.snapshot_classes->clear();
  EXPECT_EQ(Chosen(CopyMethod::kAuto)->method, CopyMethod::kDirect);
}

// A provisioner that does not know dataSource hands out an empty volume: a backup of nothing.
TEST_F(CopyMethodTest, CloneIsForCsiDriversOnly) {
  EXPECT_EQ(Chosen(CopyMethod::kClone), (Choice{CopyMethod::kClone, "", ""}));
  storage_.csi_drivers = std::vector<std::string>{"csi.other"};
  ExpectRefused(CopyMethod::kClone, reason::kCannotClone,
                "csi.example of PersistentVolumeClaim data-db-0 is no CSI driver (there is no "
                "CSIDriver of that name), and only these can clone; write another copyMethod, and "
                "this goes on by itself");
}

TEST_F(CopyMethodTest, AnOperatorOfSingleNamespacesTakesWhatIsNamed) {
  storage_ = {};
  storage_.snapshots_served = true;
  EXPECT_EQ(Chosen(CopyMethod::kSnapshot), (Choice{CopyMethod::kSnapshot, "", ""}))
      << "the cluster's default";
  ExpectAuto(CopyMethod::kDirect,
             "Direct, because VolumeSnapshotClasses cannot be read; name one in "
             "spec.volumeSnapshotClass, or have the chart's readStorage set");
  ExpectRefused(CopyMethod::kClone, reason::kCannotClone,
                "whether driver csi.example is a CSI driver cannot be read; have the chart's "
                "readStorage set, or write another copyMethod, and this goes on by itself");
  spec_.volume_snapshot_class = "snap";
  EXPECT_EQ(Chosen(CopyMethod::kSnapshot)->snapshot_class, "snap");
  ExpectAuto(CopyMethod::kSnapshot, "Snapshot, because spec.volumeSnapshotClass names a class");
}

}  // namespace
}  // namespace holdfast::controllers::backup
