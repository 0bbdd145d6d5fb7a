#include "tests/e2e/second_cluster.h"

#include <iostream>
#include <stdexcept>

#include <gtest/gtest.h>

#include "tests/e2e/cluster.h"

namespace holdfast::e2e {
namespace {

constexpr const char* kProgram = "tests/cluster/cluster";

std::string NameBeside() { return ClusterName() + "-2"; }

std::string Must(const std::vector<std::string>& words) {
  const Output output = RunProgram(words);
  if (output.ok()) return output.text;
  std::string line;
  for (const std::string& word : words) line += word + " ";
  throw std::runtime_error(line + ": " + output.text);
}

}  // namespace

SecondCluster::SecondCluster(Holdfast holdfast) : name_(NameBeside()) {
  Must({kProgram, "down", "--name", name_});  // of a test that was killed
  Must({kProgram, "up", "--name", name_, "--nodes", "1"});
  kubeconfig_ = FirstLine(Must({kProgram, "kubeconfig", "--name", name_}));
  try {
    LoadImages();
    if (holdfast == Holdfast::kInstalled) Install();
  } catch (const std::exception&) {
    RunProgram({kProgram, "down", "--name", name_});
    throw;
  }
}

SecondCluster::~SecondCluster() {
  if (::testing::Test::HasFailure()) TellWhy();
  const Output down = RunProgram({kProgram, "down", "--name", name_});
  EXPECT_TRUE(down.ok()) << down.text;
}

void SecondCluster::LoadImages() {
  for (const char* image :
       {"build/images/holdfast-operator.tar", "build/images/holdfast-mover.tar", "busybox"})
    Must({kProgram, "load", "--name", name_, image});
}

void SecondCluster::Install() {
  Must({"helm", "upgrade", "--install", "holdfast", "helm/holdfast", "--kubeconfig", kubeconfig_,
        "--namespace", "holdfast-system", "--create-namespace", "--set",
        std::string("clusterName=") + kName + ",image.tag=dev,moverImage.tag=dev", "--wait",
        "--timeout", "120s"});
}

Kubectl SecondCluster::In(const std::string& ns) {
  told_ = ns;
  return Kubectl(ns, kubeconfig_);
}

void SecondCluster::TellWhy() const {
  const auto show = [](const std::string& title, const Output& output) {
    std::cerr << "\n----- second cluster: " << title << " -----\n" << output.text << std::endl;
  };
  const Kubectl there(told_, kubeconfig_);
  show("objects", there.Run({"get", "bkr,bkp,bk,rst,sts,jobs,pods,pvc", "-o", "wide"}));
  show("holdfast objects", there.Run({"get", "bkr,bkp,rst", "-o", "yaml"}));
  show("pods", there.Run({"describe", "pods"}));
  show("movers",
       there.Run({"logs", "-l", "app.kubernetes.io/managed-by=holdfast", "--tail=50", "--prefix"}));
  show("operator",
       Kubectl("holdfast-system", kubeconfig_).Run({"logs", "deployment/holdfast", "--tail=100"}));
}

}  // namespace holdfast::e2e
