#include "controllers/place.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "jobs/protocol/args.h"
#include "tests/builders/kinds.h"

namespace holdfast::controllers {
namespace {

using namespace builders;  // NOLINT(google-build-using-namespace): they are the test's language

crds::BackupRepositorySpec Azure() {
  crds::BackupRepositorySpec spec;
  spec.azure.emplace();
  spec.azure->account = "acme";
  spec.azure->container = "backups";
  spec.azure->prefix = "shop/production";
  spec.azure->credentials_secret.name = "azure-credentials";
  return spec;
}

crds::BackupRepositorySpec Gcs() {
  crds::BackupRepositorySpec spec;
  spec.gcs.emplace();
  spec.gcs->bucket = "backups";
  spec.gcs->credentials_secret.name = "google-credentials";
  return spec;
}

// The entry of that name; null when there is none.
Json Variable(const crds::BackupRepositorySpec& spec, const std::string& name) {
  for (const Json& variable : PlaceEnvironment(spec))
    if (variable["name"] == name) return variable;
  return {};
}

TEST(PlaceTest, S3) {
  auto spec = RepositoryNamed("r").Build().spec;
  EXPECT_EQ(LocationOf(spec), "s3:https://s3.example.com/backups/prod");
  EXPECT_EQ(Variable(spec, "AWS_REGION")["value"], "eu-central-1");
  EXPECT_EQ(Variable(spec, "AWS_SECRET_ACCESS_KEY")["valueFrom"]["secretKeyRef"]["name"],
            "s3-credentials");
  spec.s3->endpoint += "/";
  spec.s3->prefix = "/";
  EXPECT_EQ(LocationOf(spec), "s3:https://s3.example.com/backups");
}

TEST(PlaceTest, AzureInThePublicCloud) {
  EXPECT_EQ(LocationOf(Azure()), "azure:backups:/shop/production");
  EXPECT_EQ(Variable(Azure(), "AZURE_ACCOUNT_NAME")["value"], "acme");
  const Json key = Variable(Azure(), "AZURE_ACCOUNT_KEY")["valueFrom"]["secretKeyRef"];
  EXPECT_EQ(key["name"], "azure-credentials");
  EXPECT_EQ(key["optional"], true) << "a signature may stand in its place";
  EXPECT_TRUE(Variable(Azure(), "AZURE_ENDPOINT_SUFFIX").is_null());
}

TEST(PlaceTest, AzureInAnotherCloudOrAnEmulator) {
  auto spec = Azure();
  spec.azure->endpoint = "https://acme.blob.core.chinacloudapi.cn/";
  EXPECT_EQ(LocationOf(spec), "azure:backups:/shop/production");
  EXPECT_EQ(Variable(spec, "AZURE_ENDPOINT_SUFFIX")["value"], "core.chinacloudapi.cn");
  spec.azure->endpoint = "https://azurite.example.com:10000/";
  EXPECT_EQ(LocationOf(spec),
            "azure:https://azurite.example.com:10000/acme/backups/shop/production");
  EXPECT_TRUE(Variable(spec, "AZURE_ENDPOINT_SUFFIX").is_null());
}

TEST(PlaceTest, GoogleReadsItsKeyFromAFile) {
  EXPECT_EQ(LocationOf(Gcs()), "gs:backups:/");
  EXPECT_EQ(Variable(Gcs(), "GOOGLE_APPLICATION_CREDENTIALS")["value"], protocol::kGoogleKeyFile);
  const auto files = PlaceFiles(Gcs());
  ASSERT_EQ(files.size(), 1u);
  EXPECT_EQ(files[0].secret, "google-credentials");
  EXPECT_EQ(files[0].key, "GOOGLE_APPLICATION_CREDENTIALS");
  EXPECT_EQ(files[0].path, protocol::kGoogleKeyFile);
}

crds::BackupRepositorySpec Claim() {
  crds::BackupRepositorySpec spec;
  spec.filesystem.emplace().claim_name = "backups";
  return spec;
}

TEST(PlaceTest, ARestServerAsksForAUserOrNot) {
  crds::BackupRepositorySpec spec;
  spec.rest.emplace().url = "https://backups.example.com:8000/shop";
  EXPECT_EQ(LocationOf(spec), "rest:https://backups.example.com:8000/shop/");
  EXPECT_EQ(PlaceOf(spec), LocationOf(spec));
  EXPECT_EQ(PlaceEnvironment(spec), Json::array());
  EXPECT_FALSE(HasCaBundle(spec));
  spec.rest->credentials_secret.emplace().name = "rest-credentials";
  spec.rest->ca_bundle.emplace().config_map = "ca";
  const Json password = Variable(spec, "RESTIC_REST_PASSWORD")["valueFrom"]["secretKeyRef"];
  EXPECT_EQ(password, (Json{{"name", "rest-credentials"}, {"key", "RESTIC_REST_PASSWORD"}}));
  EXPECT_TRUE(HasCaBundle(spec));
}

TEST(PlaceTest, AClaimIsMounted) {
  auto spec = Claim();
  EXPECT_EQ(LocationOf(spec), protocol::kRepositoryPath);
  EXPECT_EQ(PlaceOf(spec), "claim:backups");
  EXPECT_EQ(PlaceVolume(spec)["persistentVolumeClaim"]["claimName"], "backups");
  EXPECT_TRUE(PlaceEnvironment(spec).empty());
  spec.filesystem->sub_path = "shop/production/";
  EXPECT_EQ(LocationOf(spec), std::string(protocol::kRepositoryPath) + "/shop/production");
  EXPECT_EQ(PlaceOf(spec), "claim:backups/shop/production");
}

TEST(PlaceTest, SoIsAnNfsExport) {
  auto spec = Claim();
  spec.filesystem->claim_name.clear();
  spec.filesystem->nfs.emplace(crds::NfsExport{"nas.example.com", "/exports/backups"});
  spec.filesystem->sub_path = "shop";
  EXPECT_EQ(PlaceOf(spec), "nfs:nas.example.com:/exports/backups/shop");
  EXPECT_EQ(PlaceVolume(spec),
            Json({{"nfs", {{"server", "nas.example.com"}, {"path", "/exports/backups"}}}}));
  EXPECT_EQ(LocationOf(spec), std::string(protocol::kRepositoryPath) + "/shop");
}

TEST(PlaceTest, StoresAreNotMounted) {
  EXPECT_TRUE(PlaceVolume(Gcs()).is_null());
  EXPECT_EQ(PlaceOf(Gcs()), LocationOf(Gcs()));
}

TEST(PlaceTest, ABundleComesFromASecretOrAConfigMap) {
  auto spec = Azure();
  EXPECT_FALSE(HasCaBundle(spec));
  spec.azure->ca_bundle.emplace().config_map = "authorities";
  ASSERT_TRUE(HasCaBundle(spec));
  EXPECT_EQ(PlaceFiles(spec)[0].config_map, "authorities");
  EXPECT_EQ(PlaceFiles(spec)[0].path, protocol::kCaFile);
}

}  // namespace
}  // namespace holdfast::controllers
