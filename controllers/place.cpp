#include "controllers/place.h"

#include "jobs/protocol/args.h"

namespace holdfast::controllers {
namespace {

std::string Trimmed(std::string text) {
  while (text.starts_with('/')) text.erase(0, 1);
  while (text.ends_with('/')) text.pop_back();
  return text;
}

std::string Below(std::string place, const std::string& prefix) {
  const std::string folder = Trimmed(prefix);
  return folder.empty() ? place : place + "/" + folder;
}

Json Plain(const char* name, const std::string& value) {
  return {{"name", name}, {"value", Literal(value)}};
}

Json FromSecret(const char* name, const crds::SecretRef& secret, bool optional) {
  Json reference = {{"name", secret.name}, {"key", name}};
  if (optional) reference["optional"] = true;
  return {{"name", name}, {"valueFrom", {{"secretKeyRef", reference}}}};
}

// --- S3 ---

std::string S3Location(const crds::S3Location& s3) {
  std::string endpoint = s3.endpoint;
  while (endpoint.ends_with('/')) endpoint.pop_back();
  return Below("s3:" + endpoint + "/" + s3.bucket, s3.prefix);
}

Json S3Environment(const crds::S3Location& s3) {
  Json env = Json::array({FromSecret("AWS_ACCESS_KEY_ID", s3.credentials_secret, false),
                          FromSecret("AWS_SECRET_ACCESS_KEY", s3.credentials_secret, false),
                          FromSecret("AWS_SESSION_TOKEN", s3.credentials_secret, true)});
  if (!s3.region.empty()) env.push_back(Plain("AWS_REGION", s3.region));
  return env;
}

// --- Azure ---

// The cloud's suffix when the endpoint is the account's own host there: "core.chinacloudapi.cn" of
// https://account.blob.core.chinacloudapi.cn. Empty for an endpoint that serves accounts by path.
std::string SuffixOf(const crds::AzureLocation& azure) {
  const std::string host = "https://" + azure.account + ".blob.";
  return azure.endpoint.starts_with(host) ? Trimmed(azure.endpoint.substr(host.size())) : "";
}

std::string AzureLocation(const crds::AzureLocation& azure) {
  if (azure.endpoint.empty() || !SuffixOf(azure).empty())
    return "azure:" + azure.container + ":/" + Trimmed(azure.prefix);
  std::string endpoint = azure.endpoint;
  while (endpoint.ends_with('/')) endpoint.pop_back();
  return Below("azure:" + endpoint + "/" + azure.account + "/" + azure.container, azure.prefix);
}

Json AzureEnvironment(const crds::AzureLocation& azure) {
  Json env = Json::array({Plain("AZURE_ACCOUNT_NAME", azure.account),
                          FromSecret("AZURE_ACCOUNT_KEY", azure.credentials_secret, true),
                          FromSecret("AZURE_ACCOUNT_SAS", azure.credentials_secret, true)});
  if (const std::string suffix = SuffixOf(azure); !suffix.empty())
    env.push_back(Plain("AZURE_ENDPOINT_SUFFIX", suffix));
  return env;
}

// --- Google ---

constexpr const char* kGoogleKey = "GOOGLE_APPLICATION_CREDENTIALS";

std::string GcsLocation(const crds::GcsLocation& gcs) {
  return "gs:" + gcs.bucket + ":/" + Trimmed(gcs.prefix);
}

// --- restic's REST protocol ---

std::string RestUrl(const crds::RestLocation& rest) {
  std::string url = rest.url;
  while (url.ends_with('/')) url.pop_back();
  return url + "/";
}

Json RestEnvironment(const crds::RestLocation& rest) {
  if (!rest.credentials_secret) return Json::array();
  return Json::array({FromSecret("RESTIC_REST_USERNAME", *rest.credentials_secret, false),
                      FromSecret("RESTIC_REST_PASSWORD", *rest.credentials_secret, false)});
}

// --- A file system ---

// "claim:backups" or "nfs:nas.example.com:/exports/backups"
std::string VolumeName(const crds::FilesystemLocation& filesystem) {
  if (!filesystem.nfs) return "claim:" + filesystem.claim_name;
  return "nfs:" + filesystem.nfs->server + ":" + filesystem.nfs->path;
}

const crds::CaBundle* CaOf(const crds::BackupRepositorySpec& spec) {
  if (spec.s3 && spec.s3->ca_bundle) return &*spec.s3->ca_bundle;
  if (spec.azure && spec.azure->ca_bundle) return &*spec.azure->ca_bundle;
  if (spec.rest && spec.rest->ca_bundle) return &*spec.rest->ca_bundle;
  return nullptr;
}

}  // namespace

std::string LocationOf(const crds::BackupRepositorySpec& spec) {
  if (spec.s3) return S3Location(*spec.s3);
  if (spec.azure) return AzureLocation(*spec.azure);
  if (spec.gcs) return GcsLocation(*spec.gcs);
  if (spec.rest) return "rest:" + RestUrl(*spec.rest);
  if (spec.filesystem) return Below(protocol::kRepositoryPath, spec.filesystem->sub_path);
  return {};
}

std::string PlaceOf(const crds::BackupRepositorySpec& spec) {
  if (!spec.filesystem) return LocationOf(spec);
  return Below(VolumeName(*spec.filesystem), spec.filesystem->sub_path);
}

Json PlaceEnvironment(const crds::BackupRepositorySpec& spec) {
  if (spec.s3) return S3Environment(*spec.s3);
  if (spec.azure) return AzureEnvironment(*spec.azure);
  if (spec.gcs) return Json::array({Plain(kGoogleKey, protocol::kGoogleKeyFile)});
  if (spec.rest) return RestEnvironment(*spec.rest);
  if (spec.shared)
    return Json::array({Plain(protocol::kGatewayTokenVariable, protocol::kGatewayTokenFile)});
  return Json::array();
}

std::vector<MountedFile> PlaceFiles(const crds::BackupRepositorySpec& spec) {
  std::vector<MountedFile> files;
  if (spec.password_secret)
    files.push_back({"password", spec.password_secret->name, "", spec.password_secret->key,
                     protocol::kPasswordFile});
  if (const crds::CaBundle* bundle = CaOf(spec))
    files.push_back({"ca", bundle->secret, bundle->config_map, bundle->key, protocol::kCaFile});
  if (spec.gcs)
    files.push_back(
        {"google", spec.gcs->credentials_secret.name, "", kGoogleKey, protocol::kGoogleKeyFile});
  return files;
}

Json PlaceVolume(const crds::BackupRepositorySpec& spec) {
  if (!spec.filesystem) return nullptr;
  const crds::FilesystemLocation& filesystem = *spec.filesystem;
  if (filesystem.nfs)
    return {{"nfs", {{"server", filesystem.nfs->server}, {"path", filesystem.nfs->path}}}};
  return {{"persistentVolumeClaim", {{"claimName", filesystem.claim_name}}}};
}

std::string Literal(std::string_view text) {
  std::string literal;
  literal.reserve(text.size());
  for (const char c : text) literal.append(c == '$' ? 2 : 1, c);
  return literal;
}

bool HasCaBundle(const crds::BackupRepositorySpec& spec) { return CaOf(spec) != nullptr; }

}  // namespace holdfast::controllers
