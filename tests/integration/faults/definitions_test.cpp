// CustomResourceDefinitions that are missing, older or newer than the operator.
#include "tests/integration/faults/scene.h"

namespace holdfast::faults {
namespace {

const kube::Resource kDefinitions{"apiextensions.k8s.io", "v1", "customresourcedefinitions",
                                  "CustomResourceDefinition"};

class DefinitionsFaultTest : public FaultTest {
 protected:
  void TearDown() override {
    InstallDefinitions(plane());
    FaultTest::TearDown();
  }

  // Changes the schema of Backups' status or spec.
  void Patch(const std::string& op, const std::string& path, const std::string& value = "") const {
    AdminKubectl(plane(),
                 {"patch", "crd", "backups.holdfast.dev", "--type=json", "--patch",
                  R"([{"op": ")" + op +
                      R"(", "path": "/spec/versions/0/schema/openAPIV3Schema/properties/)" + path +
                      "\"" + (value.empty() ? "" : R"(, "value": )" + value) + "}]"});
  }
  static bool Says(const OperatorProcess& one, const std::string& status, const std::string& text) {
    const std::string health = one.Health("/readyz");
    return health.starts_with(status) && health.find(text) != health.npos;
  }
};

TEST_F(DefinitionsFaultTest, MissingOnesAreNamedAndWaitedFor) {
  AdminKubectl(plane(), {"delete", "--wait", "-f", "crds/"});
  OperatorProcess& one = StartOperator();
  EXPECT_TRUE(Await(seconds(60), [&] {
    return Says(one, "503", "the API server does not serve backups.holdfast.dev");
  })) << one.Health("/readyz");
  EXPECT_TRUE(one.Logged("install its CustomResourceDefinition"));
  InstallDefinitions(plane());
  EXPECT_TRUE(Await(seconds(90), [&] { return one.Ready(); })) << one.Health("/readyz");
  MakeApp();
  EXPECT_TRUE(Works());
  EXPECT_TRUE(one.Running());
}

TEST_F(DefinitionsFaultTest, ThoseThatGoWhileItRunsAreMissed) {
  OperatorProcess& one = StartOperator();
  ASSERT_TRUE(Await(seconds(60), [&] { return one.Ready(); }));
  AdminKubectl(plane(), {"delete", "--wait", "-f", "crds/"});
  EXPECT_TRUE(Await(seconds(120), [&] { return Says(one, "503", "does not serve"); }))
      << one.Health("/readyz");
  InstallDefinitions(plane());
  EXPECT_TRUE(Await(seconds(90), [&] { return one.Ready(); })) << one.Health("/readyz");
  MakeApp();
  EXPECT_TRUE(Works());
  EXPECT_TRUE(one.Running());
}

TEST_F(DefinitionsFaultTest, OlderOnesAreNamedAndWaitedFor) {
  Patch("remove", "status/properties/throughput");
  OperatorProcess& one = StartOperator();
  const std::string words =
      "backups.holdfast.dev is older than this operator: it lacks status.throughput";
  // The published schema follows the definition by a moment.
  EXPECT_TRUE(Await(seconds(60), [&] { return Says(one, "503", words); })) << one.Health("/readyz");
  EXPECT_TRUE(one.Logged(words));
  EXPECT_FALSE(one.Logged("caches are synced, reconciling"));
  InstallDefinitions(plane());
  EXPECT_TRUE(Await(seconds(60), [&] { return one.Ready(); })) << one.Health("/readyz");
  EXPECT_TRUE(one.Logged("up to date now"));
  MakeApp();
  EXPECT_TRUE(Works());
}

TEST_F(DefinitionsFaultTest, NewerOnesAreNotedAndWorkedWith) {
  Patch("add", "spec/properties/speed", R"({"type": "string", "maxLength": 9})");
  OperatorProcess& one = StartOperator();
  const std::string words =
      "backups.holdfast.dev is newer than this operator, which leaves spec.speed alone";
  EXPECT_TRUE(Await(seconds(60), [&] { return Says(one, "200", words); })) << one.Health("/readyz");
  EXPECT_TRUE(one.Logged(words));
  MakeApp();
  EXPECT_TRUE(Works());
  Patch("remove", "spec/properties/speed");  // what apply does not own stays
}

}  // namespace
}  // namespace holdfast::faults
