// VolumeGroupSnapshots as the real controllers make them: volumes of one moment although nothing
// holds the writer, and nothing left behind whatever goes wrong.
#include "tests/e2e/copied_app.h"

namespace holdfast::e2e {
namespace {

using std::chrono::seconds;

constexpr const char* kGrouped = "  copyMethod: Snapshot\n  volumeGroupSnapshotClass: csi-group\n";

class VolumeGroupsTest : public CopiedApp {
 protected:
  void TearDown() override {
    MakeDefault(false);
    CopiedApp::TearDown();
  }
  // This test has the cluster to itself.
  void MakeDefault(bool is_default) const {
    kubectl_.Must({"annotate", "--overwrite", "volumegroupsnapshotclass", "csi-group",
                   std::string("groupsnapshot.storage.kubernetes.io/is-default-class=") +
                       (is_default ? "true" : "false")});
  }
  // What a volume's counter says in a Backup.
  int Counted(const std::string& backup, std::size_t i) const {
    const Json volume = Volume(backup, i);
    return std::stoi(
        Dumped(FindString(volume, {"snapshot"}), "/" + FindString(volume, {"claim"}) + "/count"));
  }
  bool AwaitGroup(const std::string& name) const {
    return WaitUntil("VolumeGroupSnapshot " + name + " is being made", seconds(60), [&] {
      return !FindString(kubectl_.Get("volumegroupsnapshot", name),
                         {"status", "boundVolumeGroupSnapshotContentName"})
                  .empty();
    });
  }
};

// The writer, which nothing holds, writes each number into data and then into log, thousands a
// second. Of two moments the later one would be far ahead.
TEST_F(VolumeGroupsTest, VolumesThatNothingHoldsAreOfOneMoment) {
  ASSERT_NO_FATAL_FAILURE(MakeApp());
  kubectl_.Apply(Example("policy-volume-group.yaml") + "  suspend: true\n");
  for (const char* name : {"first", "second", "third"}) {
    BackUp(name);
    ASSERT_TRUE(WaitForPhase("bk", name, "Succeeded", seconds(90)));
    const int ahead = Counted(name, 0) - Counted(name, 1);
    EXPECT_TRUE(ahead == 0 || ahead == 1) << name << ": data is ahead of log by " << ahead;
    EXPECT_EQ(FindString(Volume(name, 0), {"cutTime"}), FindString(Volume(name, 1), {"cutTime"}));
    EXPECT_EQ(FindString(Volume(name, 1), {"copyReason"}),
              "cut at once with 1 more by VolumeGroupSnapshotClass csi-group");
    EXPECT_EQ(FindString(Volume(name, 1), {"volumeSnapshotClass"}), "csi-group");
  }
  EXPECT_EQ(FindString(Volume("third", 0), {"parent"}),
            FindString(Volume("second", 0), {"snapshot"}));
  ExpectNothingLeft("good runs");
  EXPECT_TRUE(WaitUntil("the status names none that is gone", seconds(60), [this] {
    return FindString(Volume("third", 0), {"volumeGroupSnapshot"}).empty();
  }));
}

TEST_F(VolumeGroupsTest, HooksHoldUntilTheGroupIsCut) {
  ASSERT_NO_FATAL_FAILURE(MakeApp(kSlow));
  Policy(std::string(kHooks) + kGrouped);
  BackUp("held");
  ASSERT_TRUE(AwaitReading("held"));
  const Json held = Status("held")["hooks"];
  const int frozen = std::stoi(FindString(held["runs"][0], {"stdout"}));
  EXPECT_NE(FindString(held, {"thawedTime"}), "") << "held until the cut, not until all is read";
  EXPECT_GT(Count(), frozen) << "and it writes while its data is read";
  ASSERT_TRUE(WaitForPhase("bk", "held", "Succeeded", seconds(90)));
  EXPECT_EQ(Counted("held", 0), frozen);
  EXPECT_EQ(Counted("held", 1), frozen);
  ExpectNothingLeft("a run with hooks");
}

TEST_F(VolumeGroupsTest, AreTakenUnaskedWhereTheyCanBeAndElseItIsToldWhyNot) {
  ASSERT_NO_FATAL_FAILURE(MakeApp());
  Policy("");
  BackUp("undecided");
  ASSERT_TRUE(WaitForPhase("bk", "undecided", "Succeeded", seconds(90)));
  const std::string snapshot =
      "Snapshot, because driver csi.test.holdfast.dev has VolumeSnapshotClass csi; ";
  EXPECT_EQ(FindString(Volume("undecided", 0), {"copyReason"}),
            snapshot +
                "cut by itself, because driver csi.test.holdfast.dev has several "
                "VolumeGroupSnapshotClasses (csi-group, csi-group-full, "
                "csi-group-never-ready), and not one of them is the default");
  MakeDefault(true);
  BackUp("default");
  ASSERT_TRUE(WaitForPhase("bk", "default", "Succeeded", seconds(90)));
  EXPECT_EQ(FindString(Volume("default", 0), {"copyReason"}),
            snapshot + "cut at once with 1 more by VolumeGroupSnapshotClass csi-group");

  kubectl_.Apply(R"(apiVersion: v1
kind: PersistentVolumeClaim
metadata: {name: left-app-0, labels: {app: app}}
spec: {storageClassName: csi, accessModes: [ReadWriteOnce], resources: {requests: {storage: 16Mi}}}
)");
  BackUp("more");
  ASSERT_TRUE(WaitForPhase("bk", "more", "Succeeded", seconds(90)));
  EXPECT_EQ(FindString(Volume("more", 1), {"copyReason"}),
            snapshot +
                "cut by itself, because what their claims have in common (app=app) selects "
                "PersistentVolumeClaim left-app-0 too");
  ExpectNothingLeft("groups and single snapshots");
}

TEST_F(VolumeGroupsTest, FailuresSayWhyAndLeaveNothing) {
  ASSERT_NO_FATAL_FAILURE(MakeApp());
  BackUpBy("missing", "  volumeGroupSnapshotClass: missing\n");
  ASSERT_TRUE(WaitForReason("bk", "missing", "Stalled", "True", "NoSnapshotClass", seconds(60)));
  EXPECT_NE(ConditionMessage("bk", "missing", "Stalled")
                .find("there is no VolumeGroupSnapshotClass missing"),
            std::string::npos)
      << ConditionMessage("bk", "missing", "Stalled");
  const std::pair<std::string, std::string> failing[] = {
      {"csi-group-never-ready", "was not ready within 6s (spec.staging.deadline"},
      {"csi-group-full", "the pool is full"}};
  for (const auto& [name, words] : failing)
    BackUpBy(name,
             "  copyMethod: Snapshot\n  staging: {deadline: 6s}\n  volumeGroupSnapshotClass: " +
                 name + "\n");
  for (const auto& [name, words] : failing) {
    ASSERT_TRUE(WaitForPhase("bk", name, "Failed", seconds(60)));
    for (const std::size_t i : {0, 1})
      EXPECT_NE(FindString(Volume(name, i), {"message"}).find(words), std::string::npos)
          << Volume(name, i);
  }
  ExpectNothingLeft("failures");
}

TEST_F(VolumeGroupsTest, WhatIsInterruptedLeavesNothing) {
  ASSERT_NO_FATAL_FAILURE(MakeApp(kSlow));
  Policy(std::string(kHooks) + kGrouped);
  BackUp("killed");
  ASSERT_TRUE(AwaitReading("killed"));
  ASSERT_NO_FATAL_FAILURE(KillOperator());
  ASSERT_TRUE(WaitForPhase("bk", "killed", "Succeeded", seconds(120)));
  ExpectNothingLeft("a killed operator");
  WaitForOperator();

  kubectl_.Shell("app-0", "dd if=/dev/urandom of=/data/big bs=1M count=16 2>/dev/null && sync");
  BackUp("deleted");
  ASSERT_TRUE(AwaitReading("deleted"));
  kubectl_.Must({"delete", "bk", "deleted"});
  ExpectNothingLeft("a deleted Backup");

  Policy("  copyMethod: Snapshot\n  volumeGroupSnapshotClass: csi-group-never-ready\n");
  BackUp("early");
  ASSERT_TRUE(AwaitGroup("early-app"));
  ASSERT_NO_FATAL_FAILURE(KillOperator());
  WaitForOperator();
  kubectl_.Must({"delete", "bk", "early"});
  ExpectNothingLeft("one that was deleted while it waited");
}

}  // namespace
}  // namespace holdfast::e2e
