#include "tests/e2e/copied_app.h"

#include <stdexcept>

namespace holdfast::e2e {

using std::chrono::seconds;

void CopiedApp::MakeApp(const std::string& limits, const std::string& of_data,
                        const std::string& of_log) const {
  MakeSecrets();
  kubectl_.Apply(RepositoryYaml(limits));
  kubectl_.Apply(AppYaml(of_data, of_log));
  kubectl_.Must({"rollout", "status", "statefulset/app", "--timeout=120s"});
  kubectl_.Shell("app-0", "dd if=/dev/urandom of=/data/big bs=1M count=16 2>/dev/null && sync");
  ASSERT_TRUE(WaitForReason("bkr", "offsite", "Ready", "True", "", seconds(60)));
}

std::string CopiedApp::AppYaml(const std::string& of_data, const std::string& of_log) {
  return R"(apiVersion: v1
kind: Service
metadata: {name: app}
spec: {clusterIP: None, selector: {app: app}, ports: [{port: 80}]}
---
apiVersion: apps/v1
kind: StatefulSet
metadata: {name: app}
spec:
  replicas: 1
  serviceName: app
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
          command:
            - sh
            - -c
            - |
              i=0
              while :; do
                if [ -e /dev/shm/hold ]; then touch /dev/shm/held; sleep 0.05; continue; fi
                rm -f /dev/shm/held
                i=$((i+1))
                for folder in /data /log; do echo $i >$folder/next; mv $folder/next $folder/count; done
              done
          securityContext: {allowPrivilegeEscalation: false, capabilities: {drop: [ALL]}}
          volumeMounts: [{name: data, mountPath: /data}, {name: log, mountPath: /log}]
  volumeClaimTemplates:
    - metadata: {name: data}
      spec: {accessModes: [ReadWriteOnce], resources: {requests: {storage: 64Mi}}, storageClassName: )" +
         of_data + R"(}
    - metadata: {name: log}
      spec: {accessModes: [ReadWriteOnce], resources: {requests: {storage: 64Mi}}, storageClassName: )" +
         of_log + "}\n";
}

void CopiedApp::Policy(const std::string& more) const { kubectl_.Apply(PolicyYaml(more)); }

void CopiedApp::BackUp(const std::string& name) const { kubectl_.Apply(BackupYaml(name)); }

void CopiedApp::BackUpBy(const std::string& name, const std::string& more) const {
  std::string policy = PolicyYaml(more);
  policy.replace(policy.find("{name: app}"), 11, "{name: " + name + "}");
  std::string backup = BackupYaml(name);
  backup.replace(backup.find("policy: app"), 11, "policy: " + name);
  kubectl_.Apply(policy);
  kubectl_.Apply(backup);
}

Json CopiedApp::Status(const std::string& backup) const {
  const Json object = kubectl_.Get("bk", backup);
  return object.is_null() ? Json::object() : object.value("status", Json::object());
}

Json CopiedApp::Volume(const std::string& backup, std::size_t i) const {
  return Status(backup).value("volumes", Json::array()).at(i);
}

int CopiedApp::Count() const { return std::stoi(kubectl_.Shell("app-0", "cat /data/count")); }

std::vector<Json> CopiedApp::Items(const std::string& kind) const {
  return ParseJson(kubectl_.Must({"get", kind, "-o", "json"})).value()["items"];
}

std::string CopiedApp::Staged() const {
  std::string left;
  const auto name = [&](const Json& object) {
    left += FindString(object, {"kind"}) + "/" + FindString(object, {"metadata", "name"}) + " ";
  };
  for (const Json& object : Items("volumesnapshots,volumegroupsnapshots,jobs"))
    if (FindString(object, {"metadata", "labels", "holdfast.dev/verb"}) != "probe") name(object);
  for (const Json& claim : Items("pvc"))
    if (!FindString(claim, {"metadata", "name"}).ends_with("-app-0") ||
        Find(claim, {"metadata", "ownerReferences"}) != nullptr)
      name(claim);
  for (const Json& content : Items("volumesnapshotcontents"))
    if (FindString(content, {"spec", "volumeSnapshotRef", "namespace"}) == kubectl_.ns())
      name(content);
  for (const Json& content : Items("volumegroupsnapshotcontents"))
    if (FindString(content, {"spec", "volumeGroupSnapshotRef", "namespace"}) == kubectl_.ns())
      name(content);
  for (const Json& volume : Items("pv"))
    if (FindString(volume, {"spec", "claimRef", "namespace"}) == kubectl_.ns() &&
        !FindString(volume, {"spec", "claimRef", "name"}).ends_with("-app-0"))
      name(volume);
  return left;
}

void CopiedApp::ExpectNothingLeft(const std::string& after) const {
  std::string left;
  EXPECT_TRUE(WaitUntil("nothing is left after " + after, seconds(60), [&] {
    return (left = Staged()).empty();
  })) << left;
}

bool CopiedApp::AwaitReading(const std::string& backup) const {
  return WaitUntil("a mover of " + backup + " reads", seconds(60), [&] {
    for (const Json& volume : Status(backup).value("volumes", Json::array()))
      if (FindString(volume, {"state"}) == "Running") return true;
    return false;
  });
}

std::string CopiedApp::OtherNode() const {
  const std::string used = FindString(kubectl_.Get("pod", "app-0"), {"spec", "nodeName"});
  for (const Json& node : Items("nodes"))
    if (const std::string name = FindString(node, {"metadata", "name"}); name != used) return name;
  throw std::runtime_error("the test needs two nodes");
}

std::string CopiedApp::Dumped(const std::string& snapshot, const std::string& path) const {
  return Restic({"--quiet", "dump", snapshot, "/" + kubectl_.ns() + path}).text;
}

}  // namespace holdfast::e2e
