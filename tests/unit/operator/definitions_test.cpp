#include "operator/definitions.h"

#include <thread>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "crds/types/backup.h"
#include "crds/types/backup_policy.h"
#include "crds/types/backup_repository.h"
#include "crds/types/field_paths.h"
#include "crds/types/restore.h"
#include "operator/kube/wait.h"
#include "tests/fakes/scripted_transport.h"

namespace holdfast::op {
namespace {

using ::testing::HasSubstr;
using ::testing::IsEmpty;

// A schema that has exactly these paths.
Json SchemaFrom(const std::set<std::string>& paths) {
  Json schema = Json::object();
  for (const std::string& path : paths) {
    Json* at = &schema;
    std::string rest = path;
    while (!rest.empty()) {
      std::string step = rest.substr(0, rest.find('.'));
      rest.erase(0, std::min(rest.size(), step.size() + 1));
      const bool list = step.ends_with("[]");
      if (list) step.resize(step.size() - 2);
      at = &(*at)["properties"][step];
      if (list) at = &(*at)["items"];
    }
    if (at->is_null()) *at = Json::object();
  }
  return schema;
}

class DefinitionsTest : public ::testing::Test {
 protected:
  DefinitionsTest() {
    Serve<crds::BackupRepository>("BackupRepository");
    Serve<crds::BackupPolicy>("BackupPolicy");
    Serve<crds::Backup>("Backup");
    Serve<crds::Restore>("Restore");
  }

  template <typename Kind>
  void Serve(const std::string& kind) {
    schemas_["dev.holdfast.v1alpha1." + kind] = SchemaFrom(crds::FieldPaths<Kind>());
  }
  // The status of the answer, with the schemas as they are.
  void Look(int status = 200) {
    transport_.Answer(status, {{"components", {{"schemas", schemas_}}}});
    std::jthread running([this](std::stop_token stop) { definitions_.Run(stop); });
    ASSERT_TRUE(transport_.AwaitRequests(++looks_));
    // The one look that Run makes at once is over when Run can be stopped.
  }

  fakes::ScriptedTransport transport_;
  kube::Api api_{transport_};
  Definitions definitions_{api_, {}};
  Json schemas_ = Json::object();
  std::size_t looks_ = 0;
};

TEST(PathsOfSchemaTest, FollowsObjectsListsAndMaps) {
  const Json schema = *ParseJson(R"({"properties": {"metadata": {"properties": {"name": {}}},
    "spec": {"properties": {"a": {"properties": {"b": {}}}, "l": {"items": {"properties": {"c": {}}}},
             "m": {"additionalProperties": {"properties": {"d": {}}}}}}}})");
  EXPECT_EQ(PathsOfSchema(schema), (std::set<std::string>{"spec.a", "spec.a.b", "spec.l",
                                                          "spec.l[].c", "spec.m", "spec.m[].d"}));
}

TEST_F(DefinitionsTest, NothingMayRunBeforeTheyWereCompared) {
  EXPECT_THAT(definitions_.Problem(), HasSubstr("not compared"));
}

TEST_F(DefinitionsTest, TheSameAreNoProblem) {
  Look();
  EXPECT_THAT(definitions_.Problem(), IsEmpty());
  EXPECT_THAT(definitions_.Note(), IsEmpty());
}

TEST_F(DefinitionsTest, OlderOnesAreNamedWithWhatTheyLack) {
  schemas_["dev.holdfast.v1alpha1.Backup"]["properties"]["status"]["properties"].erase("progress");
  Look();
  EXPECT_THAT(definitions_.Problem(),
              HasSubstr("backups.holdfast.dev is older than this operator: it lacks "
                        "status.progress. Apply"));
}

TEST_F(DefinitionsTest, NewerOnesAreOnlyNoted) {
  schemas_["dev.holdfast.v1alpha1.Backup"]["properties"]["spec"]["properties"]["speed"] = Json::object();
  Look();
  EXPECT_THAT(definitions_.Problem(), IsEmpty());
  EXPECT_THAT(definitions_.Note(), HasSubstr("newer than this operator, which leaves spec.speed"));
}

TEST_F(DefinitionsTest, WithoutTheRightToLookItWorks) {
  Look(403);
  EXPECT_THAT(definitions_.Problem(), IsEmpty());
}

TEST_F(DefinitionsTest, AServerThatFailsTellsNothing) {
  Look(503);
  EXPECT_THAT(definitions_.Problem(), HasSubstr("not compared"));
}

}  // namespace
}  // namespace holdfast::op
