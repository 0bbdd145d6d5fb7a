#include "controllers/mover_job.h"

#include <cstdlib>
#include <fstream>
#include <sstream>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "controllers/kinds.h"
#include "controllers/labels.h"
#include "controllers/workload.h"
#include "tests/builders/kinds.h"

namespace holdfast::controllers {
namespace {

using builders::RepositoryNamed;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsSupersetOf;

class MoverJobTest : public ::testing::Test {
 protected:
  MoverJobTest() {
    settings_.cluster_name = "prod";
    settings_.mover_image = "registry.example/holdfast-mover:1";
    job_.key = {"shop", "run-data-db-0"};
    job_.owner = {ResourceOf<crds::Backup>(), {"shop", "run"}, "uid-run"};
    job_.labels = {{kVerbLabel, "backup"}, {kBackupLabel, "run"}};
    job_.repository = &repository_;
    job_.claim = "data-db-0";
    job_.node = "node-a";
    job_.command_line = {"backup", "--json", "/data"};
    job_.deadline = std::chrono::hours(6);
  }
  Json Built() const { return BuildMoverJob(job_, settings_).value(); }
  Json Pod() const { return Built()["spec"]["template"]["spec"]; }
  Json Container() const { return Pod()["containers"][0]; }

  crds::BackupRepository repository_ = RepositoryNamed("offsite").WithCaFromSecret("s3-ca").Build();
  Settings settings_;
  MoverJob job_;
};

// Written anew by UPDATE_GOLDEN=1.
TEST_F(MoverJobTest, IsTheGoldenOne) {
  job_.inherited.run_as_user = 999;
  job_.inherited.fs_group = 999;
  const std::string path = "tests/golden/mover_job.json";
  const std::string text = Built().dump(2) + "\n";
  if (std::getenv("UPDATE_GOLDEN") != nullptr) std::ofstream(path) << text;
  std::stringstream golden;
  golden << std::ifstream(path).rdbuf();
  EXPECT_EQ(text, golden.str());
}

TEST_F(MoverJobTest, OneOfAStagedClaimWaitsForItAndMountsItReadOnly) {
  job_.claim_is_staged = true;
  EXPECT_EQ(Built()["spec"]["suspend"], true);
  const Json pod = Pod();
  for (const Json& volume : pod["volumes"]) {
    if (volume["name"] != "data") continue;
    EXPECT_EQ(volume["persistentVolumeClaim"],
              (Json{{"claimName", "data-db-0"}, {"readOnly", true}}));
  }
}

TEST_F(MoverJobTest, HasNoCredentialAndNoPrivilege) {
  EXPECT_EQ(Pod()["automountServiceAccountToken"], false);
  EXPECT_EQ(Pod()["enableServiceLinks"], false);
  EXPECT_EQ(Pod()["securityContext"]["runAsNonRoot"], true);
  EXPECT_EQ(Pod()["securityContext"]["runAsUser"], 65532);
  EXPECT_EQ(Pod()["securityContext"]["seccompProfile"]["type"], "RuntimeDefault");
  const Json security = Container()["securityContext"];
  EXPECT_EQ(security["readOnlyRootFilesystem"], true);
  EXPECT_EQ(security["allowPrivilegeEscalation"], false);
  EXPECT_EQ(security["capabilities"], Json({{"drop", {"ALL"}}}));
}

TEST_F(MoverJobTest, AnUnknownUserBringsNoGroupOntoTheVolume) {
  EXPECT_FALSE(Pod()["securityContext"].contains("fsGroup"));
}

TEST_F(MoverJobTest, RootGetsOnlyWhatReadingTakes) {
  job_.inherited.run_as_user = 0;
  EXPECT_FALSE(Pod()["securityContext"].contains("runAsNonRoot"));
  EXPECT_EQ(Container()["securityContext"]["capabilities"]["add"],
            Json::array({"DAC_READ_SEARCH"}));
  job_.claim_read_only = false;
  EXPECT_THAT(Container()["securityContext"]["capabilities"]["add"].dump(), HasSubstr("CHOWN"));
  job_.claim.clear();
  EXPECT_EQ(Pod()["securityContext"]["runAsUser"], 65532) << "nothing to read as root";
}

TEST_F(MoverJobTest, TheUsersWishGoesBeforeTheWorkloadsHabit) {
  job_.inherited.run_as_user = 999;
  job_.inherited.fs_group = 999;
  job_.mover.security_context.run_as_user = 1000;
  EXPECT_EQ(Pod()["securityContext"]["runAsUser"], 1000);
  EXPECT_EQ(Pod()["securityContext"]["fsGroup"], 999);
  EXPECT_EQ(Pod()["securityContext"]["fsGroupChangePolicy"], "OnRootMismatch");
}

TEST_F(MoverJobTest, ReadsTheVolumeOnly) {
  const Json mounts = Container()["volumeMounts"];
  for (const Json& mount : mounts)
    if (mount["name"] == "data") {
      EXPECT_EQ(mount["readOnly"], true);
      return;
    }
  FAIL() << "no data mount";
}

// Which has no read-only place in a container, so that the whole volume is.
TEST_F(MoverJobTest, ADeviceIsADeviceAndReadOnlyWhereItIsRead) {
  job_.claim_is_device = true;
  for (const bool read_only : {true, false}) {
    job_.claim_read_only = read_only;
    EXPECT_EQ(Container()["volumeDevices"],
              Json::array({{{"name", "data"}, {"devicePath", "/data"}}}));
    const Json container = Container(), pod = Pod();
    for (const Json& mount : container["volumeMounts"]) EXPECT_NE(mount["name"], "data");
    for (const Json& volume : pod["volumes"]) {
      if (volume["name"] != "data") continue;
      EXPECT_EQ(volume["persistentVolumeClaim"].value("readOnly", false), read_only);
    }
  }
}

TEST_F(MoverJobTest, ThePodsNameIsKnownBeforeTheArguments) {
  const auto args = RepositoryArgsFor(repository_, settings_);
  EXPECT_EQ(args.holder, "prod/$(POD_NAMESPACE)/$(POD_NAME)");
  EXPECT_EQ(args.location, "s3:https://s3.example.com/backups/prod");
  EXPECT_TRUE(args.has_ca);
  EXPECT_EQ(Container()["env"][0]["name"], "POD_NAME");
}

TEST_F(MoverJobTest, WhatIsWrittenIsHeldAsTheRepositorySays) {
  EXPECT_FALSE(RepositoryArgsFor(repository_, settings_).object_lock);
  repository_.spec.s3->object_lock = {crds::ObjectLockMode::kCompliance, "30d"};
  protocol::BackupArgs args;
  args.repository = RepositoryArgsFor(repository_, settings_);
  EXPECT_THAT(protocol::CommandLine(args),
              IsSupersetOf({"--object-lock-mode=compliance", "--object-lock-period=30d"}));
  repository_.spec.s3->object_lock->mode = crds::ObjectLockMode::kGovernance;
  args.repository = RepositoryArgsFor(repository_, settings_);
  EXPECT_THAT(protocol::CommandLine(args), IsSupersetOf({"--object-lock-mode=governance"}));
}

// Kubernetes expands $(NAME) in arguments and variables: a tenant must not have a store be asked
// for what another variable holds.
TEST_F(MoverJobTest, NothingButTheHolderIsExpanded) {
  repository_.spec.s3->prefix = "$(AWS_SECRET_ACCESS_KEY)";
  repository_.spec.s3->region = "$(AWS_SECRET_ACCESS_KEY)";
  protocol::BackupArgs args;
  args.repository = RepositoryArgsFor(repository_, settings_);
  args.repository.dead_holders = {"prod/shop/$(POD_NAME)"};
  args.excludes = {"$(HOME)", "a$b"};
  job_.command_line = protocol::CommandLine(args);
  const auto words = Container()["args"].get<std::vector<std::string>>();
  EXPECT_THAT(words,
              IsSupersetOf({"--holder=prod/$(POD_NAMESPACE)/$(POD_NAME)",
                            "--repo=s3:https://s3.example.com/backups/$$(AWS_SECRET_ACCESS_KEY)",
                            "--dead-holder=prod/shop/$$(POD_NAME)", "--exclude=$$(HOME)",
                            "--exclude=a$$b"}));
  const Json container = Container();
  for (const Json& variable : container["env"])
    if (variable["name"] == "AWS_REGION") {
      EXPECT_EQ(variable["value"], "$$(AWS_SECRET_ACCESS_KEY)");
    }
}

TEST_F(MoverJobTest, EndsAtOnceWhereARetryCannotHelp) {
  const Json rules = Built()["spec"]["podFailurePolicy"]["rules"];
  EXPECT_EQ(rules[0]["action"], "Ignore");
  EXPECT_EQ(rules[0]["onPodConditions"][0]["type"], "DisruptionTarget");
  const std::vector<int> codes = rules[1]["onExitCodes"]["values"];
  EXPECT_THAT(codes, ::testing::IsSupersetOf({2, 3, 10, 12, 21, 22}));
  EXPECT_THAT(codes, ::testing::Not(::testing::Contains(20))) << "unreachable may pass";
  EXPECT_THAT(codes, ::testing::Not(::testing::Contains(137))) << "OOM is tried again";
}

TEST_F(MoverJobTest, ResourcesNeverContradictEachOther) {
  EXPECT_EQ(Container()["resources"]["limits"]["memory"], "512Mi");
  job_.mover.resources.requests["memory"].text = "2Gi";
  EXPECT_FALSE(Container()["resources"]["limits"].contains("memory"));
  job_.mover.resources = {};
  job_.mover.resources.limits["memory"].text = "64Mi";
  EXPECT_FALSE(Container()["resources"]["requests"].contains("memory"));
}

TEST_F(MoverJobTest, TheNodeJoinsEveryAlternativeOfTheUsersAffinity) {
  job_.mover.affinity.text =
      R"({"nodeAffinity":{"requiredDuringSchedulingIgnoredDuringExecution":{"nodeSelectorTerms":[
        {"matchExpressions":[{"key":"disk","operator":"Exists"}]},
        {"matchExpressions":[{"key":"zone","operator":"Exists"}]}]}}})";
  const Json terms = Pod()["affinity"]["nodeAffinity"]
                          ["requiredDuringSchedulingIgnoredDuringExecution"]["nodeSelectorTerms"];
  ASSERT_EQ(terms.size(), 2u);
  for (const Json& term : terms)
    EXPECT_EQ(term["matchExpressions"].back()["key"], "kubernetes.io/hostname");
}

TEST_F(MoverJobTest, AffinityThatIsNoObjectIsInvalid) {
  job_.mover.affinity.text = "[]";
  EXPECT_EQ(BuildMoverJob(job_, settings_).error().code, Code::kInvalid);
}

class FolderJobTest : public MoverJobTest {
 protected:
  FolderJobTest() {
    repository_.spec.s3.reset();
    repository_.spec.filesystem.emplace().claim_name = "backups";
  }
  Json Security() const { return Pod()["securityContext"]; }
};

TEST_F(FolderJobTest, TheRepositoryIsMountedForWriting) {
  const Json pod = Pod();
  Json volume;
  for (const Json& found : pod["volumes"])
    if (found["name"] == "repository") volume = found;
  EXPECT_EQ(volume["persistentVolumeClaim"]["claimName"], "backups");
  const Json mounts = Container()["volumeMounts"];
  for (const Json& mount : mounts)
    if (mount["name"] == "repository") {
      EXPECT_EQ(mount["mountPath"], "/holdfast/repository");
      EXPECT_FALSE(mount.contains("readOnly"));
      return;
    }
  FAIL() << "no mount of the repository";
}

TEST_F(FolderJobTest, AnExportIsMountedWithoutAClaimsNode) {
  repository_.spec.filesystem->claim_name.clear();
  repository_.spec.filesystem->nfs.emplace(crds::NfsExport{"nas", "/exports"});
  EXPECT_THAT(Pod()["volumes"].dump(), HasSubstr(R"("nfs":{"path":"/exports","server":"nas"})"));
  EXPECT_FALSE(Pod()["affinity"].contains("podAffinity"));
}

TEST_F(FolderJobTest, MoversOfDifferentUsersShareAGroup) {
  job_.inherited.run_as_user = 999;
  job_.inherited.supplemental_groups = {7};
  EXPECT_EQ(Security()["runAsUser"], 999);
  EXPECT_EQ(Security()["supplementalGroups"], Json::array({7, 65532}));
  EXPECT_FALSE(Security().contains("fsGroup")) << "it would change the workload's files";
  repository_.spec.filesystem->group = 2000;
  EXPECT_EQ(Security()["supplementalGroups"], Json::array({7, 2000}));
  EXPECT_EQ(RepositoryArgsFor(repository_, settings_).local_group, 2000u);
}

TEST_F(FolderJobTest, WhatMountsTheRepositoryAloneGivesItToTheGroup) {
  job_.claim.clear();
  EXPECT_EQ(Security()["fsGroup"], 65532);
  EXPECT_EQ(Security()["fsGroupChangePolicy"], "OnRootMismatch");
  job_.mover.security_context.fs_group = 5;
  EXPECT_EQ(Security()["fsGroup"], 5);
}

TEST_F(FolderJobTest, GoesWhereTheRepositorysMoversAreIfItCan) {
  job_.node.clear();
  const Json wish =
      Pod()["affinity"]["podAffinity"]["preferredDuringSchedulingIgnoredDuringExecution"][0];
  EXPECT_EQ(wish["podAffinityTerm"]["topologyKey"], "kubernetes.io/hostname");
  EXPECT_EQ(wish["podAffinityTerm"]["labelSelector"]["matchLabels"][kRepositoryLabel], "offsite");
}

TEST_F(FolderJobTest, AClaimIsNotBackedUpIntoItself) {
  job_.claim = "backups";
  const auto job = BuildMoverJob(job_, settings_);
  ASSERT_FALSE(job);
  EXPECT_EQ(job.error().code, Code::kInvalid);
  EXPECT_THAT(job.error().message, HasSubstr("claim backups holds the repository offsite"));
}

TEST(JobNameTest, IsADnsLabelAndUnique) {
  EXPECT_EQ(JobName("nightly", "data-db-0"), "nightly-data-db-0");
  const std::string base(200, 'b');
  const std::string a = JobName(base, "data-db-0");
  EXPECT_LE(a.size(), 63u);
  EXPECT_NE(a, JobName(base + "c", "data-db-0"));
  EXPECT_NE(JobName("a.b", "c"), JobName("a-b", "c"));
  EXPECT_EQ(JobName("a.b", "c").find('.'), std::string::npos);
  EXPECT_LE(JobName("x", std::string(250, 's')).size(), 63u);
}

TEST(LabelValueTest, LongNamesAreCutAndStayDifferent) {
  EXPECT_EQ(LabelValue("short"), "short");
  EXPECT_LE(LabelValue(std::string(253, 'a')).size(), 63u);
  EXPECT_NE(LabelValue(std::string(253, 'a')), LabelValue(std::string(252, 'a')));
}

TEST(WorkloadTest, TheContainerThatMountsTheClaimDecides) {
  const Json pod = ParseJson(R"({
    "securityContext": {"runAsUser": 1, "fsGroup": 2, "supplementalGroups": [3]},
    "initContainers": [{"securityContext": {"runAsUser": 0}, "volumeMounts": [{"name": "v"}]}],
    "containers": [{"name": "sidecar", "securityContext": {"runAsUser": 4}},
                   {"name": "db", "securityContext": {"runAsUser": 5},
                    "volumeMounts": [{"name": "v"}]}],
    "volumes": [{"name": "v", "persistentVolumeClaim": {"claimName": "data-db-0"}}]})")
                       .value();
  EXPECT_EQ(VolumeOfClaim(pod, "data-db-0"), "v");
  EXPECT_EQ(VolumeOfClaim(pod, "other"), "");
  const auto security = SecurityOf(pod, "v");
  EXPECT_EQ(security.run_as_user, 5);
  EXPECT_EQ(security.fs_group, 2);
  EXPECT_THAT(security.supplemental_groups, ElementsAre(3));
}

TEST(WorkloadTest, ADeviceIsWhatAContainerHasAsOne) {
  const Json pod = ParseJson(R"({
    "containers": [{"securityContext": {"runAsUser": 0}, "volumeDevices": [{"name": "raw"}],
                    "volumeMounts": [{"name": "files"}]}]})")
                       .value();
  EXPECT_TRUE(IsDevice(pod, "raw"));
  EXPECT_EQ(SecurityOf(pod, "raw").run_as_user, 0);
  EXPECT_FALSE(IsDevice(pod, "files"));
  EXPECT_FALSE(IsDevice(pod, "neither"));
}

}  // namespace
}  // namespace holdfast::controllers
