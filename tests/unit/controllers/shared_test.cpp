#include "controllers/shared.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "controllers/mover_job.h"
#include "controllers/reasons.h"
#include "controllers/repository/decide.h"
#include "controllers/repository/probe_job.h"
#include "tests/builders/kinds.h"
#include "tests/fakes/scripted_transport.h"

namespace holdfast::controllers {
namespace {

using ::testing::Contains;
using ::testing::HasSubstr;

const std::string kFirst(64, 'a');
const std::string kSecond(64, 'b');

// Of namespace "shop", beneath holdfast-system/offsite.
crds::BackupRepository Shared() {
  crds::BackupRepository repository;
  repository.metadata.name = "shared";
  repository.metadata.namespace_ = "shop";
  repository.metadata.uid = "uid-1";
  repository.metadata.generation = 1;
  repository.spec.shared = {"holdfast-system", "offsite"};
  return repository;
}

crds::BackupRepository DefinitionFor(std::vector<std::string> namespaces) {
  crds::BackupRepository definition = builders::RepositoryNamed("offsite").Build();
  definition.metadata.namespace_ = "holdfast-system";
  definition.spec.share_with = crds::ShareWith{std::move(namespaces)};
  return definition;
}

Settings Installed() {
  Settings settings;
  settings.cluster_name = "prod";
  settings.mover_image = "mover:1";
  settings.gateway = {"https://gateway.holdfast-system.svc:8443", [] { return std::string("PEM"); },
                      "holdfast-system", "offsite"};
  return settings;
}

class SharedTest : public ::testing::Test {
 protected:
  // The reason for which it cannot be used, and the sentence; empty for none.
  std::pair<std::string, std::string> Refused(const crds::BackupRepository* definition) const {
    const auto finding = CheckShared(repository_, definition, settings_.gateway);
    return finding ? std::pair(finding->reason, finding->message) : std::pair("", "");
  }

  crds::BackupRepository repository_ = Shared();
  Settings settings_ = Installed();
};

TEST_F(SharedTest, WhatIsSharedMayBeUsed) {
  const auto definition = DefinitionFor({"blue", "shop"});
  EXPECT_EQ(Refused(&definition).first, "");
}

TEST_F(SharedTest, WhyItMayNot) {
  const auto [not_shared, whom_to_ask] = [&] {
    const auto definition = DefinitionFor({"blue"});
    return Refused(&definition);
  }();
  EXPECT_EQ(not_shared, reason::kNotShared);
  EXPECT_THAT(whom_to_ask, HasSubstr("holdfast-system/offsite is not shared with namespace shop"));
  auto nobody = DefinitionFor({});
  nobody.spec.share_with.reset();
  EXPECT_EQ(Refused(&nobody).first, reason::kNotShared);

  const auto [missing, which] = Refused(nullptr);
  EXPECT_EQ(missing, reason::kRepositoryNotFound);
  EXPECT_THAT(which, HasSubstr("no BackupRepository holdfast-system/offsite"));

  repository_.spec.shared->name = "another";
  EXPECT_EQ(Refused(nullptr).first, reason::kNotSupported);
  EXPECT_THAT(Refused(nullptr).second,
              HasSubstr("serves BackupRepository holdfast-system/offsite"));

  settings_.gateway = {};
  EXPECT_EQ(Refused(nullptr).first, reason::kNotSupported);
  EXPECT_THAT(Refused(nullptr).second, HasSubstr("gateway.enabled"));
}

TEST_F(SharedTest, SnapshotsAreRemovedByTheGatewayAloneAndCopiesByNobody) {
  EXPECT_EQ(RemoverOf(repository_, false), Remover::kGateway);
  EXPECT_EQ(RemoverOf(repository_, true), Remover::kNobody);
  repository_.spec.shared.reset();
  EXPECT_EQ(RemoverOf(repository_, false), Remover::kJob);
  EXPECT_EQ(RemoverOf(repository_, true), Remover::kJob);
}

TEST_F(SharedTest, TheStatusSaysSoAndNothingIsStarted) {
  repository::World world;
  world.repository = repository_;
  world.now = builders::At("2026-06-01T12:00:00Z");
  world.definition = DefinitionFor({"blue"});
  const repository::Plan refused = repository::Decide(world, settings_);
  const auto* stalled = crds::FindCondition(refused.status.conditions, crds::kStalled);
  ASSERT_NE(stalled, nullptr);
  EXPECT_EQ(stalled->reason, reason::kNotShared);
  EXPECT_FALSE(refused.start);

  world.definition = DefinitionFor({"shop"});
  const repository::Plan probed = repository::Decide(world, settings_);
  EXPECT_TRUE(probed.start);
  EXPECT_EQ(probed.status.location, "rest:https://gateway.holdfast-system.svc:8443/shop/");
}

TEST_F(SharedTest, AMoverHasATokenForTheGatewayAndNoSecret) {
  const auto job = repository::BuildProbeJob(
      repository_, nullptr, repository::ProbeStart{"probe", 0, true, {}}, settings_);
  ASSERT_TRUE(job) << job.error().message;
  const Json& pod = (*job)["spec"]["template"];
  EXPECT_EQ(job->dump().find("secret"), std::string::npos) << job->dump(2);
  EXPECT_EQ(pod["spec"]["automountServiceAccountToken"], false);
  EXPECT_EQ(pod["metadata"]["annotations"]["holdfast.dev/gateway-ca"], "PEM");
  const Json& container = pod["spec"]["containers"][0];
  EXPECT_THAT(container["args"], Contains("--ca-file=/holdfast/ca/bundle.pem"));
  EXPECT_THAT(container["args"],
              Contains("--repo=rest:https://gateway.holdfast-system.svc:8443/shop/"));
  EXPECT_THAT(container["env"], Contains(Json{{"name", "HOLDFAST_GATEWAY_TOKEN_FILE"},
                                              {"value", "/holdfast/ca/token"}}));
  EXPECT_THAT(
      container["volumeMounts"],
      Contains(Json{{"name", "gateway"}, {"mountPath", "/holdfast/ca"}, {"readOnly", true}}));
  EXPECT_THAT(pod["spec"]["volumes"], Contains(Json::parse(R"({"name": "gateway", "projected": {
      "defaultMode": 292, "sources": [
        {"serviceAccountToken":
            {"audience": "holdfast-gateway", "expirationSeconds": 3600, "path": "token"}},
        {"downwardAPI": {"items": [{"path": "bundle.pem", "fieldRef":
            {"fieldPath": "metadata.annotations['holdfast.dev/gateway-ca']"}}]}}]}})")));
}

TEST_F(SharedTest, SnapshotsAreRemovedByTheGateway) {
  fakes::ScriptedTransport gateway;
  gateway.Answer({.status = 200, .body = "", .retry_after = {}});
  gateway.Answer({.status = 404, .body = "gone already\n", .retry_after = {}});
  EXPECT_TRUE(RemoveShared(&gateway, "shop", {kFirst, kSecond}, {}));
  const auto asked = gateway.requests();
  ASSERT_EQ(asked.size(), 2u);
  EXPECT_EQ(asked[0].method, kube::Method::kDelete);
  EXPECT_EQ(asked[0].path, "/shop/snapshots/" + kFirst);
  EXPECT_EQ(asked[1].path, "/shop/snapshots/" + kSecond);
}

TEST_F(SharedTest, ARefusalOfTheGatewayIsTold) {
  fakes::ScriptedTransport gateway;
  gateway.Answer({.status = 403, .body = "not you\n", .retry_after = {}});
  gateway.Answer({.status = 503, .body = "later\n", .retry_after = {}});
  const Error denied = RemoveShared(&gateway, "shop", {kFirst, kSecond}, {}).error();
  EXPECT_EQ(denied.code, Code::kDenied);
  EXPECT_THAT(denied.message, HasSubstr("403: not you"));
  EXPECT_EQ(gateway.requests().size(), 1u);
  EXPECT_EQ(RemoveShared(&gateway, "shop", {kFirst}, {}).error().code, Code::kUnavailable);
  EXPECT_EQ(RemoveShared(nullptr, "shop", {kFirst}, {}).error().code, Code::kNotSupported);
}

TEST_F(SharedTest, OnlyIdsOfSnapshotsAreAskedFor) {
  fakes::ScriptedTransport gateway;
  for (const std::string& id : {std::string("../../blue/snapshots/") + kFirst, std::string(64, 'A'),
                                std::string(63, 'a'), std::string(), kFirst + "/"})
    EXPECT_EQ(RemoveShared(&gateway, "shop", {id}, {}).error().code, Code::kInvalid) << id;
  EXPECT_TRUE(gateway.requests().empty());
}

}  // namespace
}  // namespace holdfast::controllers
