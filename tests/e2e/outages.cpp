#include "tests/e2e/outages.h"

#include <gtest/gtest.h>

#include "tests/e2e/cluster.h"

namespace holdfast::e2e {
namespace {

using std::chrono::seconds;
using std::chrono::steady_clock;

constexpr const char* kOutOfService = "node.kubernetes.io/out-of-service";

std::string NodeOfOperator(const Kubectl& system) {
  return system.Must({"get", "pods", "-l", "app.kubernetes.io/name=holdfast", "-o",
                      "jsonpath={.items[0].spec.nodeName}"});
}

}  // namespace

StoreAway::StoreAway() {
  const Output down = Cluster({"s3", "down"});
  EXPECT_TRUE(down.ok()) << down.text;
}

StoreAway::~StoreAway() {
  const Output up = Cluster({"s3", "up"});
  EXPECT_TRUE(up.ok()) << up.text;
}

void StoreAway::LastAMinute(const std::function<void()>& look) const {
  WaitUntil("the store has been away for a minute", seconds(120), [&] {
    look();
    return ::testing::Test::HasFailure() || steady_clock::now() > since_ + seconds(60);
  });
}

LostNode::LostNode() : system_("holdfast-system"), home_(NodeOfOperator(system_)) {
  system_.Must({"cordon", home_});
}

LostNode::~LostNode() {
  system_.Run({"uncordon", home_});
  if (lost_.empty()) return;
  const Output mended = Cluster({"node", "mend", lost_});
  EXPECT_TRUE(mended.ok()) << mended.text;
  system_.Run({"taint", "nodes", lost_, std::string(kOutOfService) + "-"});
  const Output ready =
      system_.Run({"wait", "node/" + lost_, "--for=condition=Ready", "--timeout=120s"});
  EXPECT_TRUE(ready.ok()) << ready.text;
}

void LostNode::Cut(const std::string& node) {
  ASSERT_NE(node, home_) << "the operator is to see it";
  lost_ = node;
  const Output cut = Cluster({"node", "cut", lost_});
  ASSERT_TRUE(cut.ok()) << cut.text;
  ASSERT_TRUE(WaitUntil("node " + lost_ + " is called lost", seconds(180), [this] {
    return FindString(system_.Condition("node", lost_, "Ready"), {"status"}) == "Unknown";
  }));
  system_.Must({"uncordon", home_});
}

void LostNode::GiveUp() const {
  system_.Must({"taint", "nodes", lost_, std::string(kOutOfService) + "=nodeshutdown:NoExecute"});
}

SmallClaim::SmallClaim(const Kubectl& kubectl, const std::string& name, const std::string& node,
                       int mebibytes)
    : kubectl_(kubectl), name_(name) {
  const Output folder =
      Cluster({"node", "add-volume", node, kubectl_.ns(), std::to_string(mebibytes) + "m"});
  EXPECT_TRUE(folder.ok()) << folder.text;
  const std::string size = "storage: " + std::to_string(mebibytes) + "Mi";
  kubectl_.Apply(
      "apiVersion: v1\nkind: PersistentVolume\nmetadata: {name: " + kubectl_.ns() +
      "}\nspec:\n  capacity: {" + size +
      "}\n  accessModes: [ReadWriteOnce]\n"
      "  storageClassName: small\n  persistentVolumeReclaimPolicy: Retain\n"
      "  hostPath: {path: " +
      FirstLine(folder.text) +
      "}\n  nodeAffinity: {required: {nodeSelectorTerms: [{matchExpressions: [{key: "
      "kubernetes.io/hostname, operator: In, values: [" +
      node + "]}]}]}}\n---\napiVersion: v1\nkind: PersistentVolumeClaim\nmetadata: {name: " +
      name_ + "}\nspec: {accessModes: [ReadWriteOnce], storageClassName: small, volumeName: " +
      kubectl_.ns() + ", resources: {requests: {" + size + "}}}\n");
}

SmallClaim::~SmallClaim() {
  kubectl_.Run({"delete", "pv", kubectl_.ns(), "--ignore-not-found", "--wait=false"});
}

void SmallClaim::Remove() const {
  kubectl_.Must({"delete", "pvc", name_, "--timeout=60s"});
  kubectl_.Must({"delete", "pv", kubectl_.ns()});
}

}  // namespace holdfast::e2e
