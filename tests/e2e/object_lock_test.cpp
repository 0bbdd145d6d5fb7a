// A repository under S3 Object Lock outlives somebody who has the store's keys.
#include "base/clock.h"
#include "tests/e2e/cluster.h"
#include "tests/e2e/fixture.h"

namespace holdfast::e2e {
namespace {

using std::chrono::hours;
using std::chrono::seconds;

class ObjectLockTest : public EndToEnd {
 protected:
  // A bucket of its own, the example's repository in it, and the app with a policy.
  void SetUp() override {
    EndToEnd::SetUp();
    bucket_ = kubectl_.ns();
    const Output made = Cluster({"s3", "mb", bucket_, "--object-lock"});
    ASSERT_TRUE(made.ok()) << made.text;
    MakeSecrets();
    kubectl_.Apply(Repository());
    kubectl_.Apply(StatefulSetYaml(1));
    kubectl_.Apply(Replaced(PolicyYaml(), "offsite", "locked"));
    kubectl_.Must({"rollout", "status", "statefulset/app", "--timeout=120s"});
    kubectl_.Shell("app-0", "cd /data && dd if=/dev/urandom of=big bs=1M count=8 2>/dev/null");
    ASSERT_TRUE(WaitForReason("bkr", "locked", "Ready", "True", "", seconds(120)));
  }

  // The example, in the test's store, pruned every minute.
  std::string Repository() const {
    std::string yaml = Example("repository-object-lock.yaml");
    yaml = Replaced(yaml, "https://s3.eu-central-1.amazonaws.com", store_.endpoint);
    yaml = Replaced(yaml, "my-locked-backups", bucket_);
    yaml = Replaced(yaml, "    prefix: shop\n",
                    "    prefix: shop\n    caBundle: {configMap: store-ca, key: ca.crt}\n");
    yaml = Replaced(yaml, "offsite-store", "store");
    yaml = Replaced(yaml, "offsite-password", "repository-password");
    return Replaced(yaml, "\"H 4 * * *\"", "\"* * * * *\"");
  }
  TimePoint LockedUntil() const {
    const std::string text = FindString(kubectl_.Get("bkr", "locked"), {"status", "lockedUntil"});
    return ParseTime(text).value_or(TimePoint{});
  }
  std::string PruneMessage() const {
    return FindString(kubectl_.Get("bkr", "locked"), {"status", "lastPrune", "message"});
  }
  // Whoever has the store's keys, with a program that has nothing to do with Holdfast.
  Output Intruder(std::vector<std::string> words) const {
    const std::string host = store_.endpoint.substr(std::string("https://").size());
    std::vector<std::string> line = {"s3cmd",
                                     "--config=/dev/null",
                                     "--access_key=" + store_.access_key,
                                     "--secret_key=" + store_.secret_key,
                                     "--host=" + host,
                                     "--host-bucket=" + host,
                                     "--ca-certs=" + store_.ca_file};
    line.insert(line.end(), words.begin(), words.end());
    return RunProgram(line);
  }
  Output Mover(std::vector<std::string> words) const {
    std::vector<std::string> line = {"env", "AWS_ACCESS_KEY_ID=" + store_.access_key,
                                     "AWS_SECRET_ACCESS_KEY=" + store_.secret_key,
                                     "RESTIC_PASSWORD=correct horse battery staple",
                                     "build/bin/holdfast-mover"};
    line.insert(line.end(), words.begin(), words.end());
    line.push_back("--ca-file=" + store_.ca_file);
    line.push_back("--repo=s3:" + store_.endpoint + "/" + bucket_ + "/shop");
    return RunProgram(line);
  }
  std::string Objects() const { return Intruder({"ls", "--recursive", "s3://" + bucket_}).text; }

  std::string bucket_;
};

// As docs/guide/object-lock.md says.
TEST_F(ObjectLockTest, WhatAnIntruderDestroysComesBack) {
  const SystemClock clock;
  EXPECT_GT(LockedUntil(), clock.Now() + hours(29 * 24)) << "the probe tells";
  ASSERT_TRUE(BackedUp("first"));
  const std::string before = DataDigest("app-0");
  // Of a version that was replaced, this server tells when that was, and not when it was written;
  // so the time is one before the first.
  const TimePoint since = clock.Now() - hours(1);

  const Output deleted = Intruder({"del", "--recursive", "--force", "s3://" + bucket_ + "/shop/"});
  ASSERT_TRUE(deleted.ok()) << deleted.text;
  EXPECT_EQ(Objects().find("/shop/data/"), std::string::npos) << Objects();
  EXPECT_EQ(Objects().find("/shop/config"), std::string::npos) << Objects();
  const Output evil = Intruder({"put", "README.md", "s3://" + bucket_ + "/shop/config"});
  ASSERT_TRUE(evil.ok()) << evil.text;
  EXPECT_FALSE(Mover({"snapshots"}).ok()) << "nothing is left";

  const std::string when = "--since=" + FormatTime(since);
  const Output dry = Mover({"undelete", when, "--dry-run"});
  ASSERT_TRUE(dry.ok()) << dry.text;
  EXPECT_NE(dry.text.find("config was replaced"), std::string::npos) << dry.text;
  EXPECT_FALSE(Mover({"snapshots"}).ok()) << "a dry run";
  const Output undone = Mover({"undelete", when});
  ASSERT_TRUE(undone.ok()) << undone.text;
  const Output check = Mover({"check", "--read-data"});
  EXPECT_TRUE(check.ok()) << check.text;

  ASSERT_TRUE(WaitForReason("bkr", "locked", "Ready", "True", "", seconds(120)));
  kubectl_.Shell("app-0", "rm -r /data/*");
  kubectl_.Apply(
      "apiVersion: holdfast.dev/v1alpha1\nkind: Restore\nmetadata: {name: back}\n"
      "spec: {source: {policy: app}, target: {statefulSet: app}}\n");
  ASSERT_TRUE(Restored("back"));
  kubectl_.Must({"rollout", "status", "statefulset/app", "--timeout=120s"});
  EXPECT_EQ(DataDigest("app-0"), before);
}

TEST_F(ObjectLockTest, PruneHoldsOnWhatIsInUseAndLeavesWhatIsHeld) {
  const SystemClock clock;
  ASSERT_TRUE(BackedUp("first"));
  kubectl_.Shell("app-0", "cd /data && dd if=/dev/urandom of=big bs=1M count=8 2>/dev/null");
  ASSERT_TRUE(BackedUp("second"));
  kubectl_.Must(
      {"patch", "bk", "first", "--type=merge", "-p", R"({"spec":{"deletionPolicy":"Delete"}})"});
  kubectl_.Must({"delete", "bk", "first", "--timeout=60s"});
  ASSERT_TRUE(WaitUntil("a prune says what the store holds", seconds(180), [&] {
    return PruneMessage().find("the store holds 8.0 MiB that nobody needs until ") !=
           std::string::npos;
  })) << PruneMessage();
  EXPECT_LT(LockedUntil(), clock.Now() + hours(31 * 24)) << "nothing is due";

  // With a longer period less than half of it is left.
  kubectl_.Must({"patch", "bkr", "locked", "--type=merge", "-p",
                 R"({"spec":{"s3":{"objectLock":{"period":"90d"}}}})"});
  ASSERT_TRUE(WaitUntil("a prune holds on what is in use", seconds(180), [&] {
    return PruneMessage().find("objects are held until ") != std::string::npos;
  })) << PruneMessage();
  EXPECT_GT(LockedUntil(), clock.Now() + hours(89 * 24));
  const Output check = Mover({"check", "--read-data"});
  EXPECT_TRUE(check.ok()) << check.text;
}

}  // namespace
}  // namespace holdfast::e2e
