// How a repository is kept in order: retention, deletion, prune and check on schedule, and the
// shrink guard. What is in the store is asked of stock restic.
#include <algorithm>

#include "tests/e2e/fixture.h"

namespace holdfast::e2e {
namespace {

using std::chrono::seconds;

class RetentionTest : public EndToEnd {
 protected:
  std::string SnapshotOf(const std::string& backup) const {
    return FindString(kubectl_.Get("bk", backup)["status"]["volumes"][0], {"snapshot"});
  }
  bool IsGone(const std::string& backup, seconds limit) {
    return WaitUntil("Backup " + backup + " is gone", limit,
                     [&] { return kubectl_.Get("bk", backup).is_null(); });
  }

  // The ids of all snapshots, sorted.
  std::vector<std::string> Snapshots() const {
    const Output output = Restic({"snapshots", "--json", "--no-lock"});
    EXPECT_TRUE(output.ok()) << output.text;
    std::vector<std::string> ids;
    for (const Json& snapshot : ParseJson(output.text).value_or(Json::array()))
      ids.push_back(FindString(snapshot, {"id"}));
    std::sort(ids.begin(), ids.end());
    return ids;
  }
};

TEST_F(RetentionTest, WhatNoRuleKeepsGoesAndItsSpaceIsFreedOnSchedule) {
  ASSERT_NO_FATAL_FAILURE(MakeProtectedApp(1, 8));
  kubectl_.Apply(PolicyYaml("  retention: {keepLast: 1, keepWithin: 1s}\n"));
  ASSERT_TRUE(BackedUp("first"));
  ASSERT_TRUE(BackedUp("pinned", ", pinned: true"));
  kubectl_.Shell("app-0", "dd if=/dev/urandom of=/data/big bs=1M count=2 2>/dev/null");
  ASSERT_TRUE(BackedUp("second"));
  ASSERT_TRUE(IsGone("first", seconds(120)));
  std::vector<std::string> kept = {SnapshotOf("pinned"), SnapshotOf("second")};
  std::sort(kept.begin(), kept.end());
  EXPECT_EQ(Snapshots(), kept) << "objects and snapshots go together";

  kubectl_.Must({"patch", "bk", "pinned", "--type=merge", "-p", R"({"spec":{"pinned":false}})"});
  ASSERT_TRUE(IsGone("pinned", seconds(120)));
  kubectl_.Must({"patch", "bkr", "offsite", "--type=merge", "-p",
                 R"({"spec":{"prune":{"schedule":"* * * * *","maxUnused":"0%"},
                             "check":{"schedule":"* * * * *","readData":"100%"}}})"});
  const auto run_succeeded = [&](const char* which) {
    const Json repository = kubectl_.Get("bkr", "offsite");
    return FindString(repository, {"status", which, "state"}) == "Succeeded";
  };
  WaitUntil("the repository was pruned and checked", seconds(240),
            [&] { return run_succeeded("lastPrune") && run_succeeded("lastCheck"); });
  kubectl_.Must(
      {"patch", "bkr", "offsite", "--type=merge", "-p", R"({"spec":{"prune":null,"check":null}})"});
  const Json status = kubectl_.Get("bkr", "offsite")["status"];
  EXPECT_EQ(FindInt(status, {"snapshots"}), 1);
  EXPECT_LT(FindInt(status, {"storedBytes"}), 4 << 20) << "the 8 MiB of the first are gone";
  EXPECT_EQ(FindString(kubectl_.Condition("bkr", "offsite", "Healthy"), {"status"}), "True");
  const Output check = Restic({"check", "--read-data", "--no-lock"});
  EXPECT_TRUE(check.ok()) << check.text;
}

TEST_F(RetentionTest, ADeletedBackupTakesItsSnapshotsAlongOnlyIfItSaysSo) {
  ASSERT_NO_FATAL_FAILURE(MakeProtectedApp(1, 1));
  ASSERT_TRUE(BackedUp("stays"));
  ASSERT_TRUE(BackedUp("goes", ", deletionPolicy: Delete"));
  const std::string stays = SnapshotOf("stays");
  kubectl_.Must({"delete", "bk", "stays", "goes", "--wait=false"});
  ASSERT_TRUE(IsGone("stays", seconds(60)));
  ASSERT_TRUE(IsGone("goes", seconds(180)));
  EXPECT_EQ(Snapshots(), std::vector<std::string>({stays}));
}

TEST_F(RetentionTest, AVolumeThatLostItsDataDoesNotReplaceGoodHistory) {
  ASSERT_NO_FATAL_FAILURE(MakeProtectedApp(1, 4));
  kubectl_.Apply(PolicyYaml("  retention: {keepLast: 1}\n  failurePolicy: {shrinkGuard: 50%}\n"));
  ASSERT_TRUE(BackedUp("full"));
  kubectl_.Shell("app-0", "rm /data/big /data/hardlink");
  kubectl_.Apply(BackupYaml("empty"));
  WaitUntil("the run counts as failed", seconds(120), [&] {
    return FindString(kubectl_.Get("bk", "empty"), {"status", "phase"}) == "Failed";
  });
  EXPECT_NE(ConditionMessage("bk", "empty", "Ready").find("shrinkGuard"), std::string::npos);
  EXPECT_FALSE(SnapshotOf("empty").empty()) << "it can still be restored by its id";
  EXPECT_EQ(FindString(kubectl_.Get("bkp", "app"), {"status", "lastSuccess", "backup"}), "full");
  EXPECT_FALSE(kubectl_.Get("bk", "full").is_null());
}

}  // namespace
}  // namespace holdfast::e2e
