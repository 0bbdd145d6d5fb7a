// Which data: every way to name it, repositories of other programs, some paths alone, and what
// becomes of what is there already.
#include <cstdlib>
#include <filesystem>

#include "tests/e2e/fixture.h"
#include "tests/e2e/guide.h"

namespace holdfast::e2e {
namespace {

namespace fs = std::filesystem;
using std::chrono::seconds;

class SourcesTest : public EndToEnd {
 protected:
  std::string Message(const std::string& restore) const {
    return ConditionMessage("rst", restore, "Ready");
  }
  // A Restore; `spec` is YAML, indented by two.
  void Restore(const std::string& name, const std::string& spec) const {
    kubectl_.Apply("apiVersion: holdfast.dev/v1alpha1\nkind: Restore\nmetadata: {name: " + name +
                   "}\nspec:\n" + spec);
  }
  // A pod for each claim, with its name: their volumes are on any node. Without fsGroup, so that
  // owners are as they were restored.
  void Look(const std::vector<std::string>& claims, const std::string& user = "1000") const {
    for (const std::string& claim : claims)
      kubectl_.Apply(PodYaml(claim, claim, "runAsUser: " + user + ", runAsGroup: " + user));
    for (const std::string& claim : claims)
      kubectl_.Must({"wait", "pod/" + claim, "--for=condition=Ready", "--timeout=120s"});
  }
};

TEST_F(SourcesTest, ByBackupPolicyTimePreviousSnapshotAndIdentity) {
  ASSERT_NO_FATAL_FAILURE(MakeProtectedApp(1, 1));
  for (const std::string name : {"one", "two", "three"}) {
    kubectl_.Shell("app-0", "echo " + name + " > /data/version");
    ASSERT_TRUE(BackedUp(name));
  }
  const Json two = kubectl_.Get("bk", "two")["status"];
  const std::string identity =
      "repository: offsite, host: test, path: /" + kubectl_.ns() + "/data-app-0";
  const std::vector<std::vector<std::string>> sources = {
      {"by-backup", "backup: two", "two"},
      {"by-policy", "policy: app", "three"},
      {"by-time", "policy: app, asOf: \"" + FindString(two, {"startTime"}) + "\"", "two"},
      {"by-previous", "policy: app, previous: 2", "one"},
      {"by-snapshot",
       "repository: offsite, snapshot: " + FindString(two["volumes"][0], {"snapshot"}), "two"},
      {"by-identity", identity, "three"},
      {"by-identity-then", identity + ", asOf: \"" + FindString(two, {"completionTime"}) + "\"",
       "two"}};
  std::vector<std::string> claims;
  for (const auto& source : sources) {
    claims.push_back(source[0]);
    Restore(source[0], "  source: {" + source[1] +
                           "}\n  target: {claims: [{from: data-app-0, to: " + source[0] +
                           ", size: 64Mi}]}\n  mover: {securityContext: {runAsUser: 1000, "
                           "runAsGroup: 1000, fsGroup: 1000}}\n");
  }
  for (const auto& source : sources) ASSERT_TRUE(Restored(source[0])) << source[1];
  Look(claims);
  for (const auto& source : sources)
    EXPECT_EQ(kubectl_.Shell(source[0], "cat /data/version"), source[2] + "\n") << source[1];
}

// Repositories as those programs write them, by stock restic: K8up's host is the namespace and its
// path /data/<claim>; VolSync starts restic within /data, as host volsync.
TEST_F(SourcesTest, RepositoriesOfK8upVolSyncAndRestic) {
  MakeSecrets();
  std::string root = fs::temp_directory_path() / "holdfast-sources-XXXXXX";
  ASSERT_NE(::mkdtemp(root.data()), nullptr);
  const auto make = [&](const std::string& folder, const std::string& content) {
    WriteTextFile(root + folder + "/pgdata/PG_VERSION", content);
    WriteTextFile(root + folder + "/note", content);
    for (const auto& entry : fs::recursive_directory_iterator(root + folder))
      ASSERT_EQ(::lchown(entry.path().c_str(), 1000, 1000), 0);
  };
  const auto restic = [&](const std::string& prefix, const std::string& folder,
                          std::vector<std::string> words) {
    const std::string repository =
        "s3:" + store_.endpoint + "/" + store_.bucket + "/e2e/" + kubectl_.ns() + "/" + prefix;
    words.insert(words.begin(),
                 {"env", "AWS_ACCESS_KEY_ID=" + store_.access_key,
                  "AWS_SECRET_ACCESS_KEY=" + store_.secret_key,
                  "RESTIC_PASSWORD=correct horse battery staple", "tests/e2e/rooted", root, folder,
                  "restic", "--no-cache", "--cacert=" + store_.ca_file, "--repo=" + repository});
    const Output output = RunProgram(words);
    ASSERT_TRUE(output.ok()) << output.text;
  };
  for (const char* prefix : {"k8up", "volsync", "restic"})
    ASSERT_NO_FATAL_FAILURE(restic(prefix, "/", {"init"}));
  make("/data/data-postgres-0", "of k8up\n");
  ASSERT_NO_FATAL_FAILURE(
      restic("k8up", "/", {"backup", "--host", "my-namespace", "/data/data-postgres-0"}));
  fs::remove_all(root + "/data");
  make("/data", "of volsync\n");
  ASSERT_NO_FATAL_FAILURE(
      restic("volsync", "/data", {"backup", "--host", "volsync", "--exclude=lost+found", "."}));
  make("/srv/postgres", "of restic\n");
  ASSERT_NO_FATAL_FAILURE(restic("restic", "/", {"backup", "--host", "db1", "/srv/postgres"}));
  make("/srv/postgres", "of another host\n");
  ASSERT_NO_FATAL_FAILURE(restic("restic", "/", {"backup", "--host", "db2", "/srv/postgres"}));
  fs::remove_all(root);

  const std::vector<std::string> programs = {"k8up", "volsync", "restic"};
  for (const std::string& program : programs) {
    const std::string yaml = Example("restore-from-" + program + ".yaml");
    kubectl_.Apply(InStore(yaml, "e2e/" + kubectl_.ns() + "/" + program));
  }
  std::vector<std::string> claims;
  for (const std::string& program : programs) {
    ASSERT_TRUE(Restored("from-" + program));
    claims.push_back("from-" + program);
  }
  Look(claims);
  for (const std::string& program : programs) {
    const std::string pod = "from-" + program;
    EXPECT_EQ(kubectl_.Shell(pod, "cat /data/note /data/pgdata/PG_VERSION"),
              "of " + program + "\nof " + program + "\n");
    EXPECT_EQ(kubectl_.Shell(pod, "ls /data | grep -v lost+found"), "note\npgdata\n");
    EXPECT_EQ(kubectl_.Shell(pod, "stat -c %u:%g /data/note"), "1000:1000\n");
  }

  // In place too: K8up's path names the claim, VolSync's does not, so it is said which it is.
  std::string set = StatefulSetYaml(2);
  set = Replaced(Replaced(set, "{name: app}", "{name: postgres}"), "serviceName: app",
                 "serviceName: postgres");
  kubectl_.Apply(set);
  kubectl_.Must({"rollout", "status", "statefulset/postgres", "--timeout=120s"});
  Restore("in-place-k8up",
          "  source: {repository: from-k8up, host: my-namespace, path: /data/data-postgres-0}\n"
          "  target: {statefulSet: postgres, ordinals: [0]}\n");
  Restore("in-place-volsync",
          "  source: {repository: from-volsync, host: volsync, path: /data}\n"
          "  target: {statefulSet: postgres, ordinals: [1]}\n");
  ASSERT_TRUE(Restored("in-place-k8up"));
  ASSERT_TRUE(Restored("in-place-volsync"));
  kubectl_.Must({"rollout", "status", "statefulset/postgres", "--timeout=120s"});
  EXPECT_EQ(kubectl_.Shell("postgres-0", "cat /data/note"), "of k8up\n");
  EXPECT_EQ(kubectl_.Shell("postgres-1", "cat /data/note"), "of volsync\n");
}

TEST_F(SourcesTest, PathsOverwriteAndDeleteExtra) {
  ASSERT_NO_FATAL_FAILURE(MakeProtectedApp(1, 1));
  // Same size and time as it will have after it was changed: only its content tells.
  kubectl_.Shell("app-0",
                 "cd /data && echo good > same && touch -d '2020-01-01 00:00:00' same && "
                 "mkdir -p keep && echo good > keep/file && echo good > lost");
  ASSERT_TRUE(BackedUp("good"));
  kubectl_.Shell("app-0",
                 "cd /data && echo evil > same && touch -d '2020-01-01 00:00:00' same && "
                 "echo changed > keep/file && echo changed > empty && rm lost && echo x > extra && "
                 "echo x > keep/extra");
  const auto cat = [&](const std::string& file) {
    return kubectl_.Shell("app-0", "cat /data/" + file + " 2>/dev/null || echo none");
  };
  const auto restore = [&](const std::string& name, const std::string& spec) {
    Restore(name, "  source: {backup: good}\n  target: {statefulSet: app}\n" + spec);
    ASSERT_TRUE(Restored(name));
    kubectl_.Must({"rollout", "status", "statefulset/app", "--timeout=120s"});
  };
  ASSERT_NO_FATAL_FAILURE(restore("never", "  overwrite: Never\n"));
  EXPECT_EQ(cat("keep/file"), "changed\n");
  EXPECT_EQ(cat("lost"), "good\n") << "what is not there comes back";

  ASSERT_NO_FATAL_FAILURE(restore("paths", "  paths: [/keep, /empty]\n  deleteExtra: true\n"));
  EXPECT_EQ(cat("keep/file"), "good\n");
  EXPECT_EQ(cat("empty"), "");
  EXPECT_EQ(cat("keep/extra"), "none\n");
  EXPECT_EQ(cat("same"), "evil\n") << "it was not asked for";
  EXPECT_EQ(cat("extra"), "x\n") << "nor that it goes";

  ASSERT_NO_FATAL_FAILURE(restore("if-changed", "  overwrite: IfChanged\n"));
  EXPECT_EQ(cat("same"), "evil\n") << "size and time are trusted";
  ASSERT_NO_FATAL_FAILURE(restore("always", ""));
  EXPECT_EQ(cat("same"), "good\n");
  EXPECT_EQ(cat("extra"), "x\n");
  ASSERT_NO_FATAL_FAILURE(restore("exactly", "  deleteExtra: true\n"));
  EXPECT_EQ(cat("extra"), "none\n");

  Restore("no-such-path",
          "  source: {backup: good}\n  target: {claims: [{from: data-app-0, to: scratch, size: "
          "64Mi}]}\n"
          "  paths: [/nowhere]\n");
  ASSERT_TRUE(WaitForPhase("rst", "no-such-path", "Failed", seconds(120)));
  EXPECT_NE(Message("no-such-path").find("/nowhere is not in the snapshot"), std::string::npos)
      << Message("no-such-path");
}

TEST_F(SourcesTest, OwnersBecomeOthersWhereTheMoverMayAndElseItIsSaid) {
  ASSERT_NO_FATAL_FAILURE(MakeProtectedApp(1, 1));
  ASSERT_TRUE(BackedUp("run"));
  kubectl_.Apply(Replaced(Replaced(Example("restore-owners.yaml"), "postgres", "app"),
                          "from: 999, to: 1000", "from: 1000, to: 2000"));
  ASSERT_TRUE(WaitUntil("the restricted namespace refuses a mover that is root", seconds(60), [&] {
    return FindString(kubectl_.Condition("rst", "app-other-user", "Ready"), {"reason"}) ==
           "PodRefused";
  })) << Message("app-other-user");
  kubectl_.Must({"label", "--overwrite", "namespace", kubectl_.ns(),
                 "pod-security.kubernetes.io/enforce=baseline"});
  ASSERT_TRUE(Restored("app-other-user"));
  EXPECT_EQ(Message("app-other-user").find("could not be set"), std::string::npos)
      << Message("app-other-user");

  const auto as_user = [&](const std::string& name, const std::string& user) {
    Restore(name, "  source: {backup: run}\n  target: {claims: [{from: data-app-0, to: " + name +
                      ", size: 64Mi}]}\n"
                      "  owners: {uids: [{from: 1000, to: 2000}], gids: [{from: 1000, to: 2000}]}\n"
                      "  mover: {securityContext: {runAsUser: " +
                      user + ", runAsGroup: " + user + ", fsGroup: " + user + "}}\n");
    return Restored(name);
  };
  ASSERT_TRUE(as_user("itself", "2000"));
  EXPECT_EQ(Message("itself").find("could not be set"), std::string::npos) << Message("itself");
  ASSERT_TRUE(as_user("somebody-else", "3000"));
  EXPECT_NE(Message("somebody-else").find("only where the mover is root"), std::string::npos)
      << Message("somebody-else");
  Look({"app-other-user", "itself"}, "2000");
  for (const std::string pod : {"app-other-user", "itself"}) {
    EXPECT_EQ(kubectl_.Shell(pod, "stat -c %u:%g /data/big '/data/a dir/deep'"),
              "2000:2000\n2000:2000\n")
        << pod;
    EXPECT_EQ(kubectl_.Shell(pod, "cat '/data/a dir/deep/name'"), "app-0\n");
  }
}

}  // namespace
}  // namespace holdfast::e2e
