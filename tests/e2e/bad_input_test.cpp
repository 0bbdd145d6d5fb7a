// Every wrong input is refused by the API server or answered with a condition whose message says
// what to change; corrected, it heals without a restart of the operator.
#include "tests/e2e/fixture.h"

namespace holdfast::e2e {
namespace {

using std::chrono::seconds;

class BadInputTest : public EndToEnd {
 protected:
  void SetUp() override {
    EndToEnd::SetUp();
    restarts_ = OperatorRestarts();
  }
  void TearDown() override {
    EXPECT_EQ(OperatorRestarts(), restarts_) << "the operator crashed";
    EndToEnd::TearDown();
  }

  static std::string OperatorRestarts() {
    return Kubectl("holdfast-system")
        .Must({"get", "pods", "-l", "app.kubernetes.io/name=holdfast", "-o",
               "jsonpath={.items[*].status.containerStatuses[*].restartCount}"});
  }

  // The API server must refuse it, with `part` of the sentence.
  void ExpectRefused(const std::string& yaml, const std::string& part) const {
    const Output output = kubectl_.Run({"apply", "-f", "-"}, yaml);
    EXPECT_FALSE(output.ok()) << yaml;
    EXPECT_NE(output.text.find(part), std::string::npos) << output.text;
  }

  void ExpectMessage(const std::string& kind, const std::string& name, const std::string& part) {
    const std::string message = ConditionMessage(kind, name, "Ready");
    EXPECT_NE(message.find(part), std::string::npos) << kind << "/" << name << ": " << message;
  }

  std::string restarts_;
};

TEST_F(BadInputTest, TwoBackendsAreRefused) {
  ExpectRefused(RepositoryYaml() + "  filesystem: {claimName: backups}\n", "exactly one");
}

TEST_F(BadInputTest, MissingStatefulSetHealsWhenItAppears) {
  MakeSecrets();
  kubectl_.Apply(RepositoryYaml());
  kubectl_.Apply(PolicyYaml());
  ASSERT_TRUE(WaitForReason("bkp", "app", "Ready", "False", "StatefulSetNotFound", seconds(60)));
  ExpectMessage("bkp", "app", "app");
  kubectl_.Apply(StatefulSetYaml(1));
  WaitForReason("bkp", "app", "Ready", "True", "", seconds(120));
}

TEST_F(BadInputTest, MissingRepositoryHealsWhenItAppears) {
  kubectl_.Apply(StatefulSetYaml(1));
  kubectl_.Apply(PolicyYaml());
  ASSERT_TRUE(WaitForReason("bkp", "app", "Ready", "False", "RepositoryNotFound", seconds(60)));
  ExpectMessage("bkp", "app", "offsite");
  MakeSecrets();
  kubectl_.Apply(RepositoryYaml());
  WaitForReason("bkp", "app", "Ready", "True", "", seconds(120));
}

TEST_F(BadInputTest, CronAndTimeZone) {
  MakeSecrets();
  kubectl_.Apply(StatefulSetYaml(1));
  kubectl_.Apply(RepositoryYaml());
  ExpectRefused(PolicyYaml("  schedules: [{name: s, cron: \"every day\"}]\n"), "cron");
  kubectl_.Apply(PolicyYaml("  schedules: [{name: s, cron: \"0 0 30 2 *\"}]\n"));
  ASSERT_TRUE(WaitForReason("bkp", "app", "Stalled", "True", "InvalidSchedule", seconds(60)));
  ExpectMessage("bkp", "app", "0 0 30 2 *");
  kubectl_.Apply(
      PolicyYaml("  timeZone: Europe/Bärlin\n  schedules: [{name: s, cron: \"0 0 * * *\"}]\n"));
  ASSERT_TRUE(WaitForReason("bkp", "app", "Stalled", "True", "InvalidSchedule", seconds(60)));
  WaitUntil("the message names the time zone", seconds(30), [&] {
    return ConditionMessage("bkp", "app", "Ready").find("Europe/Bärlin") != std::string::npos;
  });
  kubectl_.Apply(
      PolicyYaml("  timeZone: Europe/Berlin\n  schedules: [{name: s, cron: \"0 0 * * *\"}]\n"));
  WaitForReason("bkp", "app", "Ready", "True", "", seconds(120));
  EXPECT_NE(FindString(kubectl_.Get("bkp", "app"), {"status", "nextRun"}), "");
}

// Every field is served; what a cluster's own settings do not offer is said.
TEST_F(BadInputTest, WhatIsNotOfferedSaysNotSupported) {
  kubectl_.Apply(R"(
apiVersion: holdfast.dev/v1alpha1
kind: BackupRepository
metadata: {name: shared}
spec: {shared: {namespace: nobodys, name: shared}}
)");
  ASSERT_TRUE(WaitForReason("bkr", "shared", "Stalled", "True", "NotSupported", seconds(60)));
  ExpectMessage("bkr", "shared", "spec.shared");
}

TEST_F(BadInputTest, ASelectorThatFitsNothingHealsWhenALabelIsSet) {
  MakeSecrets();
  kubectl_.Apply(StatefulSetYaml(1));
  kubectl_.Apply(RepositoryYaml());
  kubectl_.Apply(
      Replaced(PolicyYaml(), "{statefulSet: app}", "{selector: {matchLabels: {protect: daily}}}"));
  ASSERT_TRUE(WaitForReason("bkp", "app", "Ready", "False", "StatefulSetNotFound", seconds(60)));
  ExpectMessage("bkp", "app", "protect=daily");
  kubectl_.Must({"label", "statefulset", "app", "protect=daily"});
  ASSERT_TRUE(WaitForReason("bkp", "app", "Ready", "True", "", seconds(120)));
  ExpectMessage("bkp", "app", "1 StatefulSet (protect=daily)");
}

TEST_F(BadInputTest, WrongPasswordHeals) {
  MakeSecrets();
  kubectl_.Apply(RepositoryYaml());
  ASSERT_TRUE(WaitForReason("bkr", "offsite", "Ready", "True", "", seconds(120)));
  // A second object at the same place with another password.
  kubectl_.Must({"create", "secret", "generic", "wrong", "--from-literal=password=guess"});
  std::string other = Replaced(RepositoryYaml(), "{name: offsite}", "{name: other}");
  kubectl_.Apply(Replaced(other, "{name: repository-password}", "{name: wrong}"));
  ASSERT_TRUE(WaitForReason("bkr", "other", "Ready", "False", "WrongPassword", seconds(120)));
  ExpectMessage("bkr", "other", "password");
  kubectl_.Must({"delete", "secret", "wrong"});
  kubectl_.Must({"create", "secret", "generic", "wrong",
                 "--from-literal=password=correct horse battery staple"});
  WaitForReason("bkr", "other", "Ready", "True", "", seconds(180));
}

TEST_F(BadInputTest, MissingSecretHealsWhenItAppears) {
  kubectl_.Apply(RepositoryYaml());
  ASSERT_TRUE(WaitForReason("bkr", "offsite", "Ready", "False", "", seconds(60)));
  WaitUntil("the message names the Secret", seconds(90), [&] {
    return ConditionMessage("bkr", "offsite", "Ready").find("store") != std::string::npos;
  });
  MakeSecrets();
  WaitForReason("bkr", "offsite", "Ready", "True", "", seconds(180));
}

// A Job that may not make its pod has no pod to tell why.
TEST_F(BadInputTest, AQuotaThatForbidsPodsIsNamedAndHeals) {
  MakeSecrets();
  kubectl_.Must({"create", "quota", "none", "--hard=pods=0"});
  kubectl_.Apply(RepositoryYaml());
  ASSERT_TRUE(WaitForReason("bkr", "offsite", "Ready", "False", "PodRefused", seconds(90)));
  ExpectMessage("bkr", "offsite", "exceeded quota");
  kubectl_.Must({"delete", "quota", "none"});
  WaitForReason("bkr", "offsite", "Ready", "True", "", seconds(180));
}

TEST_F(BadInputTest, UnreachableEndpointBucketAndKeysHeal) {
  MakeSecrets();
  const std::string good = RepositoryYaml();
  const auto expect = [&](const std::string& name, const std::string& from, const std::string& to,
                          const std::string& reason, const std::string& part) {
    std::string yaml = Replaced(good, "{name: offsite}", "{name: " + name + "}");
    kubectl_.Apply(Replaced(yaml, from, to));
    ASSERT_TRUE(WaitForReason("bkr", name, "Ready", "False", reason, seconds(150)));
    ExpectMessage("bkr", name, part);
  };
  expect("endpoint", store_.endpoint, "https://s3.nowhere.invalid", "Unreachable",
         "s3.nowhere.invalid");
  expect("bucket", "bucket: " + store_.bucket, "bucket: no-such-bucket", "NoBucket",
         "no-such-bucket");
  kubectl_.Must({"create", "secret", "generic", "badkeys",
                 "--from-literal=AWS_ACCESS_KEY_ID=nobody",
                 "--from-literal=AWS_SECRET_ACCESS_KEY=nothing"});
  expect("keys", "{name: store}", "{name: badkeys}", "AccessDenied", "key");
  // Correcting the Secret is enough: the next probe finds it.
  kubectl_.Must({"delete", "secret", "badkeys"});
  kubectl_.Must({"create", "secret", "generic", "badkeys",
                 "--from-literal=AWS_ACCESS_KEY_ID=" + store_.access_key,
                 "--from-literal=AWS_SECRET_ACCESS_KEY=" + store_.secret_key});
  WaitForReason("bkr", "keys", "Ready", "True", "", seconds(180));
}

}  // namespace
}  // namespace holdfast::e2e
