// What becomes of what a run has cut, told alike of a VolumeSnapshot and of a VolumeGroupSnapshot.
#include <type_traits>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "controllers/backup/staging.h"
#include "tests/builders/grouped_run.h"

namespace holdfast::controllers::backup {
namespace {

using crds::BackupPhase;
using std::chrono::hours;
using ::testing::Each;
using ::testing::HasSubstr;
using ::testing::IsEmpty;

struct OneVolume : StagedRunTest {
  static constexpr const char* kName = "VolumeSnapshot run-data-db-0";
  static constexpr const char* kRemoval = "uncut run-data-db-0";

  static VolumeSnapshotView& Cut(World& world) { return *world.volumes[0].snapshot; }
  void Cut() { CutOne(); }
  void IsTaken() { IsCut("data-db-0"); }
  void Vanishes() { IsRemoved("data-db-0"); }
};

struct Group : GroupedRunTest {
  static constexpr const char* kName = "VolumeGroupSnapshot run-db";
  static constexpr const char* kRemoval = "uncut group run-db";

  static VolumeSnapshotView& Cut(World& world) { return world.groups[0]; }
  void Cut() { CutGroup(); }
  void IsTaken() { GroupIsCut(); }
  void Vanishes() {
    world_.groups.clear();
    MembersAreGone();
  }
};

template <typename What>
class BackupCutsTest : public What {
 protected:
  static std::vector<std::string> Messages(const crds::BackupStatus& status) {
    std::vector<std::string> messages;
    for (const crds::VolumeBackup& volume : status.volumes) messages.push_back(volume.message);
    return messages;
  }
};

struct WhatIsCut {
  template <typename What>
  static std::string GetName(int) {
    return std::is_same_v<What, Group> ? "Group" : "OneVolume";
  }
};
using Cuts = ::testing::Types<OneVolume, Group>;
TYPED_TEST_SUITE(BackupCutsTest, Cuts, WhatIsCut);

TYPED_TEST(BackupCutsTest, OneThatIsNeverReadyFailsWithTheStoragesOwnWordsAndGoes) {
  const std::string name = TypeParam::kName;
  ASSERT_NO_FATAL_FAILURE(this->Cut());
  EXPECT_TRUE(AwaitsSnapshot(this->Status(), this->Volume("data-db-0")))
      << "it takes no place in the queue";
  TypeParam::Cut(this->world_).error = "rpc error: pool is full";
  this->Look();
  EXPECT_THAT(this->Messages(this->Status()),
              Each(name + " is not ready: rpc error: pool is full"));
  EXPECT_THAT(this->Ready().message,
              HasSubstr("data-db-0: " + name + " is not ready: rpc error: pool is full"));
  this->world_.now += hours(1);
  this->Look();
  EXPECT_EQ(this->Status().phase, BackupPhase::kFailed);
  EXPECT_THAT(this->Messages(this->Status()),
              Each(name + " was not ready within 1h (spec.staging.deadline of the policy): rpc "
                          "error: pool is full"));
  this->Look();
  EXPECT_THAT(this->Did(), ElementsAre(TypeParam::kRemoval));
}

TYPED_TEST(BackupCutsTest, OneThatIsDeletedByOthersOrNotOursCostsTheVolumes) {
  ASSERT_NO_FATAL_FAILURE(this->Cut());
  World deleted = this->world_;
  TypeParam::Cut(deleted).deleting = true;
  EXPECT_THAT(this->Messages(Decide(deleted, Settings{}).status),
              Each(HasSubstr("was deleted before its data was read")));
  World foreign = this->world_;
  TypeParam::Cut(foreign).owner.uid = "uid-of-another";
  const Plan plan = Decide(foreign, Settings{});
  EXPECT_THAT(this->Messages(plan.status), Each(HasSubstr("is not of this Backup")));
  foreign.backup.status = plan.status;
  const Plan after = Decide(foreign, Settings{});
  EXPECT_THAT(after.uncut, IsEmpty()) << "and it is left alone";
  EXPECT_THAT(after.uncut_groups, IsEmpty()) << "and it is left alone";
  EXPECT_FALSE(HasStaged(after.status));
  this->IsTaken();
  this->Look();
  this->Vanishes();
  this->Look();
  EXPECT_THAT(this->Messages(this->Status()),
              Each(HasSubstr("is gone, and its data was not read")));
}

TYPED_TEST(BackupCutsTest, ARunWithoutItsPolicyEndsAndCleansUp) {
  ASSERT_NO_FATAL_FAILURE(this->Cut());
  this->world_.policy = nullptr;
  this->Look();
  EXPECT_EQ(this->Status().phase, BackupPhase::kFailed);
  this->Look();
  EXPECT_THAT(this->Did(), ElementsAre(TypeParam::kRemoval));
}

}  // namespace
}  // namespace holdfast::controllers::backup
