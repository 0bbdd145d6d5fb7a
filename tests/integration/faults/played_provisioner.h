// Plays a CSI driver's provisioner for a control plane without nodes, in one namespace: a claim of
// its StorageClass without a dataSourceRef gets a PersistentVolume, and one that is released goes.
// The volume controller of the control plane is the real one.
#pragma once

#include <string>
#include <thread>

#include "operator/kube/api.h"

namespace holdfast::faults {

class PlayedProvisioner {
 public:
  // The StorageClass, whose reclaim policy is Retain; it binds at once.
  static constexpr const char* kClass = "played";

  // Makes the StorageClass and the CSIDriver, where they are missing. `api` must outlive it.
  PlayedProvisioner(const kube::Api& api, std::string ns);

 private:
  void Play(std::stop_token stop);
  void Provision(const Json& claim, std::stop_token stop);

  const kube::Api& api_;
  const std::string ns_;
  std::jthread play_;
};

}  // namespace holdfast::faults
