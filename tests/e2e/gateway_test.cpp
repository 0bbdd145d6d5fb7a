// One definition of a repository, shared by the gateway with red and blue, which reach nothing of
// each other, remove nothing and know no key; with green it is not shared (docs/guide/sharing.md).
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <iostream>

#include "tests/e2e/fixture.h"

namespace holdfast::e2e {
namespace {

using std::chrono::seconds;

constexpr const char* kDefinition = "holdfast-system/offsite";

class GatewayTest : public EndToEnd {
 protected:
  void SetUp() override {
    EndToEnd::SetUp();
    for (Kubectl* other : {&blue_, &green_}) {
      *other = Kubectl(kubectl_.ns() + (other == &blue_ ? "-blue" : "-green"));
      other->Must({"create", "namespace", other->ns()});
      other->Must(
          {"label", "namespace", other->ns(), "pod-security.kubernetes.io/enforce=restricted"});
    }
    folder_ = std::filesystem::temp_directory_path() / ("gateway-test-" + kubectl_.ns());
    std::filesystem::create_directories(folder_);
    std::ofstream(folder_ / "ca.crt") << Secret("holdfast-gateway-tls", "ca.crt");
    std::ofstream(folder_ / "master") << Secret("gateway-master", "secret");
    address_ =
        admin_.Must({"get", "service", "holdfast-gateway", "-o", "jsonpath={.spec.clusterIP}"});
  }
  void TearDown() override {
    if (HasFailure())
      std::cerr << "----- gateway -----\n"
                << admin_.Run({"logs", "deployment/holdfast-gateway", "--tail=100"}).text
                << admin_.Run({"get", "bkr,jobs,pods", "-o", "wide"}).text;
    EndToEnd::TearDown();
    for (const Kubectl* other : {&blue_, &green_})
      other->Run({"delete", "namespace", other->ns(), "--wait=false"});
    admin_.Run({"delete", "bkr", "offsite", "--ignore-not-found"});
    admin_.Run({"delete", "job", "prune-now", "--ignore-not-found"});
    std::filesystem::remove_all(folder_);
  }

  std::string Secret(const std::string& name, const std::string& key) const {
    return admin_.Must({"get", "secret", name, "-o",
                        "go-template={{index .data \"" + key + "\" | base64decode}}"});
  }
  std::string Prefix() const { return "e2e/" + kubectl_.ns() + "/shared"; }
  // The example, in the test's store.
  void Define(const std::string& namespaces) {
    std::string yaml = Example("sharing/10-definition.yaml");
    yaml = Replaced(yaml, "https://s3.eu-central-1.amazonaws.com", store_.endpoint);
    yaml = Replaced(yaml, "bucket: my-backups", "bucket: " + store_.bucket);
    yaml = Replaced(yaml, "prefix: clusters/production",
                    "prefix: " + Prefix() + "\n    caBundle: {configMap: gateway-store-ca}");
    yaml = Replaced(yaml, "region: eu-central-1", "forcePathStyle: true");
    admin_.Apply(Replaced(yaml, "namespaces: [shop]", "namespaces: [" + namespaces + "]"));
  }
  // The team's example in a namespace, and an app that is protected by it.
  void Protect(const Kubectl& team) {
    const Kubectl mine = kubectl_;
    kubectl_ = team;
    kubectl_.Apply(StatefulSetYaml(1));
    kubectl_.Apply(Example("sharing/20-repository.yaml"));
    kubectl_.Apply(PolicyYaml());
    kubectl_.Must({"rollout", "status", "statefulset/app", "--timeout=120s"});
    kubectl_.Shell("app-0", "echo of " + team.ns() +
                                " > /data/file && dd if=/dev/urandom "
                                "of=/data/big bs=1M count=20 2>/dev/null");
    EXPECT_TRUE(WaitForReason("bkr", "offsite", "Ready", "True", "", seconds(120)));
    EXPECT_TRUE(BackedUp("first"));
    kubectl_ = mine;
  }

  std::string TokenOf(const Kubectl& team, const std::string& audience = "holdfast-gateway") const {
    std::string token = team.Must({"create", "token", "default", "--audience=" + audience});
    while (token.ends_with('\n')) token.pop_back();
    return token;
  }
  // The status of the gateway's answer.
  std::string Ask(const std::string& method, const std::string& path,
                  const std::string& token) const {
    const std::string host = "holdfast-gateway.holdfast-system.svc";
    std::vector<std::string> words = {"curl",
                                      "--silent",
                                      "--show-error",
                                      "--cacert",
                                      folder_ / "ca.crt",
                                      "--resolve",
                                      host + ":8443:" + address_,
                                      "--output",
                                      "/dev/null",
                                      "--write-out",
                                      "%{http_code}",
                                      "--header",
                                      "Authorization: Bearer " + token,
                                      "--request",
                                      method};
    if (method == "HEAD") words.push_back("--head");
    if (method == "POST") words.insert(words.end(), {"--data-binary", "x"});
    words.push_back("https://" + host + ":8443" + path);
    return RunProgram(words).text;
  }
  // Stock restic with a team's repository, straight from the store, by the password as the
  // administrator derives it.
  Output AdminsRestic(const Kubectl& team, std::vector<std::string> words) const {
    const Output password = RunProgram(
        {"build/bin/holdfast-mover", "password", std::string("--definition=") + kDefinition,
         "--master-secret-file=" + (folder_ / "master").string(), "--namespace=" + team.ns()});
    EXPECT_TRUE(password.ok()) << password.text;
    std::ofstream(folder_ / "password") << password.text;
    words.insert(words.begin(), "--password-file=" + (folder_ / "password").string());
    return Restic(std::move(words), Prefix() + "/namespaces/" + team.ns());
  }
  std::size_t SnapshotsOf(const Kubectl& team) const {
    const Output listed = AdminsRestic(team, {"snapshots", "--json", "--no-lock"});
    EXPECT_TRUE(listed.ok()) << listed.text;
    return ParseJson(listed.text).value_or(Json::array()).size();
  }

  const Kubectl admin_{"holdfast-system"};
  Kubectl blue_{""};
  Kubectl green_{""};
  std::filesystem::path folder_;
  std::string address_;
};

TEST_F(GatewayTest, TeamsShareADefinitionAndReachNothingOfEachOther) {
  const Kubectl red = kubectl_;
  Define(red.ns() + ", " + blue_.ns());
  kubectl_ = admin_;
  ASSERT_TRUE(WaitForReason("bkr", "offsite", "Ready", "True", "", seconds(120)));
  kubectl_ = red;
  ASSERT_NO_FATAL_FAILURE(Protect(red));
  ASSERT_NO_FATAL_FAILURE(Protect(blue_));
  ASSERT_FALSE(HasFailure());
  for (const Kubectl& team : {red, blue_})
    EXPECT_EQ(team.Must({"get", "secrets", "-o", "name"}), "") << "no key and no password";

  // Each brings its own back.
  const std::string before = DataDigest("app-0");
  kubectl_.Shell("app-0", "rm /data/big && echo bad > /data/file");
  kubectl_.Apply(
      "apiVersion: holdfast.dev/v1alpha1\nkind: Restore\nmetadata: {name: back}\n"
      "spec: {source: {policy: app}, target: {statefulSet: app}}\n");
  ASSERT_TRUE(Restored("back"));
  kubectl_.Must({"rollout", "status", "statefulset/app", "--timeout=120s"});
  EXPECT_EQ(DataDigest("app-0"), before);

  // Whoever may run pods in red has its token, and with it what red may do.
  const std::string token = TokenOf(red);
  const std::string mine = "/" + red.ns() + "/";
  const std::string others = "/" + blue_.ns() + "/";
  const std::string snapshot =
      FindString(red.Get("bk", "first")["status"]["volumes"][0], {"snapshot"});
  const Output packs = AdminsRestic(red, {"list", "packs", "--no-lock"});
  ASSERT_GT(packs.text.size(), 64u) << packs.text;
  const std::string pack = packs.text.substr(packs.text.size() - 65, 64);
  EXPECT_EQ(Ask("GET", mine + "config", token), "200");
  EXPECT_EQ(Ask("GET", mine + "data/" + pack, token), "200");
  for (const char* path : {"config", "keys/", "snapshots/", "data/", "locks/", "password"})
    EXPECT_EQ(Ask("GET", others + path, token), "403") << path;
  EXPECT_EQ(Ask("POST", others + "locks/" + pack, token), "403");
  EXPECT_EQ(Ask("DELETE", others + "locks/" + pack, token), "403");
  EXPECT_EQ(Ask("DELETE", mine + "snapshots/" + snapshot, token), "403");
  EXPECT_EQ(Ask("DELETE", mine + "data/" + pack, token), "403");
  EXPECT_EQ(Ask("POST", mine + "config", token), "403");
  EXPECT_EQ(Ask("HEAD", mine + "snapshots/" + snapshot, token), "200") << "nothing is gone";
  EXPECT_EQ(
      Ask("GET", mine + "config", TokenOf(red, "https://kubernetes.default.svc.cluster.local")),
      "401")
      << "of another audience";
  EXPECT_EQ(Ask("GET", mine + "config", "guess"), "401");
  EXPECT_EQ(Ask("GET", "/" + green_.ns() + "/config", TokenOf(green_)), "403");

  // The administrator reads without the gateway, and no team has another's password.
  const Output check = AdminsRestic(red, {"check", "--read-data"});
  EXPECT_TRUE(check.ok()) << check.text;
  EXPECT_EQ(SnapshotsOf(red), 1u);
  EXPECT_EQ(SnapshotsOf(blue_), 1u);

  // Retention is the operator's, and prune is where the gateway is.
  kubectl_.Must(
      {"patch", "bkp", "app", "--type=merge", "-p", R"({"spec":{"retention":{"keepLast":1}}})"});
  kubectl_.Shell("app-0", "dd if=/dev/urandom of=/data/big bs=1M count=20 2>/dev/null");
  EXPECT_TRUE(BackedUp("second"));
  ASSERT_TRUE(WaitUntil("the first one is forgotten", seconds(120),
                        [&] { return kubectl_.Get("bk", "first").is_null(); }));
  EXPECT_EQ(SnapshotsOf(red), 1u);
  EXPECT_EQ(Ask("HEAD", mine + "snapshots/" + snapshot, token), "404");
  admin_.Must({"create", "job", "--from=cronjob/holdfast-gateway-prune", "prune-now"});
  const Output pruned =
      admin_.Run({"wait", "--for=condition=Complete", "job/prune-now", "--timeout=120s"});
  EXPECT_TRUE(pruned.ok()) << pruned.text << admin_.Run({"logs", "job/prune-now"}).text;
  EXPECT_EQ(Ask("HEAD", mine + "data/" + pack, token), "404") << "of the first one alone";
  EXPECT_TRUE(AdminsRestic(red, {"check", "--read-data"}).ok());
  EXPECT_TRUE(BackedUp("third"));

  // Deletion takes along what it is asked to.
  kubectl_.Must(
      {"patch", "bk", "third", "--type=merge", "-p", R"({"spec":{"deletionPolicy":"Delete"}})"});
  kubectl_.Must({"delete", "bk", "third", "--timeout=60s"});
  WaitUntil("its snapshot is gone", seconds(60), [&] { return SnapshotsOf(red) <= 1; });
}

TEST_F(GatewayTest, WhatIsNotSharedIsRefusedInASentence) {
  const std::string yaml = Example("sharing/20-repository.yaml");
  kubectl_.Apply(yaml);
  ASSERT_TRUE(
      WaitForReason("bkr", "offsite", "Stalled", "True", "RepositoryNotFound", seconds(60)));
  Define(blue_.ns());
  ASSERT_TRUE(WaitForReason("bkr", "offsite", "Stalled", "True", "NotShared", seconds(60)));
  EXPECT_EQ(ConditionMessage("bkr", "offsite", "Stalled"),
            std::string("BackupRepository ") + kDefinition + " is not shared with namespace " +
                kubectl_.ns() + "; ask its owner to add it to spec.shareWith.namespaces there.");
  Define(blue_.ns() + ", " + kubectl_.ns());
  ASSERT_TRUE(WaitForReason("bkr", "offsite", "Ready", "True", "", seconds(120)));
  Define(blue_.ns());
  ASSERT_TRUE(WaitForReason("bkr", "offsite", "Stalled", "True", "NotShared", seconds(60)));
  kubectl_.Apply(
      Replaced(Replaced(yaml, "name: offsite\n  namespace", "name: another\n  namespace"),
               "    name: offsite", "    name: elsewhere"));
  ASSERT_TRUE(WaitForReason("bkr", "another", "Stalled", "True", "NotSupported", seconds(60)));
}

}  // namespace
}  // namespace holdfast::e2e
