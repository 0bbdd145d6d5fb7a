// The real API server that $KUBECONFIG names, for the tests beside this file.
#pragma once

#include <memory>
#include <string>

#include <gtest/gtest.h>

#include "operator/kube/api.h"
#include "operator/kube/config.h"

namespace holdfast::kube {

inline const Resource kNamespaces{"", "v1", "namespaces", "Namespace"};
inline const Resource kConfigMaps{"", "v1", "configmaps", "ConfigMap"};

// A test in a namespace of its own. Fails, never skips, when there is no cluster.
class ClusterTest : public ::testing::Test {
 protected:
  void SetUp() override;
  void TearDown() override;

  ObjectKey Key(const std::string& name) const { return {ns_, name}; }
  // Creates a ConfigMap with one entry; fails the test when that fails.
  Json Make(const std::string& name, const std::string& value);

  ClientConfig config_;
  std::unique_ptr<Transport> transport_;
  std::unique_ptr<Api> api_;
  std::string ns_;
};

}  // namespace holdfast::kube
