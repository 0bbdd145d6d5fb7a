// Standbys that follow: in another namespace, into a claim, with everything killed on the way; and
// their promotion.
#include <iostream>
#include <set>
#include <thread>

#include "tests/e2e/follow_scene.h"
#include "tests/e2e/outages.h"

namespace holdfast::e2e {
namespace {

using std::chrono::seconds;

using FollowTest = FollowScene;

TEST_F(FollowTest, AStandbyInAnotherNamespaceReadsAndWritesWhatChangedAndIsPromoted) {
  ASSERT_NO_FATAL_FAILURE(MakeProtectedApp(2, 24));
  ASSERT_TRUE(BackedUp("first"));
  const Kubectl source = kubectl_;
  const Kubectl standby = MakeStandbyElsewhere();
  kubectl_ = standby;
  ASSERT_TRUE(AwaitHolds(standby, "standby", "first"));
  EXPECT_GT(Sum(standby, "standby", "bytesWritten"), 24 * kMiB);
  EXPECT_EQ(FindString(standby.Condition("rst", "standby", "Ready"), {"status"}), "True");
  EXPECT_EQ(FindString(standby.Get("rst", "standby"), {"status", "phase"}), "Following");

  std::string content;
  for (const char* backup : {"second", "third"}) {
    // Who waits for news is killed on the way.
    standby.Must({"delete", "pod", "-l", "holdfast.dev/verb=import", "--now", "--wait=false"});
    kubectl_ = source;
    kubectl_.Shell("app-0", std::string("echo ") + backup + " > /data/empty; rm -rf '/data/a dir'");
    content = DataDigest("app-0") + DataDigest("app-1");
    ASSERT_TRUE(BackedUp(backup));
    ASSERT_TRUE(AwaitHolds(standby, "standby", backup));
    const auto read = Sum(standby, "standby", "bytesRead");
    const auto written = Sum(standby, "standby", "bytesWritten");
    std::cout << backup << ": of " << Sum(standby, "standby", "bytes") << " bytes, " << read
              << " were fetched and " << written << " written" << std::endl;
    EXPECT_LT(read, kMiB);
    EXPECT_LT(written, kMiB);
  }

  // Nothing is to be waited for here but time: two looks at the repository.
  const auto version = [&] {
    return FindString(standby.Get("rst", "standby"), {"metadata", "resourceVersion"});
  };
  const std::string before = version();
  std::this_thread::sleep_for(seconds(20));
  EXPECT_EQ(version(), before) << "nothing is written while nothing happens";
  EXPECT_EQ(FindInt(Follow(standby, "standby"), {"restored"}), 3);

  // A Backup that the source forgets goes here too.
  source.Must(
      {"patch", "bk", "first", "--type=merge", "-p", R"({"spec":{"deletionPolicy":"Delete"}})"});
  source.Must({"delete", "bk", "first", "--wait=false"});
  EXPECT_TRUE(WaitUntil("the imported Backup is gone", seconds(120),
                        [&] { return standby.Get("bk", "first").is_null(); }));

  Promote(standby, "standby");
  ASSERT_TRUE(AwaitPromoted(standby, "standby"));
  kubectl_ = standby;
  kubectl_.Must({"rollout", "status", "statefulset/app", "--timeout=120s"});
  EXPECT_EQ(DataDigest("app-0") + DataDigest("app-1"), content);

  // From here on nothing is written, whatever happens at the source and to the field.
  kubectl_ = source;
  ASSERT_TRUE(BackedUp("fourth"));
  standby.Must({"patch", "rst", "standby", "--type=merge", "-p", R"({"spec":{"promote":false}})"});
  EXPECT_TRUE(WaitUntil("it says that it follows no more", seconds(60), [&] {
    return FindString(standby.Condition("rst", "standby", "Ready"), {"message"})
               .find("spec.promote was taken back") != std::string::npos;
  }));
  EXPECT_EQ(FindString(Follow(standby, "standby"), {"backup"}), "third");
  EXPECT_TRUE(WaitUntil("nobody waits at the repository any more", seconds(60), [&] {
    return standby
        .Must({"get", "pods", "-l", "holdfast.dev/verb=import",
               "--field-selector=status.phase=Running", "-o", "name"})
        .empty();
  }));
  if (HasFailure()) kubectl_ = standby;  // what is told is told of it
  standby.Run({"delete", "namespace", standby.ns(), "--wait=false"});
}

TEST_F(FollowTest, AClaimFollowsAnotherAsItChanges) {
  ASSERT_NO_FATAL_FAILURE(MakeProtectedApp(1, 4));
  std::string policy =
      Replaced(Example("policy-continuous.yaml"), "quietPeriod: 10s", "quietPeriod: 2s");
  kubectl_.Apply(Replaced(policy, "maxInterval: 5m", "maxInterval: 1m"));
  kubectl_.Apply(Example("sync-claims.yaml"));
  const auto in_sync = [this] {
    return WaitUntil("the copy holds the last change", seconds(240), [this] {
      const Json status = kubectl_.Get("bkp", "app")["status"];
      const std::string good = FindString(status, {"lastSuccess", "backup"});
      return !good.empty() && Find(status, {"continuous", "unsavedSince"}) == nullptr &&
             FindString(status, {"running"}).empty() &&
             FindString(Follow(kubectl_, "sync"), {"backup"}) == good;
    });
  };
  ASSERT_TRUE(in_sync());
  const std::string first = FindString(Follow(kubectl_, "sync"), {"backup"});
  const auto begun = std::chrono::steady_clock::now();
  kubectl_.Shell("app-0", "echo a row > /data/row");
  ASSERT_TRUE(WaitUntil("the row is in the copy", seconds(240),
                        [&] { return FindString(Follow(kubectl_, "sync"), {"backup"}) != first; }));
  ASSERT_TRUE(in_sync());
  const std::chrono::duration<double> took = std::chrono::steady_clock::now() - begun;
  std::cout << "a row was in the copy " << took.count() << " s after it was written, of which 2 s "
            << "are the quiet period" << std::endl;
  EXPECT_LT(Sum(kubectl_, "sync", "bytesWritten"), kMiB);

  // A pod that uses the copy is waited for, and named.
  MakePod("user", "data-copy");
  EXPECT_EQ(kubectl_.Shell("user", "cat /data/row"), "a row\n");
  kubectl_.Shell("app-0", "echo another > /data/row");
  EXPECT_TRUE(WaitForReason("rst", "sync", "Ready", "False", "ClaimInUse", seconds(120)));
  EXPECT_NE(ConditionMessage("rst", "sync", "Ready").find("Pod user"), std::string::npos);
  kubectl_.Must({"delete", "pod", "user", "--now"});
  ASSERT_TRUE(in_sync());
  Promote(kubectl_, "sync");
  EXPECT_TRUE(AwaitPromoted(kubectl_, "sync"));
}

TEST_F(FollowTest, WhoeverIsKilledItComesToTheSameEnd) {
  ASSERT_NO_FATAL_FAILURE(MakeProtectedApp(1, 24, "{downloadPerSecond: 4Mi}"));
  kubectl_.Apply(CopyYaml(1));
  kubectl_.Must({"rollout", "status", "statefulset/copy", "--timeout=120s"});
  ASSERT_TRUE(BackedUp("first"));
  kubectl_.Apply(FollowYaml("{statefulSet: copy}"));
  ASSERT_TRUE(WaitForReason("rst", "standby", "Ready", "False", "StandbyRuns", seconds(60)));
  EXPECT_EQ(FindInt(kubectl_.Get("sts", "copy"), {"spec", "replicas"}), 1) << "not by us";
  kubectl_.Must({"scale", "statefulset/copy", "--replicas=0"});

  ASSERT_NE(AwaitWriting(), "");
  ASSERT_NO_FATAL_FAILURE(KillOperator());
  ASSERT_TRUE(AwaitHolds(kubectl_, "standby", "first"));
  WaitForOperator();

  kubectl_.Shell("app-0", "dd if=/dev/urandom of=/data/big bs=1M count=24 2>/dev/null");
  ASSERT_TRUE(BackedUp("second"));
  const std::string child = AwaitWriting();
  kubectl_.Must({"delete", "pod", RunningMover(child), "--now"});
  ASSERT_TRUE(AwaitHolds(kubectl_, "standby", "second"));

  // At the very moment at which a child is made, and at which it ends.
  kubectl_.Shell("app-0", "echo third > /data/empty");
  ASSERT_TRUE(BackedUp("third"));
  ASSERT_TRUE(WaitUntil("a child is made", seconds(60), [&] {
    return !FindString(Follow(kubectl_, "standby"), {"restoring"}).empty() ||
           FindString(Follow(kubectl_, "standby"), {"backup"}) == "third";
  }));
  ASSERT_NO_FATAL_FAILURE(KillOperator());
  ASSERT_TRUE(AwaitHolds(kubectl_, "standby", "third"));
  WaitForOperator();

  const std::string content = DataDigest("app-0");
  Promote(kubectl_, "standby");
  ASSERT_NO_FATAL_FAILURE(KillOperator());
  ASSERT_TRUE(AwaitPromoted(kubectl_, "standby"));
  WaitForOperator();
  kubectl_.Must({"rollout", "status", "statefulset/copy", "--timeout=120s"});
  EXPECT_EQ(FindInt(kubectl_.Get("sts", "copy"), {"spec", "replicas"}), 1);
  EXPECT_EQ(DataDigest("copy-0"), content);

  std::set<std::string> backups;
  const Json children = Children();
  for (const Json& each : children) {
    EXPECT_EQ(FindString(each, {"status", "phase"}), "Succeeded") << each;
    EXPECT_TRUE(backups.insert(FindString(each, {"spec", "source", "backup"})).second)
        << "one backup, one child: " << each;
  }
  EXPECT_EQ(backups.size(), 3u);
  EXPECT_EQ(FindInt(Follow(kubectl_, "standby"), {"restored"}), 3);
}

// The store is away when it is needed most.
TEST_F(FollowTest, AStandbyThatIsWholeStartsWithoutTheStore) {
  ASSERT_NO_FATAL_FAILURE(MakeProtectedApp(1, 2));
  kubectl_.Apply(CopyYaml(0));
  ASSERT_TRUE(BackedUp("first"));
  kubectl_.Apply(FollowYaml("{statefulSet: copy}"));
  ASSERT_TRUE(AwaitHolds(kubectl_, "standby", "first"));
  const std::string content = DataDigest("app-0");
  const StoreAway away;
  Promote(kubectl_, "standby");
  ASSERT_TRUE(AwaitPromoted(kubectl_, "standby"));
  kubectl_.Must({"rollout", "status", "statefulset/copy", "--timeout=120s"});
  EXPECT_EQ(DataDigest("copy-0"), content);
}

}  // namespace
}  // namespace holdfast::e2e
