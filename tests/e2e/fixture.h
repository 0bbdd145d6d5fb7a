// A namespace of its own for each test, with what most of them need: Secrets, a repository in the
// test's S3 server, a StatefulSet whose volumes hold files. When a test fails, everything that
// tells why is printed: objects, events, logs of operator and movers.
#pragma once

#include <string>
#include <vector>

#include <gtest/gtest.h>

#include "tests/e2e/kubectl.h"

namespace holdfast::e2e {

inline constexpr const char* kOperatorNamespace = "holdfast-system";

// The S3 server of the test cluster, from `tests/cluster/cluster s3 env`.
struct Store {
  std::string endpoint;
  std::string bucket;
  std::string access_key;
  std::string secret_key;
  std::string ca_file;
};

class EndToEnd : public ::testing::Test {
 protected:
  // Of the StatefulSet "app".
  static constexpr const char* kWorkloadsUser = "runAsUser: 1000, runAsGroup: 1000, fsGroup: 1000";

  void SetUp() override;
  void TearDown() override;

  // A file below examples/, for this namespace instead of "shop".
  std::string Example(const std::string& path) const;
  // The repositories of an example are in the test's store, below `prefix` (this namespace's unless
  // it is given), with the Secrets of MakeSecrets. Each of the example's own places has to be in
  // it.
  std::string InStore(std::string example, const std::string& prefix = "") const;

  // Secrets "store" and "repository-password", ConfigMap "store-ca".
  void MakeSecrets() const;
  // A BackupRepository "offsite"; `limits` is YAML for spec.limits in one line, or empty.
  std::string RepositoryYaml(const std::string& limits = "") const;
  // A StatefulSet "app" of busybox pods, claim template "data" mounted at /data, as user 1000.
  std::string StatefulSetYaml(int replicas) const;
  std::string PolicyYaml(const std::string& extra_spec = "") const;
  // `more` goes on with spec: ", pinned: true".
  static std::string BackupYaml(const std::string& name, const std::string& more = "");
  // A busybox pod that has `claim` at /data; `user` is YAML for its securityContext.
  static std::string PodYaml(const std::string& name, const std::string& claim,
                             const std::string& user = kWorkloadsUser);

  // Repository ready, StatefulSet running with `megabytes` of random data and awkward files each.
  void MakeProtectedApp(int replicas, int megabytes, const std::string& limits = "");
  // The Backup is made, and succeeds.
  bool BackedUp(const std::string& name, const std::string& more = "") const;
  // The Restore, which somebody has made, succeeds.
  bool Restored(const std::string& name) const;
  // The pod of PodYaml, once it is ready.
  void MakePod(const std::string& name, const std::string& claim) const;
  // A digest over every path, mode, owner, link target and content below /data of a pod.
  std::string DataDigest(const std::string& pod) const;
  // The same without what a kubelet does to modes and groups for fsGroup on storage of a CSI
  // driver.
  std::string ContentDigest(const std::string& pod) const;

  // Stock restic with a repository in the test's store: this namespace's unless `prefix` names
  // another.
  Output Restic(std::vector<std::string> words, const std::string& prefix = "") const;

  bool WaitForPhase(const std::string& kind, const std::string& name, const std::string& phase,
                    std::chrono::seconds limit) const;
  bool WaitForReason(const std::string& kind, const std::string& name, const std::string& type,
                     const std::string& status, const std::string& reason,
                     std::chrono::seconds limit) const;
  std::string ConditionMessage(const std::string& kind, const std::string& name,
                               const std::string& type) const;

  // SIGKILL for the operator's process, as the kernel would send it; of another cluster by its own
  // `system`.
  static void KillOperator(const Kubectl& system = Kubectl(kOperatorNamespace));
  // The same for the process of a pod of ours whose name begins with `program` (15 letters at
  // most).
  static void KillProcess(const std::string& program, const std::string& pod);
  // False when there is none.
  static bool Killed(const std::string& program, const std::string& pod);
  void WaitForOperator() const;

  Store store_;
  Kubectl kubectl_{""};
};

}  // namespace holdfast::e2e
