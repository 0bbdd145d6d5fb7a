#include "controllers/audit.h"

#include <sstream>

#include <gtest/gtest.h>
#include <spdlog/sinks/ostream_sink.h>

#include "crds/types/restore.h"

namespace holdfast::controllers {
namespace {

// As the API server of Kubernetes 1.34 writes it.
Json Restored() {
  return Json::parse(R"({"metadata": {
    "annotations": {"holdfast.dev/requested-by": "jane@example.com"},
    "managedFields": [
      {"manager": "kubectl-create", "operation": "Update", "apiVersion": "holdfast.dev/v1alpha1",
       "time": "2026-08-01T12:00:00Z", "fieldsType": "FieldsV1",
       "fieldsV1": {"f:spec": {".": {}, "f:source": {".": {}, "f:policy": {}}, "f:verify": {}}}},
      {"manager": "argocd-controller", "operation": "Apply", "apiVersion": "holdfast.dev/v1alpha1",
       "time": "2026-08-02T12:00:00Z", "fieldsType": "FieldsV1",
       "fieldsV1": {"f:spec": {"f:retention": {"f:keepLast": {}}}}},
      {"manager": "kubectl-label", "operation": "Update", "apiVersion": "holdfast.dev/v1alpha1",
       "time": "2026-08-03T12:00:00Z", "fieldsType": "FieldsV1",
       "fieldsV1": {"f:metadata": {"f:labels": {"f:a": {}}}}},
      {"manager": "holdfast", "operation": "Apply", "apiVersion": "holdfast.dev/v1alpha1",
       "time": "2026-08-04T12:00:00Z", "subresource": "status", "fieldsType": "FieldsV1",
       "fieldsV1": {"f:spec": {}, "f:status": {"f:phase": {}}}}]}})");
}

TEST(RequesterTest, IsWhoLastChangedTheSpec) {
  const Requester requester = RequesterOf(Restored(), "", false);
  EXPECT_EQ(requester.manager, "argocd-controller");
  EXPECT_EQ(requester.operation, "Apply");
  EXPECT_EQ(requester.time, "2026-08-02T12:00:00Z");
  EXPECT_EQ(requester.user, "") << "an annotation that nobody holds true is not believed";
  EXPECT_EQ(Describe(requester), "argocd-controller");
}

TEST(RequesterTest, IsWhoOwnsTheField) {
  EXPECT_EQ(RequesterOf(Restored(), "source", false).manager, "kubectl-create");
  EXPECT_EQ(RequesterOf(Restored(), "retention", false).manager, "argocd-controller");
  EXPECT_EQ(RequesterOf(Restored(), "nobodys", false).manager, "argocd-controller")
      << "else who last changed the spec";
}

TEST(RequesterTest, TheAnnotationNamesTheUserWhereItIsHeldTrue) {
  const Requester requester = RequesterOf(Restored(), "source", true);
  EXPECT_EQ(requester.user, "jane@example.com");
  EXPECT_EQ(Describe(requester), "jane@example.com by kubectl-create");
}

TEST(RequesterTest, NobodyIsNamed) {
  for (const char* object : {"{}", R"({"metadata": {"managedFields": null}})",
                             R"({"metadata": {"managedFields": [7, {"fieldsV1": 7}]}})"})
    EXPECT_EQ(Describe(RequesterOf(Json::parse(object), "source", true)), "an unnamed client")
        << object;
}

TEST(AuditTest, IsAStreamOfItsOwn) {
  ASSERT_TRUE(SetUpLogging(LogFormat::kJson, "error"));
  std::ostringstream lines;
  const auto before = spdlog::default_logger();
  auto logger = std::make_shared<spdlog::logger>(
      "test", std::make_shared<spdlog::sinks::ostream_sink_mt>(lines));
  logger->set_pattern("%v");
  spdlog::set_default_logger(logger);
  Audit("restore.request", "a restore was asked for",
        {ResourceOf<crds::Restore>(), {"shop", "back"}, "uid-1"},
        RequesterOf(Restored(), "source", true), {{"target", "{}"}});
  spdlog::set_default_logger(before);
  ASSERT_TRUE(SetLogLevels("info"));
  const Json line = Json::parse(lines.str());
  EXPECT_EQ(line["stream"], "audit");
  EXPECT_EQ(line["action"], "restore.request");
  EXPECT_EQ(line["kind"], "Restore");
  EXPECT_EQ(line["object"], "shop/back");
  EXPECT_EQ(line["uid"], "uid-1");
  EXPECT_EQ(line["manager"], "kubectl-create");
  EXPECT_EQ(line["user"], "jane@example.com");
  EXPECT_EQ(line["target"], "{}");
}

}  // namespace
}  // namespace holdfast::controllers
