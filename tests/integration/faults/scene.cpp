#include "tests/integration/faults/scene.h"

#include <cstdlib>
#include <iostream>
#include <random>
#include <thread>

#include <spdlog/fmt/fmt.h>

#include "controllers/kinds.h"
#include "crds/types/backup.h"
#include "crds/types/backup_policy.h"
#include "crds/types/backup_repository.h"
#include "crds/types/restore.h"

namespace holdfast::faults {

const kube::Resource kNamespaces{"", "v1", "namespaces", "Namespace"};
const kube::Resource& kRepositories = controllers::ResourceOf<crds::BackupRepository>();
const kube::Resource& kPolicies = controllers::ResourceOf<crds::BackupPolicy>();
const kube::Resource& kBackups = controllers::ResourceOf<crds::Backup>();
const kube::Resource& kRestores = controllers::ResourceOf<crds::Restore>();

bool Await(seconds limit, const std::function<bool()>& done) {
  const auto deadline = std::chrono::steady_clock::now() + limit;
  while (!done()) {
    if (std::chrono::steady_clock::now() > deadline) return false;
    std::this_thread::sleep_for(std::chrono::milliseconds(20));  // between two looks
  }
  return true;
}

std::string WriteKubeconfig(const std::filesystem::path& folder, const std::string& name,
                            const std::string& server, const std::filesystem::path& ca,
                            const std::string& user) {
  const std::filesystem::path file = folder / (name + ".kubeconfig");
  ReplaceFile(file, fmt::format("apiVersion: v1\nkind: Config\ncurrent-context: c\n"
                                "clusters: [{{name: c, cluster: {{server: \"{}\", "
                                "certificate-authority: {}}}}}]\n"
                                "users: [{{name: u, user: {}}}]\n"
                                "contexts: [{{name: c, context: {{cluster: c, user: u}}}}]\n",
                                server, ca.string(), user));
  return file;
}

void FaultTest::SetUp() {
  plane_ = &ControlPlane::Shared();
  ns_ = "faults-" + std::to_string(std::random_device()());
  folder_ = std::filesystem::temp_directory_path() / ns_;
  std::filesystem::create_directories(folder_);
  const auto made = plane_->api().Create(kNamespaces, "", {{"metadata", {{"name", ns_}}}}, {});
  ASSERT_TRUE(made) << made.error().message;
  kubelet_ = std::make_unique<PlayedKubelet>(plane_->api(), ns_);
}

void FaultTest::TearDown() {
  for (const auto& one : operators_)
    EXPECT_FALSE(one->Logged("Sanitizer: ")) << "a report of a sanitizer";
  if (HasFailure()) Tell();
  operators_.clear();
  kubelet_.reset();
  std::filesystem::remove_all(folder_);
  // Nobody is left to take what would hold up the namespace, and the definitions' deletion.
  for (const kube::Resource* kind : {&kBackups, &kRestores})
    for (const Json& object : All(*kind))
      (void)plane_->api().MergePatch(*kind, {ns_, FindString(object, {"metadata", "name"})},
                                     {{"metadata", {{"finalizers", nullptr}}}}, {});
  (void)plane_->api().Delete(kNamespaces, {"", ns_}, {}, {});
}

void FaultTest::Tell() const {
  for (const auto& one : operators_) {
    const std::string log = one->Log();
    std::cerr << "\n--- the end of the log of operator " << one->pid() << "\n"
              << log.substr(log.size() < 12000 ? 0 : log.size() - 12000);
  }
  for (const kube::Resource* kind :
       {&kRepositories, &kPolicies, &kBackups, &kRestores, &kube::kJobs, &kube::kEvents})
    for (Json& object : All(*kind)) {
      if (object.contains("metadata")) object["metadata"].erase("managedFields");
      std::cerr << "--- " << kind->kind << " " << DumpJson(object).substr(0, 4000) << "\n";
    }
}

OperatorProcess& FaultTest::StartOperator(OperatorOptions options) {
  if (options.kubeconfig.empty()) options.kubeconfig = plane_->kubeconfig();
  if (options.ns.empty()) options.ns = ns_;
  const std::string log = fmt::format("operator{}.log", operators_.size());
  return *operators_.emplace_back(std::make_unique<OperatorProcess>(options, folder_ / log));
}

OperatorOptions FaultTest::Through(const FaultProxy& proxy, const std::string& name) const {
  OperatorOptions options;
  options.kubeconfig = WriteKubeconfig(folder_, name, proxy.server(), plane_->pki() / "ca.crt");
  return options;
}

void FaultTest::ApplyYaml(const std::string& yaml) const {
  AdminKubectl(*plane_, {"--namespace", ns_, "apply", "--server-side", "-f", "-"}, yaml);
}

void FaultTest::MakeApp(const std::string& policy) const {
  ApplyYaml(R"(apiVersion: apps/v1
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
      containers: [{name: app, image: none, volumeMounts: [{name: data, mountPath: /data}]}]
  volumeClaimTemplates:
    - metadata: {name: data}
      spec: {accessModes: [ReadWriteOnce], resources: {requests: {storage: 1Gi}}}
---
apiVersion: holdfast.dev/v1alpha1
kind: BackupRepository
metadata: {name: offsite}
spec:
  s3: {endpoint: "https://s3.example.com", bucket: backups, prefix: p, credentialsSecret: {name: store}}
  passwordSecret: {name: repository-password}
---
apiVersion: holdfast.dev/v1alpha1
kind: BackupPolicy
metadata: {name: app}
spec:
  target: {statefulSet: app}
  repository: offsite
)" + policy);
}

void FaultTest::MakeBackup(const std::string& name) const {
  const Json backup = {{"apiVersion", kBackups.ApiVersion()},
                       {"kind", kBackups.kind},
                       {"metadata", {{"name", name}}},
                       {"spec", {{"policy", "app"}, {"type", "Incremental"}}}};
  const auto made = plane_->api().Create(kBackups, ns_, backup, {});
  ASSERT_TRUE(made) << made.error().message;
}

void FaultTest::MakeRestore(const std::string& name, const std::string& backup) const {
  const Json restore = {
      {"apiVersion", kRestores.ApiVersion()},
      {"kind", kRestores.kind},
      {"metadata", {{"name", name}}},
      {"spec", {{"source", {{"backup", backup}}}, {"target", {{"statefulSet", "app"}}}}}};
  const auto made = plane_->api().Create(kRestores, ns_, restore, {});
  ASSERT_TRUE(made) << made.error().message;
}

Json FaultTest::Get(const kube::Resource& resource, const std::string& name) const {
  return plane_->api().Get(resource, {ns_, name}, {}).value_or(Json());
}

std::string FaultTest::Phase(const kube::Resource& resource, const std::string& name) const {
  return FindString(Get(resource, name), {"status", "phase"});
}

Json FaultTest::Condition(const kube::Resource& resource, const std::string& name,
                          const std::string& type) const {
  const Json object = Get(resource, name);
  const Json* conditions = Find(object, {"status", "conditions"});
  if (conditions == nullptr) return Json();
  for (const Json& condition : *conditions)
    if (FindString(condition, {"type"}) == type) return condition;
  return Json();
}

std::vector<Json> FaultTest::All(const kube::Resource& resource) const {
  std::vector<Json> all;
  kube::ListOptions options;
  options.ns = ns_;
  const auto listed = plane_->api().List(resource, options,
                                         [&](const Json& object) -> Result<void> {
                                           all.push_back(object);
                                           return {};
                                         },
                                         {});
  EXPECT_TRUE(listed) << listed.error().message;
  return all;
}

bool FaultTest::BackupSucceeds(const std::string& name, seconds limit) const {
  const bool done = Await(limit, [&] { return Phase(kBackups, name) == "Succeeded"; });
  EXPECT_TRUE(done) << "Backup " << name << " is " << Phase(kBackups, name) << " after "
                    << limit.count() << " s";
  return done;
}

bool FaultTest::Works(seconds limit) {
  const std::string name = "works-" + std::to_string(++works_);
  MakeBackup(name);
  return BackupSucceeds(name, limit);
}

void FaultTest::ExpectNoDuplicateJob() const {
  for (const auto& [job, uids] : kubelet_->jobs()) EXPECT_EQ(uids.size(), 1u) << job;
}

}  // namespace holdfast::faults
