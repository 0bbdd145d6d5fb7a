// The CRDs of this checkout, installed on the cluster that KUBECONFIG names, and a namespace
// for each test suite.
#pragma once

#include <cstdlib>
#include <optional>
#include <stdexcept>
#include <string>

#include <gtest/gtest.h>
#include <unistd.h>

#include "tests/e2e/kubectl.h"

namespace holdfast::crds {

class CrdTest : public testing::Test {
 protected:
  static void SetUpTestSuite() {
    for (const char* name : {"KUBECONFIG", "HOLDFAST_KUBECTL"})
      if (std::getenv(name) == nullptr)
        throw std::runtime_error(std::string(name) +
                                 " is not set: start a cluster with tests/cluster/cluster up and "
                                 "take both from tests/cluster/cluster env");
    static int suites = 0;  // a namespace each: deleting one takes a while
    kubectl_.emplace("crds-" + std::to_string(getpid()) + "-" + std::to_string(++suites));
    kubectl_->Must({"apply", "--server-side", "--force-conflicts", "-f", "crds/"});
    kubectl_->Must({"wait", "--for=condition=Established", "--timeout=60s", "-f", "crds/"});
    kubectl_->Must({"create", "namespace", kubectl_->ns()});
  }
  static void TearDownTestSuite() {
    if (kubectl_)
      kubectl_->Run({"delete", "namespace", kubectl_->ns(), "--ignore-not-found", "--wait=false"});
  }

  static const e2e::Kubectl& kubectl() { return *kubectl_; }

 private:
  inline static std::optional<e2e::Kubectl> kubectl_;
};

}  // namespace holdfast::crds
