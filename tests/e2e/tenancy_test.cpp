// A user of one namespace, red, with the chart's role and no other, protects and restores what is
// in it, and tries by every field to reach what is in another, blue (docs/guide/tenancy.md).
#include <utility>

#include "tests/e2e/fixture.h"

namespace holdfast::e2e {
namespace {

using std::chrono::seconds;

constexpr const char* kAway = "../blue/data";

// One object of each kind in which every field that names something is set, but for those that
// exclude each other.
Json Valid(const std::string& kind) {
  Json spec;
  if (kind == "BackupRepository")
    spec = Json::parse(R"({
      "s3": {"endpoint": "https://s3.example.com", "bucket": "b1", "prefix": "p",
             "credentialsSecret": {"name": "s"}, "caBundle": {"secret": "c", "key": "ca.crt"}},
      "passwordSecret": {"name": "p"}, "mover": {"serviceAccountName": "a", "priorityClassName": "c"}})");
  if (kind == "BackupPolicy")
    spec = Json::parse(R"({
      "target": {"statefulSet": "app", "volumeClaims": ["data"]}, "repository": "r", "copyTo": ["s"],
      "volumeSnapshotClass": "c", "staging": {"storageClass": "c"},
      "mover": {"serviceAccountName": "a", "priorityClassName": "c"}})");
  if (kind == "Backup") spec = Json::parse(R"({"policy": "app", "type": "Full"})");
  if (kind == "Restore")
    spec = Json::parse(R"({
      "source": {"backup": "b"},
      "target": {"claims": [{"from": "a", "to": "b", "storageClass": "c", "size": "1Gi"}]},
      "mover": {"serviceAccountName": "a", "priorityClassName": "c"}})");
  return {{"apiVersion", "holdfast.dev/v1alpha1"},
          {"kind", kind},
          {"metadata", {{"name", "attempt"}}},
          {"spec", spec}};
}

// `object` with the value at `pointer`; what excludes it is taken out.
Json With(Json object, const std::string& pointer, const Json& value) {
  Json& spec = object["spec"];
  const std::pair<const char*, Json> places[] = {
      {"azure",
       {{"account", "acc"}, {"container", "backups"}, {"credentialsSecret", {{"name", "s"}}}}},
      {"gcs", {{"bucket", "backups"}, {"credentialsSecret", {{"name", "s"}}}}},
      {"rest", {{"url", "https://backups.example.com/"}}},
      {"shared", {{"namespace", "n"}, {"name", "r"}}},
      {"filesystem", Json::object()}};
  for (const auto& [name, place] : places) {
    if (!pointer.starts_with("/spec/" + std::string(name) + "/")) continue;
    spec.erase("s3");
    spec[name] = place;
  }
  if (pointer.ends_with("caBundle/configMap")) spec["s3"]["caBundle"].erase("secret");
  if (pointer.starts_with("/spec/source/")) spec["source"] = Json::object();
  if (pointer == "/spec/target/statefulSet") spec["target"].erase("claims");
  object[Json::json_pointer(pointer)] = value;
  return object;
}

// "/spec/copyTo/0" as the API server tells of it: "spec.copyTo[0]".
std::string Dotted(const std::string& pointer) {
  std::string path;
  for (const char c : pointer.substr(1)) path += c == '/' ? '.' : c;
  for (std::size_t at; (at = path.find(".0")) != path.npos;) path.replace(at, 2, "[0]");
  return path;
}

// A policy "app" with another name, of another repository.
std::string Elsewhere(std::string policy, const std::string& repository) {
  policy.replace(policy.find("name: app"), 9, "name: elsewhere");
  return policy.replace(policy.find("offsite"), 7, repository);
}

class TenancyTest : public EndToEnd {
 protected:
  void SetUp() override {
    EndToEnd::SetUp();
    blue_ = kubectl_;
    kubectl_ = Kubectl(blue_.ns() + "-red");
    kubectl_.Must({"create", "namespace", kubectl_.ns()});
    kubectl_.Must(
        {"label", "namespace", kubectl_.ns(), "pod-security.kubernetes.io/enforce=restricted"});
    kubectl_.Must({"create", "serviceaccount", "tenant"});
    kubectl_.Must({"create", "rolebinding", "tenant", "--clusterrole=holdfast-edit",
                   "--serviceaccount=" + kubectl_.ns() + ":tenant"});
  }
  void TearDown() override {
    EndToEnd::TearDown();
    blue_.Run({"delete", "namespace", blue_.ns(), "--wait=false"});
  }

  // kubectl as the user of red.
  Output Tenant(std::vector<std::string> words, const std::string& input = "") const {
    words.insert(words.begin(), "--as=system:serviceaccount:" + kubectl_.ns() + ":tenant");
    return kubectl_.Run(std::move(words), input);
  }
  void TenantApplies(const std::string& yaml) const {
    const Output output = Tenant({"apply", "-f", "-"}, yaml);
    ASSERT_TRUE(output.ok()) << output.text << yaml;
  }
  // What the API server says to it; nothing is kept.
  Output Try(const Json& object) const {
    return Tenant({"create", "--dry-run=server", "-f", "-"}, object.dump());
  }
  std::string Can(std::vector<std::string> words, const std::string& ns) const {
    words.insert(words.begin(), {"auth", "can-i"});
    words.push_back("--namespace=" + ns);
    return Tenant(std::move(words)).text;
  }

  void MakeRedsSecrets() const {
    MakeSecrets();
    kubectl_.Must({"delete", "secret", "repository-password"});  // the name of blue's
    kubectl_.Must(
        {"create", "secret", "generic", "red-password", "--from-literal=password=of red alone"});
  }
  // In the same bucket, by the same keys of the store.
  std::string RepositoryAt(const std::string& name, const std::string& prefix,
                           const std::string& password, const std::string& more = "") const {
    return "apiVersion: holdfast.dev/v1alpha1\nkind: BackupRepository\nmetadata: {name: " + name +
           "}\nspec:\n  s3:\n    endpoint: " + store_.endpoint + "\n    bucket: " + store_.bucket +
           "\n    prefix: " + prefix +
           "\n    credentialsSecret: {name: store}\n    caBundle: {configMap: store-ca}\n"
           "  passwordSecret: {name: " +
           password + "}\n" + more;
  }
  std::string RestoreOf(const std::string& name, const std::string& source,
                        const std::string& target) const {
    return "apiVersion: holdfast.dev/v1alpha1\nkind: Restore\nmetadata: {name: " + name +
           "}\nspec:\n  source: " + source + "\n  target: " + target + "\n";
  }

  Kubectl blue_{""};
};

TEST_F(TenancyTest, AUserOfOneNamespaceProtectsAndRestoresItAlone) {
  MakeSecrets();
  kubectl_.Apply(StatefulSetYaml(1));
  kubectl_.Must({"rollout", "status", "statefulset/app", "--timeout=120s"});
  kubectl_.Shell("app-0", "echo good > /data/file && echo x > /data/other");
  const std::string before = DataDigest("app-0");

  ASSERT_NO_FATAL_FAILURE(TenantApplies(RepositoryYaml()));
  ASSERT_NO_FATAL_FAILURE(TenantApplies(PolicyYaml()));
  ASSERT_NO_FATAL_FAILURE(TenantApplies(BackupYaml("mine")));
  ASSERT_TRUE(WaitForPhase("bk", "mine", "Succeeded", seconds(180)));
  kubectl_.Shell("app-0", "echo bad > /data/file && rm /data/other");
  ASSERT_NO_FATAL_FAILURE(TenantApplies(RestoreOf("back", "{backup: mine}", "{statefulSet: app}")));
  ASSERT_TRUE(Restored("back"));
  kubectl_.Must({"rollout", "status", "statefulset/app", "--timeout=120s"});
  EXPECT_EQ(DataDigest("app-0"), before);
  const Output seen = Tenant({"get", "bkr,bkp,bk,rst"});
  EXPECT_TRUE(seen.ok()) << seen.text;

  // Kubernetes' own role includes the chart's, which a controller of the cluster sees to.
  kubectl_.Must({"create", "rolebinding", "editor", "--clusterrole=edit", "--user=jane"});
  WaitUntil("the role edit includes that of the chart", seconds(30), [&] {
    return kubectl_.Run({"auth", "can-i", "create", "backups.holdfast.dev", "--as=jane"}).ok();
  });
}

TEST_F(TenancyTest, TheRoleGrantsTheKindsOfItsNamespaceAndNothingElse) {
  for (const char* kind : {"backuprepositories", "backuppolicies", "backups", "restores"}) {
    const std::string resource = std::string(kind) + ".holdfast.dev";
    for (const char* verb : {"get", "list", "watch", "create", "update", "patch", "delete"}) {
      EXPECT_EQ(Can({verb, resource}, kubectl_.ns()), "yes\n") << verb << " " << kind;
      EXPECT_NE(Can({verb, resource}, blue_.ns()).find("no"), std::string::npos) << verb << kind;
    }
    // What the operator believes of its own: which volumes were staged, which commands are owed.
    EXPECT_NE(Can({"patch", resource, "--subresource=status"}, kubectl_.ns()).find("no"),
              std::string::npos)
        << kind;
  }
  const std::vector<std::string> others[] = {{"get", "secrets"},
                                             {"create", "pods"},
                                             {"create", "pods/exec"},
                                             {"create", "jobs.batch"},
                                             {"get", "pods/log"},
                                             {"create", "persistentvolumeclaims"},
                                             {"patch", "statefulsets.apps/scale"}};
  for (const auto& right : others)
    EXPECT_NE(Can(right, kubectl_.ns()).find("no"), std::string::npos) << right[0] << right[1];
  const Output all = Tenant({"get", "bk", "--all-namespaces"});
  EXPECT_NE(all.text.find("Forbidden"), std::string::npos) << all.text;
}

TEST_F(TenancyTest, NoFieldNamesAnotherNamespace) {
  const std::pair<const char*, std::vector<const char*>> names[] = {
      {"BackupRepository",
       {"/spec/s3/credentialsSecret/name", "/spec/s3/caBundle/secret",
        "/spec/s3/caBundle/configMap", "/spec/azure/credentialsSecret/name",
        "/spec/azure/caBundle/secret", "/spec/gcs/credentialsSecret/name", "/spec/shared/namespace",
        "/spec/shared/name", "/spec/rest/credentialsSecret/name", "/spec/rest/caBundle/secret",
        "/spec/filesystem/claimName", "/spec/filesystem/subPath", "/spec/passwordSecret/name",
        "/spec/chunkerFrom", "/spec/mover/serviceAccountName", "/spec/mover/priorityClassName"}},
      {"BackupPolicy",
       {"/spec/target/statefulSet", "/spec/target/volumeClaims/0", "/spec/repository",
        "/spec/copyTo/0", "/spec/volumeSnapshotClass", "/spec/staging/storageClass",
        "/spec/mover/serviceAccountName", "/spec/mover/priorityClassName"}},
      {"Backup", {"/spec/policy"}},
      {"Restore",
       {"/spec/source/backup", "/spec/source/policy", "/spec/source/repository",
        "/spec/target/statefulSet", "/spec/target/claims/0/from", "/spec/target/claims/0/to",
        "/spec/target/claims/0/storageClass", "/spec/mover/serviceAccountName",
        "/spec/mover/priorityClassName"}}};
  for (const auto& [kind, pointers] : names) {
    const Output valid = Try(Valid(kind));
    ASSERT_TRUE(valid.ok()) << valid.text;
    for (const char* pointer : pointers) {
      const Output refused = Try(With(Valid(kind), pointer, kAway));
      EXPECT_FALSE(refused.ok()) << kind << " " << pointer;
      EXPECT_NE(refused.text.find(Dotted(pointer)), std::string::npos) << refused.text;
    }
  }

  const std::pair<const char*, std::vector<const char*>> references[] = {
      {"BackupRepository",
       {"/spec/s3/credentialsSecret", "/spec/s3/caBundle", "/spec/passwordSecret", "/spec/mover",
        "/spec/prune"}},
      {"BackupPolicy", {"/spec/target", "/spec", "/spec/hooks", "/spec/mover"}},
      {"Backup", {"/spec"}},
      {"Restore", {"/spec/target", "/spec/target/claims/0", "/spec/source"}}};
  for (const auto& [kind, pointers] : references)
    for (const char* pointer : pointers) {
      Json object = Valid(kind);
      object[Json::json_pointer(std::string(pointer) + "/namespace")] = "blue";
      const Output refused = Try(object);
      EXPECT_NE(refused.text.find("unknown field \"" + Dotted(pointer) + ".namespace\""),
                std::string::npos)
          << refused.text;
    }
}

// Whoever may write them could have done the same otherwise.
TEST_F(TenancyTest, ExportsAndCommandsTakeTheRightThatTheyAmountTo) {
  Json nfs = With(Valid("BackupRepository"), "/spec/filesystem/nfs/server", "nas.example.com");
  nfs["spec"]["filesystem"]["nfs"]["path"] = "/exports/blue";
  Json hooks = Valid("BackupPolicy");
  hooks["spec"]["hooks"]["pre"] = Json::parse(R"([{"command": ["id"]}])");
  // Admission policies take a moment to come into force after they were installed.
  WaitUntil("an export is refused", seconds(30), [&] {
    return Try(nfs).text.find("may not create persistentvolumes") != std::string::npos;
  });
  WaitUntil("hooks are refused", seconds(30),
            [&] { return Try(hooks).text.find("may not create pods/exec") != std::string::npos; });

  // Written by somebody else it can be changed, but not turned elsewhere.
  nfs["metadata"]["name"] = "nas";
  kubectl_.Apply(nfs.dump());
  const Output suspended = Tenant({"patch", "bkr", "nas", "--type=merge", "-p",
                                   R"({"spec":{"limits":{"concurrentMovers":2}}})"});
  EXPECT_TRUE(suspended.ok()) << suspended.text;
  const Output turned = Tenant({"patch", "bkr", "nas", "--type=merge", "-p",
                                R"({"spec":{"filesystem":{"subPath":"other"}}})"});
  EXPECT_NE(turned.text.find("may not create persistentvolumes"), std::string::npos) << turned.text;
}

TEST_F(TenancyTest, WhatIsBluesIsNeitherReadNorChanged) {
  // Blue is protected, and has one backup.
  std::swap(kubectl_, blue_);
  ASSERT_NO_FATAL_FAILURE(MakeProtectedApp(1, 2));
  ASSERT_TRUE(BackedUp("of-blue"));
  const std::string before = DataDigest("app-0");
  const std::string blues_place = "e2e/" + kubectl_.ns();
  std::swap(kubectl_, blue_);
  const std::string reds_place = "e2e/" + kubectl_.ns();
  const std::string literal = reds_place + "/$(AWS_SECRET_ACCESS_KEY)";

  MakeRedsSecrets();
  const std::string attempts[] = {
      // Secrets and places
      RepositoryAt("own", reds_place, "red-password",
                   "  import: {cluster: test, namespace: " + blue_.ns() + "}\n"),
      RepositoryAt("by-secret", reds_place, "repository-password"),
      RepositoryAt("blues-place", blues_place, "red-password",
                   "  mover: {serviceAccountName: tenant}\n"),
      RepositoryAt("expanding", literal, "red-password"),
      RepositoryAt("as-root", reds_place + "/as-root", "red-password",
                   "  mover: {securityContext: {runAsUser: 0, fsGroup: 0}}\n"),
      // Names of what is in blue
      PolicyYaml(),
      Elsewhere(PolicyYaml(), "own"),
      BackupYaml("of-red"),
      RestoreOf("by-backup", "{backup: of-blue}",
                "{claims: [{from: data-app-0, to: loot-1, size: 1Gi}]}"),
      RestoreOf("by-policy", "{policy: app}", "{statefulSet: app}"),
      RestoreOf("by-identity",
                "{repository: own, host: test, path: /" + blue_.ns() + "/data-app-0}",
                "{claims: [{to: loot-2, size: 1Gi}]}"),
  };
  for (const std::string& attempt : attempts) ASSERT_NO_FATAL_FAILURE(TenantApplies(attempt));

  WaitForReason("bkr", "own", "Ready", "True", "Reachable", seconds(120));
  WaitUntil("the import has ended", seconds(120), [&] {
    return !FindString(kubectl_.Get("bkr", "own"), {"status", "lastImport", "message"}).empty();
  });
  EXPECT_EQ(kubectl_.Must({"get", "bk", "-o", "name"}), "backup.holdfast.dev/of-red\n")
      << "nothing was imported";
  WaitForReason("bkr", "by-secret", "Ready", "False", "Usage", seconds(120));
  // Between two tries it says that it tries.
  EXPECT_TRUE(WaitUntil("the missing password is told", seconds(120), [&] {
    return ConditionMessage("bkr", "by-secret", "Ready").find("There is no password") !=
           std::string::npos;
  }));
  WaitForReason("bkr", "blues-place", "Ready", "False", "WrongPassword", seconds(120));
  WaitForReason("bkr", "expanding", "Ready", "True", "Reachable", seconds(120));
  WaitForReason("bkp", "elsewhere", "Ready", "False", "StatefulSetNotFound", seconds(60));
  kubectl_.Apply(StatefulSetYaml(0));
  WaitForReason("bkp", "app", "Ready", "False", "RepositoryNotFound", seconds(60));
  WaitForReason("bk", "of-red", "Ready", "False", "", seconds(60));
  WaitForReason("rst", "by-backup", "Ready", "False", "SourceNotFound", seconds(60));
  WaitForReason("rst", "by-policy", "Ready", "False", "SourceNotFound", seconds(60));
  WaitForReason("rst", "by-identity", "Ready", "False", "", seconds(120));
  EXPECT_TRUE(kubectl_.Get("pvc", "loot-1").is_null());

  // The mover that failed is still there: no token, whatever its service account.
  const Json pods = ParseJson(kubectl_.Must({"get", "pods", "-o", "json", "-l",
                                             "holdfast.dev/repository=blues-place"}))
                        .value_or(Json());
  ASSERT_FALSE(pods["items"].empty());
  const Json& pod = pods["items"][0]["spec"];
  EXPECT_EQ(FindString(pod, {"serviceAccountName"}), "tenant");
  EXPECT_EQ(pod.value("automountServiceAccountToken", true), false);
  for (const Json& volume : pod["volumes"]) EXPECT_FALSE(volume.contains("projected")) << volume;
  WaitUntil("a mover as root is refused by the namespace's profile", seconds(60), [&] {
    return kubectl_.Run({"get", "events", "--field-selector=reason=FailedCreate"})
               .text.find("violates PodSecurity") != std::string::npos;
  });

  const Output config = Restic({"--password-command=echo of red alone", "cat", "config"}, literal);
  EXPECT_TRUE(config.ok()) << "the prefix is taken as it is written: " << config.text;

  std::swap(kubectl_, blue_);
  EXPECT_EQ(DataDigest("app-0"), before);
  WaitForReason("bkr", "offsite", "Ready", "True", "Reachable", seconds(60));
  const Output check = Restic({"check", "--read-data"}, blues_place);
  EXPECT_TRUE(check.ok()) << check.text;
  const Output locks = Restic({"list", "locks", "--no-lock"}, blues_place);
  EXPECT_EQ(locks.text, "") << "nobody of red holds one";
  std::swap(kubectl_, blue_);
}

}  // namespace
}  // namespace holdfast::e2e
