// Continuous protection: a change becomes a backup by itself, once; nothing becomes none.
#include <algorithm>
#include <chrono>
#include <iostream>
#include <thread>

#include "tests/e2e/fixture.h"

namespace holdfast::e2e {
namespace {

using std::chrono::seconds;

class ContinuousTest : public EndToEnd {
 protected:
  // The example, with less patience. `storage_class` empty: the cluster's default.
  void MakeApp(const std::string& storage_class = "") {
    MakeSecrets();
    std::string app = StatefulSetYaml(1);
    if (!storage_class.empty())
      Replace(app, "requests: {storage: 1Gi}}",
              "requests: {storage: 64Mi}}, storageClassName: " + storage_class);
    kubectl_.Apply(app);
    kubectl_.Apply(RepositoryYaml());
    kubectl_.Must({"rollout", "status", "statefulset/app", "--timeout=120s"});
    kubectl_.Shell("app-0", "mkdir -p /data/tmp && echo first > /data/file");
    std::string policy = Example("policy-continuous.yaml");
    Replace(policy, "quietPeriod: 10s", "quietPeriod: 2s");
    Replace(policy, "maxInterval: 5m", "maxInterval: 1m");
    kubectl_.Apply(policy);
  }

  static void Replace(std::string& text, const std::string& from, const std::string& to) {
    const std::size_t at = text.find(from);
    ASSERT_NE(at, text.npos) << from;
    text.replace(at, from.size(), to);
  }

  Json Items(const std::string& kind, const std::string& selector = "") const {
    return ParseJson(kubectl_.Must({"get", kind, "-o", "json", "-l", selector})).value()["items"];
  }
  std::vector<Json> Watchers() const {
    std::vector<Json> watchers;
    for (const Json& job : Items("jobs", "holdfast.dev/verb=watch"))
      if (Find(job, {"metadata", "deletionTimestamp"}) == nullptr) watchers.push_back(job);
    return watchers;
  }
  // The node of the one watcher whose process runs; empty for none.
  std::string Watching() const {
    std::string node;
    for (const Json& pod : Items("pods", "holdfast.dev/verb=watch"))
      if (FindString(pod, {"status", "phase"}) == "Running" &&
          Find(pod, {"metadata", "deletionTimestamp"}) == nullptr)
        node += FindString(pod, {"spec", "nodeName"});
    return node;
  }
  Json Continuous() const {
    const Json policy = kubectl_.Get("bkp", "app");
    const Json* found = Find(policy, {"status", "continuous"});
    return found == nullptr ? Json::object() : *found;
  }

  std::size_t Backups() const { return Items("bk").size(); }
  std::string NewestGood() const {
    return FindString(kubectl_.Get("bkp", "app"), {"status", "lastSuccess", "backup"});
  }
  // Everything that is known to have changed is saved, and the volume watched.
  bool AwaitSaved(const std::string& what, const std::string& other_than = "") const {
    return WaitUntil(what + " is saved", seconds(120), [&] {
      const Json continuous = Continuous();
      const std::string good = NewestGood();
      return !good.empty() && good != other_than && !continuous.contains("unsavedSince") &&
             FindString(kubectl_.Get("bkp", "app"), {"status", "running"}).empty() &&
             FindInt(continuous, {"watchedVolumes"}) == 1 && !Watching().empty();
    });
  }
  // A file of the volume in a backup; restic's complaint where there is none.
  std::string InBackup(const std::string& backup, const std::string& path) const {
    const Json object = kubectl_.Get("bk", backup);
    const std::string snapshot = FindString(object["status"]["volumes"].at(0), {"snapshot"});
    return Restic({"--quiet", "dump", snapshot, "/" + kubectl_.ns() + "/data-app-0" + path}).text;
  }
  bool AwaitInBackup(const std::string& path, const std::string& content) const {
    return WaitUntil(path + " is in a backup", seconds(120), [&] {
      const std::string good = NewestGood();
      return !good.empty() && InBackup(good, path) == content;
    });
  }

  // The operator's pod is gone, and comes back at the end.
  class Away {
   public:
    Away() {
      system_.Must({"scale", "deployment/holdfast", "--replicas=0"});
      WaitUntil("no operator runs", seconds(60), [this] {
        return system_.Must({"get", "pods", "-l", "app.kubernetes.io/name=holdfast", "-o", "name"})
            .empty();
      });
    }
    ~Away() {
      system_.Run({"scale", "deployment/holdfast", "--replicas=1"});
      system_.Run({"rollout", "status", "deployment/holdfast", "--timeout=120s"});
    }

   private:
    const Kubectl system_{"holdfast-system"};
  };
};

TEST_F(ContinuousTest, AChangeIsSavedByItselfABurstOnceAndIdlenessNever) {
  ASSERT_NO_FATAL_FAILURE(MakeApp());
  ASSERT_TRUE(AwaitSaved("what was there"));
  const std::string first = NewestGood();
  EXPECT_TRUE(first.starts_with("app-continuous-")) << first;
  EXPECT_EQ(InBackup(first, "/file"), "first\n");
  EXPECT_EQ(Backups(), 1u);

  const auto begun = std::chrono::steady_clock::now();
  kubectl_.Shell("app-0", "echo a row > /data/row");
  ASSERT_TRUE(AwaitSaved("a row", first));
  const std::chrono::duration<double> took = std::chrono::steady_clock::now() - begun;
  const std::string second = NewestGood();
  EXPECT_EQ(InBackup(second, "/row"), "a row\n");
  const auto measured = FindInt(Continuous(), {"recoveryPointSeconds"});
  ASSERT_TRUE(measured);
  std::cout << "recovery point: " << *measured << " s by the status, at most " << took.count()
            << " s by the test's clock, of which 2 s are the quiet period" << std::endl;
  EXPECT_GE(*measured, 2) << "the quiet period is part of it";
  EXPECT_LE(static_cast<double>(*measured), took.count() + 1);

  kubectl_.Shell("app-0",
                 "mkdir -p /data/new/deep; for i in $(seq 50); do echo $i > /data/new/deep/$i; "
                 "usleep 20000; done");
  ASSERT_TRUE(AwaitSaved("a burst", second));
  const std::string third = NewestGood();
  EXPECT_EQ(InBackup(third, "/new/deep/50"), "50\n");
  EXPECT_EQ(Backups(), 3u) << "fifty writes are one backup";

  // Reading, what is excluded, and time itself are no changes. Nothing is to be waited for here but
  // that: ten quiet periods.
  const auto version = [this] {
    return FindString(kubectl_.Get("bkp", "app"), {"metadata", "resourceVersion"});
  };
  const std::string before = version();
  const std::string watcher = FindString(Watchers().at(0), {"metadata", "uid"});
  kubectl_.Shell("app-0", "cat /data/new/deep/* >/dev/null; echo x > /data/tmp/scratch");
  std::this_thread::sleep_for(seconds(20));
  EXPECT_EQ(Backups(), 3u);
  EXPECT_EQ(version(), before) << "nothing is written while nothing happens";
  EXPECT_EQ(FindString(Watchers().at(0), {"metadata", "uid"}), watcher);

  // The restore scales to nothing, which no watcher is in the way of, and is a change itself.
  kubectl_.Shell("app-0", "rm -rf /data/new");
  ASSERT_TRUE(AwaitSaved("the deletion", third));
  kubectl_.Apply(
      "apiVersion: holdfast.dev/v1alpha1\nkind: Restore\nmetadata: {name: back}\n"
      "spec: {source: {backup: " +
      third + "}, target: {statefulSet: app}}\n");
  ASSERT_TRUE(Restored("back"));
  EXPECT_EQ(kubectl_.Shell("app-0", "cat /data/new/deep/50; cat /data/row"), "50\na row\n");
  EXPECT_TRUE(AwaitInBackup("/new/deep/50", "50\n"));
}

TEST_F(ContinuousTest, NothingIsMissedWhileTheOperatorIsAwayOrDies) {
  ASSERT_NO_FATAL_FAILURE(MakeApp());
  ASSERT_TRUE(AwaitSaved("what was there"));
  {
    const Away away;
    kubectl_.Shell("app-0", "echo alone > /data/alone");
    ASSERT_TRUE(WaitUntil("the watcher tells", seconds(60), [this] {
      return FindInt(Watchers().at(0), {"status", "succeeded"}) == 1;
    }));
    kubectl_.Shell("app-0", "echo unseen > /data/unseen");  // nobody watches now
  }
  EXPECT_TRUE(AwaitInBackup("/alone", "alone\n"));
  EXPECT_TRUE(AwaitInBackup("/unseen", "unseen\n"));

  kubectl_.Shell("app-0", "echo killed > /data/killed");
  ASSERT_NO_FATAL_FAILURE(KillOperator());
  EXPECT_TRUE(AwaitInBackup("/killed", "killed\n"));
  WaitForOperator();
}

// On storage that every node can mount.
TEST_F(ContinuousTest, TheWatcherGoesWhereThePodGoes) {
  ASSERT_NO_FATAL_FAILURE(MakeApp("csi"));
  ASSERT_TRUE(AwaitSaved("what was there"));
  const std::string node = FindString(kubectl_.Get("pod", "app-0"), {"spec", "nodeName"});
  EXPECT_EQ(Watching(), node);

  // A watcher that is killed is made again, and begins where it did.
  const std::string pod =
      FindString(Items("pods", "holdfast.dev/verb=watch").at(0), {"metadata", "name"});
  kubectl_.Must({"delete", "pod", pod, "--now"});
  kubectl_.Shell("app-0", "echo between > /data/between");
  EXPECT_TRUE(AwaitInBackup("/between", "between\n"));

  kubectl_.Must({"cordon", node});
  kubectl_.Must({"delete", "pod", "app-0"});
  const bool moved = WaitUntil("the watcher is on the pod's new node", seconds(120), [&] {
    const std::string now = FindString(kubectl_.Get("pod", "app-0"), {"spec", "nodeName"});
    return !now.empty() && now != node && Watching() == now;
  });
  kubectl_.Must({"uncordon", node});
  ASSERT_TRUE(moved);
  kubectl_.Must({"rollout", "status", "statefulset/app", "--timeout=120s"});
  kubectl_.Shell("app-0", "echo there > /data/there");
  EXPECT_TRUE(AwaitInBackup("/there", "there\n"));

  kubectl_.Must({"scale", "statefulset/app", "--replicas=0"});
  EXPECT_TRUE(WaitUntil("nothing is watched", seconds(60), [this] {
    return Watchers().empty() && FindInt(Continuous(), {"watchedVolumes"}) == 0 &&
           FindString(Continuous(), {"message"}).find("has no pods") != std::string::npos;
  }));
  kubectl_.Must({"scale", "statefulset/app", "--replicas=1"});
  ASSERT_TRUE(AwaitSaved("the pod's return"));

  kubectl_.Must({"patch", "bkp", "app", "--type=merge", "-p", R"({"spec":{"suspend":true}})"});
  EXPECT_TRUE(WaitUntil("suspended, nothing is watched", seconds(60),
                        [this] { return Watchers().empty(); }));
  kubectl_.Must({"patch", "bkp", "app", "--type=merge", "-p", R"({"spec":{"suspend":false}})"});
  ASSERT_TRUE(AwaitSaved("what was suspended"));
  kubectl_.Must({"delete", "bkp", "app"});
  EXPECT_TRUE(WaitUntil("the watcher went with its policy", seconds(60),
                        [this] { return Watchers().empty(); }));
}

}  // namespace
}  // namespace holdfast::e2e
