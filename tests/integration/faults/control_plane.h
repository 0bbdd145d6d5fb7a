// etcd, an API server and a controller manager of the tests' own, without a node: real processes of
// tests/cluster that a test may kill. One for all tests of a program; gone when the program ends.
#pragma once

#include <filesystem>
#include <memory>
#include <string>

#include "operator/kube/api.h"
#include "operator/kube/config.h"

namespace holdfast::faults {

class ControlPlane {
 public:
  // Up, with our CustomResourceDefinitions, on first use. Throws std::runtime_error with the words
  // of what failed, as all methods here do: a test cannot go on without it.
  static ControlPlane& Shared();

  // "etcd", "apiserver" or "controller-manager". Stop is SIGKILL. Start waits until the API server
  // is ready, when all that it needs runs.
  void Stop(const std::string& component);
  void Start(const std::string& component);

  // etcd forgets all history before now.
  void Compact() const;

  // The administrator's access, straight to the API server.
  const kube::Api& api() const { return *api_; }
  const std::string& server() const { return config_.server; }
  std::filesystem::path kubeconfig() const { return folder_ / "kubeconfig"; }
  // ca.crt, ca.key, admin.crt, apiserver.crt ...
  std::filesystem::path pki() const { return folder_ / "pki"; }
  const std::filesystem::path& folder() const { return folder_; }
  // The host's end of the network that the API server listens on, for cables of a test's own.
  std::string bridge() const;
  // An address of that network which nothing else uses.
  std::string FreeAddress() const;

  ~ControlPlane();
  ControlPlane(const ControlPlane&) = delete;
  ControlPlane& operator=(const ControlPlane&) = delete;

 private:
  ControlPlane();
  std::string Verb(std::vector<std::string> words) const;

  const std::string name_;
  std::filesystem::path folder_;
  kube::ClientConfig config_;
  std::unique_ptr<kube::Transport> transport_;
  std::unique_ptr<kube::Api> api_;
};

// The four CustomResourceDefinitions of `crds/`, applied and served.
void InstallDefinitions(const ControlPlane& plane);

// kubectl as the administrator of `plane`. Throws when it fails.
std::string AdminKubectl(const ControlPlane& plane, std::vector<std::string> words,
                         const std::string& input = "");

std::string ReadFile(const std::filesystem::path& path);
// Whole or not at all, as the kubelet replaces mounted files.
void ReplaceFile(const std::filesystem::path& path, const std::string& content);

}  // namespace holdfast::faults
