// A test in a namespace of its own on the shared control plane, with what an operator works on.
// When a test fails, the operators' logs and the objects are printed.
#pragma once

#include <chrono>
#include <filesystem>
#include <functional>
#include <list>
#include <memory>
#include <string>

#include <gtest/gtest.h>

#include "tests/integration/faults/control_plane.h"
#include "tests/integration/faults/fault_proxy.h"
#include "tests/integration/faults/operator_process.h"
#include "tests/integration/faults/played_kubelet.h"

namespace holdfast::faults {

using std::chrono::seconds;

// Looks until `done`; false after `limit`.
bool Await(seconds limit, const std::function<bool()>& done);

// A kubeconfig in `folder` for `server`; `user` is YAML of the user in one line.
std::string WriteKubeconfig(const std::filesystem::path& folder, const std::string& name,
                            const std::string& server, const std::filesystem::path& ca,
                            const std::string& user = "{token: none}");

class FaultTest : public ::testing::Test {
 protected:
  void SetUp() override;
  void TearDown() override;

  // Starts an operator. Without a kubeconfig in the options it goes straight to the API server as
  // the administrator; without a namespace it watches the test's own.
  OperatorProcess& StartOperator(OperatorOptions options = {});
  // The options of one that goes through `proxy`.
  OperatorOptions Through(const FaultProxy& proxy, const std::string& name = "proxied") const;

  // A StatefulSet "app" with one replica, a repository "offsite" and a policy "app" of theirs.
  // `policy` is more YAML of the policy's spec, each line indented by two blanks.
  void MakeApp(const std::string& policy = "") const;
  void MakeBackup(const std::string& name) const;
  void MakeRestore(const std::string& name, const std::string& backup) const;
  void ApplyYaml(const std::string& yaml) const;

  // The object, or null.
  Json Get(const kube::Resource& resource, const std::string& name) const;
  std::string Phase(const kube::Resource& resource, const std::string& name) const;
  Json Condition(const kube::Resource& resource, const std::string& name,
                 const std::string& type) const;
  std::vector<Json> All(const kube::Resource& resource) const;
  // Fails the test, and returns false, when `limit` passes first.
  bool BackupSucceeds(const std::string& name, seconds limit = seconds(120)) const;
  // A new Backup succeeds: the operator works.
  bool Works(seconds limit = seconds(120));

  // Each Job made one pod and was made once.
  void ExpectNoDuplicateJob() const;

  ControlPlane& plane() const { return *plane_; }
  const std::string& ns() const { return ns_; }
  const std::filesystem::path& folder() const { return folder_; }
  PlayedKubelet& kubelet() { return *kubelet_; }
  const std::list<std::unique_ptr<OperatorProcess>>& operators() const { return operators_; }

 private:
  void Tell() const;

  ControlPlane* plane_ = nullptr;
  std::string ns_;
  std::filesystem::path folder_;
  std::unique_ptr<PlayedKubelet> kubelet_;
  std::list<std::unique_ptr<OperatorProcess>> operators_;
  int works_ = 0;
};

extern const kube::Resource kNamespaces;
extern const kube::Resource& kRepositories;
extern const kube::Resource& kPolicies;
extern const kube::Resource& kBackups;
extern const kube::Resource& kRestores;

}  // namespace holdfast::faults
