// A second cluster beside the one under test: of one node, with its own control plane and with
// Holdfast installed by the chart, as cluster "second". Its pods reach the first cluster's S3
// server at the same address as the first one's do: each is a bridge of this machine, which
// delivers to its own addresses whichever bridge a packet comes by.
//
// It costs a GiB of memory and half a minute, so one test of a program has it at most.
#pragma once

#include <string>

#include "tests/e2e/kubectl.h"

namespace holdfast::e2e {

class SecondCluster {
 public:
  enum class Holdfast { kInstalled, kAbsent };

  // Throws std::runtime_error, with what the program that failed said. The images are on its node
  // either way.
  explicit SecondCluster(Holdfast holdfast = Holdfast::kInstalled);
  // Takes it down; when the test has failed it first tells what is in the namespace last asked for.
  ~SecondCluster();
  SecondCluster(const SecondCluster&) = delete;
  SecondCluster& operator=(const SecondCluster&) = delete;

  // clusterName of the chart there.
  static constexpr const char* kName = "second";

  // A namespace of it, which need not exist yet.
  Kubectl In(const std::string& ns);
  const std::string& kubeconfig() const { return kubeconfig_; }

 private:
  void LoadImages();
  void Install();
  void TellWhy() const;

  const std::string name_;
  std::string kubeconfig_;
  std::string told_;  // the namespace that TellWhy looks into
};

}  // namespace holdfast::e2e
