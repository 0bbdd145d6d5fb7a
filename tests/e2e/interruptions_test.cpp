// A restore in place, interrupted at each of its steps: by the death of the operator, by its own
// deletion, by pods that mount the claim, and by somebody who scales the StatefulSet up. It carries
// on, or gives the size back; a half-written volume is never run on.
// (Movers, the store and the volume: interruptions_long_test.cpp. Every single write of the
// operator: tests/integration/faults. A lost node: lost_node_test.cpp.)
#include <algorithm>

#include "tests/e2e/cluster.h"
#include "tests/e2e/interruption_scene.h"
#include "tests/e2e/outages.h"

namespace holdfast::e2e {
namespace {

using std::chrono::seconds;

class InterruptionsTest : public InterruptionScene {
 protected:
  void TearDown() override {
    kubectl_.Run({"delete", "volumeattachment", kubectl_.ns(), "--ignore-not-found"});
    InterruptionScene::TearDown();
  }

  // A restore with one hook before and one after, each a line of sh.
  static std::string Hooks(const std::string& pre, const std::string& post) {
    return "  hooks:\n    pre: [{command: [sh, -c, '" + pre +
           "'], timeout: 2m, onError: Continue}]\n    post: [{command: [sh, -c, '" + post +
           "'], timeout: 2m}]\n";
  }

  // Kubernetes believes that the volume is attached somewhere still: WaitDetached lasts.
  void AttachVolume() const {
    const std::string volume =
        FindString(kubectl_.Get("pvc", "data-app-0"), {"spec", "volumeName"});
    const std::string node = FindString(kubectl_.Get("pod", "app-0"), {"spec", "nodeName"});
    kubectl_.Apply("apiVersion: storage.k8s.io/v1\nkind: VolumeAttachment\nmetadata: {name: " +
                   kubectl_.ns() + "}\nspec: {attacher: test.example, nodeName: " + node +
                   ", source: {persistentVolumeName: " + volume + "}}\n");
    kubectl_.Must({"patch", "volumeattachment", kubectl_.ns(), "--subresource=status",
                   "--type=merge", "-p", R"({"status":{"attached":true}})"});
  }
  void DetachVolume() const { kubectl_.Must({"delete", "volumeattachment", kubectl_.ns()}); }

  // Dead at once, and started anew at once: kubelet would wait longer with every crash.
  void ReplaceOperator() const {
    KillOperator();
    Kubectl("holdfast-system")
        .Must({"delete", "pod", "-l", "app.kubernetes.io/name=holdfast", "--force",
               "--grace-period=0"});
    WaitForOperator();
  }
};

TEST_F(InterruptionsTest, TheOperatorDiesAtEachStep) {
  ASSERT_NO_FATAL_FAILURE(MakeLostApp(4));
  AttachVolume();
  Restore("back", Hooks("sleep 60",
                        "echo x >> /dev/shm/post; until [ -e /dev/shm/go ]; do sleep 0.2; done"));
  ASSERT_TRUE(AwaitStep("back", "PreHooks"));
  ASSERT_NO_FATAL_FAILURE(ReplaceOperator());

  ASSERT_TRUE(AwaitStep("back", "WaitDetached"));
  ASSERT_TRUE(WaitUntil("the node is named that has the volume", seconds(30), [&] {
    return ConditionMessage("rst", "back", "Ready").find("is detached from node") !=
           std::string::npos;
  }));
  const Json lost = kubectl_.Get("rst", "back")["status"]["hooks"]["runs"][0];
  EXPECT_EQ(FindString(lost, {"state"}), "Failed");
  EXPECT_EQ(FindInt(lost, {"attempts"}), 1) << "a pre hook is not run twice";
  EXPECT_EQ(Replicas(), 0);
  ASSERT_NO_FATAL_FAILURE(ReplaceOperator());
  DetachVolume();

  ASSERT_TRUE(AwaitStep("back", "PostHooks"));
  ASSERT_NO_FATAL_FAILURE(ReplaceOperator());
  ASSERT_TRUE(WaitUntil("the post hook runs again", seconds(60),
                        [&] { return kubectl_.Shell("app-0", "cat /dev/shm/post") == "x\nx\n"; }));
  kubectl_.Shell("app-0", "touch /dev/shm/go");
  ASSERT_TRUE(Restored("back"));
  ExpectGood();
  std::string steps;
  for (const Json& step : kubectl_.Get("rst", "back")["status"].value("steps", Json::array())) {
    steps += FindString(step, {"name"}) + " ";
    EXPECT_FALSE(FindString(step, {"startTime"}).empty()) << step;
    EXPECT_FALSE(FindString(step, {"completionTime"}).empty()) << step;
  }
  EXPECT_EQ(steps, "Resolve PreHooks ScaleDown WaitDetached Restore ScaleUp Ready PostHooks ");
  EXPECT_EQ(Find(kubectl_.Get("rst", "back"), {"metadata", "finalizers"}), nullptr);
}

TEST_F(InterruptionsTest, ItIsDeletedAtEachStep) {
  ASSERT_NO_FATAL_FAILURE(MakeLostApp(24));
  const std::string lost = DataDigest("app-0");
  const std::string pod = FindString(kubectl_.Get("pod", "app-0"), {"metadata", "uid"});

  Restore("early",
          Hooks("until [ -e /dev/shm/go ]; do sleep 0.2; done", "echo x >> /dev/shm/post"));
  ASSERT_TRUE(AwaitStep("early", "PreHooks"));
  Delete("early");
  kubectl_.Shell("app-0", "touch /dev/shm/go");
  ASSERT_TRUE(AwaitGone("early"));
  EXPECT_EQ(kubectl_.Shell("app-0", "cat /dev/shm/post"), "x\n") << "what pre hooks did is undone";
  EXPECT_EQ(FindString(kubectl_.Get("pod", "app-0"), {"metadata", "uid"}), pod);

  AttachVolume();
  Restore("down");
  ASSERT_TRUE(AwaitStep("down", "WaitDetached"));
  EXPECT_EQ(Replicas(), 0);
  Delete("down");
  ASSERT_TRUE(AwaitGone("down"));
  EXPECT_EQ(Replicas(), 1) << "nothing was written";
  DetachVolume();
  kubectl_.Must({"rollout", "status", "statefulset/app", "--timeout=120s"});
  EXPECT_EQ(DataDigest("app-0"), lost);

  Restore("midway");
  ASSERT_FALSE(AwaitMover("midway", 1).empty());
  Delete("midway");
  ASSERT_TRUE(AwaitGone("midway"));
  EXPECT_EQ(Replicas(), 0) << "the volume is half written";
  const std::string events = kubectl_.Must(
      {"get", "events", "--field-selector=involvedObject.kind=StatefulSet,reason=LeftScaledDown"});
  EXPECT_NE(events.find("was deleted before it was over"), std::string::npos) << events;

  EXPECT_NE(events.find("kubectl scale statefulset app --replicas=1"), std::string::npos) << events;

  Restore("after");
  ASSERT_TRUE(Restored("after"));
  kubectl_.Must({"scale", "statefulset", "app", "--replicas=1"});
  ExpectGood();
}

// Each start of the pod leaves a mark in its volume: one that nobody wanted must not be in what is
// restored.
TEST_F(InterruptionsTest, SomebodyScalesUp) {
  std::string set = StatefulSetYaml(1);
  const std::string sleeps = "command: [sleep, infinity]";
  set.replace(set.find(sleeps), sleeps.size(),
              "command: [sh, -c, 'echo x >> /data/starts; exec sleep infinity']");
  MakeSecrets();
  kubectl_.Apply(set);
  kubectl_.Apply(RepositoryYaml(kSlow));
  kubectl_.Apply(PolicyYaml());
  kubectl_.Must({"rollout", "status", "statefulset/app", "--timeout=120s"});
  kubectl_.Shell("app-0", "dd if=/dev/urandom of=/data/big bs=1M count=32 2>/dev/null");
  ASSERT_TRUE(BackedUp("good"));
  kubectl_.Shell("app-0", "rm /data/big");
  kubectl_.Must({"annotate", "statefulset", "app",
                 "argocd.argoproj.io/tracking-id=shop:apps/StatefulSet:" + kubectl_.ns() + "/app"});
  kubectl_.Apply(
      "apiVersion: autoscaling/v2\nkind: HorizontalPodAutoscaler\nmetadata: {name: keda-hpa-web}\n"
      "spec:\n  scaleTargetRef: {apiVersion: apps/v1, kind: StatefulSet, name: app}\n"
      "  minReplicas: 1\n  maxReplicas: 1\n");

  Restore("back");
  ASSERT_FALSE(AwaitMover("back", 1).empty());
  for (int fight = 0; fight < 3; ++fight) {
    kubectl_.Must({"patch", "statefulset", "app", "--type=merge",
                   "--field-manager=argocd-controller", "-p", R"({"spec":{"replicas":1}})"});
    ASSERT_TRUE(WaitUntil("it is scaled down again", seconds(30), [&] { return Replicas() == 0; }));
  }
  ASSERT_TRUE(WaitUntil("the condition names who it was", seconds(30), [&] {
    const std::string message = ConditionMessage("rst", "back", "Ready");
    return message.find("field manager \"argocd-controller\"") != std::string::npos &&
           message.find(
               "kubectl -n argocd annotate application shop "
               "argocd.argoproj.io/skip-reconcile=true") != std::string::npos;
  }));
  ASSERT_TRUE(Restored("back"));
  kubectl_.Must({"rollout", "status", "statefulset/app", "--timeout=120s"});
  EXPECT_EQ(kubectl_.Shell("app-0", "cat /data/starts"), "x\nx\n")
      << "the start before the backup, and the one after the restore";

  const auto events = [&](const std::string& reason) {
    return kubectl_.Must({"get", "events", "--field-selector=reason=" + reason, "-o",
                          "jsonpath={range .items[*]}{.involvedObject.kind} {.message}\n{end}"});
  };
  const std::string fights = events("ScaledUpByOthers");
  EXPECT_NE(fights.find("StatefulSet StatefulSet app was scaled to 1 replica"), std::string::npos)
      << fights;
  EXPECT_LE(std::count(fights.begin(), fights.end(), '\n'), 2)
      << "one each, as a series: " << fights;
  EXPECT_NE(
      events("Autoscaled")
          .find("KEDA's ScaledObject web manages its size, which this pauses until the Restore is "
                "over: kubectl -n " +
                kubectl_.ns() + " annotate scaledobject web autoscaling.keda.sh/paused=true"),
      std::string::npos)
      << events("Autoscaled");
}

TEST_F(InterruptionsTest, SomebodyElseMountsTheClaim) {
  ASSERT_NO_FATAL_FAILURE(MakeLostApp(1));
  MakePod("shell", "data-app-0");
  Restore("back");
  ASSERT_TRUE(WaitForReason("rst", "back", "Ready", "False", "ClaimInUse", seconds(60)));
  EXPECT_EQ(ConditionMessage("rst", "back", "Ready"),
            "Pod shell mounts claim data-app-0; the Restore goes on once the pod is gone.");
  EXPECT_EQ(Replicas(), 1) << "nothing was touched";
  kubectl_.Must({"delete", "pod", "shell"});
  ASSERT_TRUE(Restored("back"));
  ExpectGood();
}

// The example, with the PostgreSQL of the quick start.
TEST_F(InterruptionsTest, HooksExample) {
  const Output loaded = Cluster({"load", "postgres"});
  ASSERT_TRUE(loaded.ok()) << loaded.text;
  MakeSecrets();
  kubectl_.Must({"create", "secret", "generic", "postgres", "--from-literal=password=secret"});
  kubectl_.Apply(Example("quickstart/10-postgres.yaml"));
  kubectl_.Must({"scale", "statefulset/postgres", "--replicas=1"});
  kubectl_.Apply(RepositoryYaml());
  std::string policy = PolicyYaml();
  for (const std::string& from : {std::string("name: app"), std::string("statefulSet: app")})
    policy.replace(policy.find(from), from.size(), from.substr(0, from.size() - 3) + "postgres");
  kubectl_.Apply(policy);
  kubectl_.Must({"rollout", "status", "statefulset/postgres", "--timeout=180s"});
  const auto sql = [&](const std::string& text) {
    return kubectl_.Must({"exec", "postgres-0", "--", "psql", "--username=postgres",
                          "--dbname=shop", "--tuples-only", "--no-align", "--command=" + text});
  };
  sql("CREATE TABLE orders AS SELECT generate_series(1, 1000) AS id");
  sql("CHECKPOINT");
  std::string backup = BackupYaml("good");
  backup.replace(backup.find("policy: app"), 11, "policy: postgres");
  kubectl_.Apply(backup);
  ASSERT_TRUE(WaitForPhase("bk", "good", "Succeeded", seconds(120)));
  sql("DROP TABLE orders");

  kubectl_.Apply(Example("restore-with-hooks.yaml"));
  ASSERT_TRUE(Restored("postgres-back"));
  EXPECT_EQ(sql("SELECT count(*) FROM orders"), "1000\n");
  const Json runs = kubectl_.Get("rst", "postgres-back")["status"]["hooks"]["runs"];
  ASSERT_EQ(runs.size(), 2u) << runs;
  EXPECT_NE(FindString(runs[0], {"stdout"}).find("pg_current_wal_lsn"), std::string::npos) << runs;
  EXPECT_EQ(FindString(runs[1], {"stdout"}), "all tables can be read\n") << runs;
}

// As for policies: hooks are no way to the right to exec.
TEST_F(InterruptionsTest, HooksAreWrittenOnlyByThoseWhoMayExec) {
  kubectl_.Must({"create", "role", "author", "--verb=get,create,patch,update",
                 "--resource=restores.holdfast.dev"});
  kubectl_.Must({"create", "rolebinding", "author", "--role=author", "--user=jane"});
  const std::string restore =
      "apiVersion: holdfast.dev/v1alpha1\nkind: Restore\nmetadata: {name: back}\n"
      "spec:\n  source: {backup: good}\n  target: {statefulSet: app}\n"
      "  hooks: {post: [{command: [id]}]}\n";
  ASSERT_TRUE(WaitUntil("hooks of one without pods/exec are refused", seconds(30), [&] {
    const Output output = kubectl_.Run({"--as=jane", "apply", "-f", "-"}, restore);
    return output.text.find("jane may not create pods/exec") != std::string::npos;
  }));
}

}  // namespace
}  // namespace holdfast::e2e
