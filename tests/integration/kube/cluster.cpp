#include "tests/integration/kube/cluster.h"

#include <cstdlib>
#include <random>

namespace holdfast::kube {

void ClusterTest::SetUp() {
  ASSERT_NE(std::getenv("KUBECONFIG"), nullptr)
      << "set KUBECONFIG to the test cluster's: $(tests/cluster/cluster kubeconfig)";
  const auto config = LoadKubeconfig("", "");
  ASSERT_TRUE(config) << config.error().message;
  config_ = *config;
  auto transport = MakeTransport(config_);
  ASSERT_TRUE(transport) << transport.error().message;
  transport_ = std::move(*transport);
  api_ = std::make_unique<Api>(*transport_);
  ns_ = "kube-test-" + std::to_string(std::random_device()());
  const auto made = api_->Create(kNamespaces, "", {{"metadata", {{"name", ns_}}}}, {});
  ASSERT_TRUE(made) << made.error().message;
}

void ClusterTest::TearDown() {
  if (api_) (void)api_->Delete(kNamespaces, {"", ns_}, {}, {});
}

Json ClusterTest::Make(const std::string& name, const std::string& value) {
  const Json object = {{"metadata", {{"name", name}}}, {"data", {{"key", value}}}};
  const auto made = api_->Create(kConfigMaps, ns_, object, {});
  EXPECT_TRUE(made) << made.error().message;
  return made.value_or(Json::object());
}

}  // namespace holdfast::kube
