#include "tests/e2e/fixture.h"

#include <algorithm>
#include <filesystem>
#include <fstream>
#include <iostream>
#include <sstream>
#include <stdexcept>
#include <utility>

#include <signal.h>
#include <unistd.h>

#include "base/hash.h"
#include "tests/e2e/cluster.h"

namespace holdfast::e2e {
namespace {

namespace fs = std::filesystem;
using std::chrono::seconds;

std::string ReadFile(const fs::path& path) {
  std::ifstream in(path, std::ios::binary);
  std::ostringstream text;
  text << in.rdbuf();
  return text.str();
}

// "export NAME=value" lines, values possibly quoted.
std::string Exported(const std::string& text, const std::string& name) {
  std::istringstream lines(text);
  for (std::string line; std::getline(lines, line);) {
    const std::string start = "export " + name + "=";
    if (!line.starts_with(start)) continue;
    std::string value = line.substr(start.size());
    std::erase(value, '\'');
    std::erase(value, '"');
    return value;
  }
  throw std::runtime_error("the S3 server's environment lacks " + name + ": " + text);
}

Store FindStore() {
  const Output env = Cluster({"s3", "env"});
  if (!env.ok()) throw std::runtime_error("tests/cluster/cluster s3 env: " + env.text);
  return {Exported(env.text, "S3_ENDPOINT"), Exported(env.text, "S3_BUCKET"),
          Exported(env.text, "AWS_ACCESS_KEY_ID"), Exported(env.text, "AWS_SECRET_ACCESS_KEY"),
          Exported(env.text, "S3_CA_FILE")};
}

std::string NamespaceForTest() {
  const auto* test = ::testing::UnitTest::GetInstance()->current_test_info();
  std::string name = test->name();
  std::transform(name.begin(), name.end(), name.begin(), ::tolower);
  return name.substr(0, 40) + "-" + ShortHash(name + std::to_string(getpid()), 5);
}

void Show(const std::string& title, const Output& output) {
  std::cerr << "\n----- " << title << " -----\n" << output.text << std::endl;
}

}  // namespace

void EndToEnd::SetUp() {
  store_ = FindStore();
  kubectl_ = Kubectl(NamespaceForTest());
  kubectl_.Must({"create", "namespace", kubectl_.ns()});
  kubectl_.Must(
      {"label", "namespace", kubectl_.ns(), "pod-security.kubernetes.io/enforce=restricted"});
}

void EndToEnd::TearDown() {
  if (HasFailure()) {
    Show("objects",
         kubectl_.Run({"get", "bkr,bkp,bk,rst,sts,jobs,pods,pvc,volumesnapshots", "-o", "wide"}));
    Show("holdfast objects", kubectl_.Run({"get", "bkr,bkp,bk,rst", "-o", "yaml"}));
    Show("pods", kubectl_.Run({"describe", "pods"}));
    Show("events", kubectl_.Run({"get", "events", "--sort-by=.metadata.creationTimestamp"}));
    Show("movers", kubectl_.Run({"logs", "-l", "app.kubernetes.io/managed-by=holdfast", "--tail=50",
                                 "--prefix"}));
    const Kubectl system(kOperatorNamespace);
    Show("operator", system.Run({"logs", "deployment/holdfast", "--tail=200"}));
    Show("operator before", system.Run({"logs", "deployment/holdfast", "--previous", "--tail=50"}));
  }
  kubectl_.Run({"delete", "namespace", kubectl_.ns(), "--wait=false"});
}

std::string EndToEnd::Example(const std::string& path) const {
  std::string yaml = ReadFile("examples/" + path);
  const std::string from = "namespace: shop";
  for (std::size_t at = 0; (at = yaml.find(from, at)) != yaml.npos;)
    yaml.replace(at, from.size(), "namespace: " + kubectl_.ns());
  return yaml;
}

std::string EndToEnd::InStore(std::string example, const std::string& prefix) const {
  std::string yaml =
      Replaced(std::move(example), "https://s3.eu-central-1.amazonaws.com", store_.endpoint);
  yaml = Replaced(std::move(yaml), "bucket: my-backups", "bucket: " + store_.bucket);
  const std::size_t place = yaml.find("prefix: ");
  EXPECT_NE(place, yaml.npos) << yaml;
  yaml = Replaced(std::move(yaml), yaml.substr(place, yaml.find('\n', place) - place),
                  "prefix: " + (prefix.empty() ? "e2e/" + kubectl_.ns() : prefix) +
                      "\n    caBundle: {configMap: store-ca, key: ca.crt}");
  yaml = Replaced(std::move(yaml), "offsite-store", "store");
  return Replaced(std::move(yaml), "offsite-password", "repository-password");
}

void EndToEnd::MakeSecrets() const {
  kubectl_.Must({"create", "secret", "generic", "store",
                 "--from-literal=AWS_ACCESS_KEY_ID=" + store_.access_key,
                 "--from-literal=AWS_SECRET_ACCESS_KEY=" + store_.secret_key});
  kubectl_.Must({"create", "secret", "generic", "repository-password",
                 "--from-literal=password=correct horse battery staple"});
  kubectl_.Must({"create", "configmap", "store-ca", "--from-file=ca.crt=" + store_.ca_file});
}

std::string EndToEnd::RepositoryYaml(const std::string& limits) const {
  return "apiVersion: holdfast.dev/v1alpha1\n"
         "kind: BackupRepository\n"
         "metadata: {name: offsite}\n"
         "spec:\n"
         "  s3:\n"
         "    endpoint: " +
         store_.endpoint +
         "\n"
         "    bucket: " +
         store_.bucket +
         "\n"
         "    prefix: e2e/" +
         kubectl_.ns() +
         "\n"
         "    credentialsSecret: {name: store}\n"
         "    caBundle: {configMap: store-ca, key: ca.crt}\n"
         "  passwordSecret: {name: repository-password}\n" +
         (limits.empty() ? "" : "  limits: " + limits + "\n");
}

std::string EndToEnd::StatefulSetYaml(int replicas) const {
  return R"(apiVersion: v1
kind: Service
metadata: {name: app}
spec: {clusterIP: None, selector: {app: app}, ports: [{port: 80}]}
---
apiVersion: apps/v1
kind: StatefulSet
metadata: {name: app}
spec:
  replicas: )" +
         std::to_string(replicas) + R"(
  serviceName: app
  podManagementPolicy: Parallel
  selector: {matchLabels: {app: app}}
  template:
    metadata: {labels: {app: app}}
    spec:
      terminationGracePeriodSeconds: 0
      securityContext:
        {runAsNonRoot: true, runAsUser: 1000, runAsGroup: 1000, fsGroup: 1000,
         seccompProfile: {type: RuntimeDefault}}
      containers:
        - name: app
          image: localhost/busybox:dev
          imagePullPolicy: IfNotPresent
          command: [sleep, infinity]
          securityContext: {allowPrivilegeEscalation: false, capabilities: {drop: [ALL]}}
          volumeMounts: [{name: data, mountPath: /data}]
  volumeClaimTemplates:
    - metadata: {name: data}
      spec: {accessModes: [ReadWriteOnce], resources: {requests: {storage: 1Gi}}}
)";
}

std::string EndToEnd::PolicyYaml(const std::string& extra_spec) const {
  return "apiVersion: holdfast.dev/v1alpha1\n"
         "kind: BackupPolicy\n"
         "metadata: {name: app}\n"
         "spec:\n"
         "  target: {statefulSet: app}\n"
         "  repository: offsite\n" +
         extra_spec;
}

std::string EndToEnd::BackupYaml(const std::string& name, const std::string& more) {
  return "apiVersion: holdfast.dev/v1alpha1\n"
         "kind: Backup\n"
         "metadata: {name: " +
         name +
         "}\n"
         "spec: {policy: app, type: Incremental" +
         more + "}\n";
}

std::string EndToEnd::PodYaml(const std::string& name, const std::string& claim,
                              const std::string& user) {
  return R"(apiVersion: v1
kind: Pod
metadata: {name: )" +
         name + R"(}
spec:
  terminationGracePeriodSeconds: 0
  securityContext: {runAsNonRoot: true, seccompProfile: {type: RuntimeDefault}, )" +
         user + R"(}
  containers:
    - name: app
      image: localhost/busybox:dev
      imagePullPolicy: IfNotPresent
      command: [sleep, infinity]
      securityContext: {allowPrivilegeEscalation: false, capabilities: {drop: [ALL]}}
      volumeMounts: [{name: data, mountPath: /data}]
  volumes: [{name: data, persistentVolumeClaim: {claimName: )" +
         claim + "}}]\n";
}

void EndToEnd::MakeProtectedApp(int replicas, int megabytes, const std::string& limits) {
  MakeSecrets();
  kubectl_.Apply(StatefulSetYaml(replicas));
  kubectl_.Apply(RepositoryYaml(limits));
  kubectl_.Apply(PolicyYaml());
  kubectl_.Must({"rollout", "status", "statefulset/app", "--timeout=120s"});
  for (int ordinal = 0; ordinal < replicas; ++ordinal)
    kubectl_.Shell(
        "app-" + std::to_string(ordinal),
        "cd /data && dd if=/dev/urandom of=big bs=1M count=" + std::to_string(megabytes) +
            " 2>/dev/null && mkdir -p 'a dir/deep' && echo $HOSTNAME > 'a dir/deep/name'"
            " && : > empty && ln -s nowhere dangling && ln big hardlink"
            " && echo x > \"$(printf 'not-utf8-\\377')\" && chmod 600 empty"
            " && touch -d '2001-02-03 04:05:06' 'a dir'");
  WaitForReason("bkr", "offsite", "Ready", "True", "", seconds(120));
}

bool EndToEnd::BackedUp(const std::string& name, const std::string& more) const {
  kubectl_.Apply(BackupYaml(name, more));
  return WaitForPhase("bk", name, "Succeeded", seconds(180));
}

bool EndToEnd::Restored(const std::string& name) const {
  return WaitForPhase("rst", name, "Succeeded", seconds(240));
}

void EndToEnd::MakePod(const std::string& name, const std::string& claim) const {
  kubectl_.Apply(PodYaml(name, claim));
  kubectl_.Must({"wait", "pod/" + name, "--for=condition=Ready", "--timeout=120s"});
}

std::string EndToEnd::DataDigest(const std::string& pod) const {
  return kubectl_.Shell(
      pod,
      "cd /data && find . ! -name lost+found -exec stat -c '%n %a %u %g %s %Y %h' {} + "
      "| grep -v '^\\. ' | sed 's/\\(.* [0-9]* [0-9]* [0-9]*\\) 4096 /\\1 dir /' | sort | md5sum; "
      "find . -type f -exec md5sum {} + | sort | md5sum; "
      "find . -type l -exec readlink {} + | sort | md5sum");
}

std::string EndToEnd::ContentDigest(const std::string& pod) const {
  return kubectl_.Shell(pod,
                        "cd /data && all='find . -name lost+found -prune -o'"
                        " && $all -type f -exec stat -c '%n %u %s %Y %h' {} + | sort | md5sum"
                        " && $all -type d ! -name . -exec stat -c '%n %u %Y' {} + | sort | md5sum"
                        " && $all -type f -exec md5sum {} + | sort | md5sum"
                        " && $all -type l -exec readlink {} + | sort | md5sum");
}

Output EndToEnd::Restic(std::vector<std::string> words, const std::string& prefix) const {
  std::vector<std::string> line = {"env",
                                   "AWS_ACCESS_KEY_ID=" + store_.access_key,
                                   "AWS_SECRET_ACCESS_KEY=" + store_.secret_key,
                                   "RESTIC_PASSWORD=correct horse battery staple",
                                   "restic",
                                   "--no-cache",
                                   "--cacert=" + store_.ca_file,
                                   "--repo=s3:" + store_.endpoint + "/" + store_.bucket + "/" +
                                       (prefix.empty() ? "e2e/" + kubectl_.ns() : prefix)};
  line.insert(line.end(), words.begin(), words.end());
  return RunProgram(line);
}

bool EndToEnd::WaitForPhase(const std::string& kind, const std::string& name,
                            const std::string& phase, seconds limit) const {
  std::string now;
  const auto ended = [&] {
    return now == "Failed" || now == "Succeeded" || now == "PartiallyFailed";
  };
  const bool waited = WaitUntil(kind + "/" + name + " has phase " + phase, limit, [&] {
    now = FindString(kubectl_.Get(kind, name), {"status", "phase"});
    return now == phase || ended();
  });
  if (waited && now != phase) ADD_FAILURE() << kind << "/" << name << " ended as " << now;
  return now == phase;
}

bool EndToEnd::WaitForReason(const std::string& kind, const std::string& name,
                             const std::string& type, const std::string& status,
                             const std::string& reason, seconds limit) const {
  return WaitUntil(kind + "/" + name + " has " + type + "=" + status + " " + reason, limit, [&] {
    const Json condition = kubectl_.Condition(kind, name, type);
    return FindString(condition, {"status"}) == status &&
           (reason.empty() || FindString(condition, {"reason"}) == reason);
  });
}

std::string EndToEnd::ConditionMessage(const std::string& kind, const std::string& name,
                                       const std::string& type) const {
  return FindString(kubectl_.Condition(kind, name, type), {"message"});
}

void EndToEnd::KillOperator(const Kubectl& system) {
  const std::string pod = system.Must({"get", "pods", "-l", "app.kubernetes.io/name=holdfast", "-o",
                                       "jsonpath={.items[0].metadata.name}"});
  // One that was killed just now is on its way up again.
  ASSERT_TRUE(WaitUntil("the operator runs", std::chrono::seconds(60),
                        [&] { return Killed("holdfast-operat", pod); }));
}

void EndToEnd::KillProcess(const std::string& program, const std::string& pod) {
  ASSERT_TRUE(Killed(program, pod)) << "no process of pod " << pod;
}

bool EndToEnd::Killed(const std::string& program, const std::string& pod) {
  for (const auto& entry : fs::directory_iterator("/proc")) {
    const std::string pid = entry.path().filename();
    if (pid.find_first_not_of("0123456789") != pid.npos) continue;
    if (!ReadFile(entry.path() / "comm").starts_with(program)) continue;
    if (ReadFile(entry.path() / "environ").find("POD_NAME=" + pod) == std::string::npos) continue;
    return kill(std::stoi(pid), SIGKILL) == 0;
  }
  return false;
}

void EndToEnd::WaitForOperator() const {
  Kubectl(kOperatorNamespace).Must({"rollout", "status", "deployment/holdfast", "--timeout=120s"});
}

}  // namespace holdfast::e2e
