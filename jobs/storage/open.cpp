#include "jobs/storage/open.h"

#include <algorithm>
#include <array>
#include <utility>

#include <fmt/format.h>

#include "jobs/storage/azure.h"
#include "jobs/storage/encoding.h"
#include "jobs/storage/gcs.h"
#include "jobs/storage/local.h"
#include "jobs/storage/location.h"
#include "jobs/storage/rest.h"
#include "jobs/storage/s3.h"

namespace holdfast::storage {
namespace {

using Opened = Result<std::unique_ptr<Backend>>;

const Clock& SystemTime() {
  static const SystemClock clock;
  return clock;
}

Opened OpenLocal(std::string_view path, const OpenOptions& options) {
  if (!path.starts_with('/')) return WrongForm(path, "the path is not absolute");
  return std::make_unique<Local>(std::string(path), LocalOptions{options.local_group});
}

HttpOptions HttpFor(const OpenOptions& options, const char* endpoint_setting,
                    const char* ca_setting) {
  HttpOptions http;
  http.ca_file = options.ca_file;
  http.endpoint_setting = endpoint_setting;
  http.ca_setting = ca_setting;
  return http;
}

std::string TokenService(const OpenOptions& options) {
  if (!options.s3_token_service.empty()) return options.s3_token_service;
  if (options.s3_region.empty()) return "https://sts.amazonaws.com";
  const char* country = options.s3_region.starts_with("cn-") ? ".cn" : "";
  return fmt::format("https://sts.{}.amazonaws.com{}", options.s3_region, country);
}

std::shared_ptr<CredentialsSource> S3Keys(const OpenOptions& options) {
  const Credentials& fixed = options.s3_credentials;
  if (!fixed.access_key_id.empty() && !fixed.secret_access_key.empty())
    return FixedCredentials(fixed);
  if (!options.s3_role_arn.empty() && !options.s3_role_token_file.empty())
    return WebIdentityCredentials({options.s3_role_arn, options.s3_role_token_file,
                                   options.s3_role_session, TokenService(options)},
                                  HttpFor(options, "AWS_ENDPOINT_URL_STS", "spec.s3.caBundle"),
                                  SystemTime());
  if (!options.s3_credentials_file.empty())
    return CredentialsFile(options.s3_credentials_file, options.s3_profile);
  return nullptr;
}

Opened OpenS3(std::string_view url, const OpenOptions& options) {
  S3Options s3;
  TRY(s3.address, ParseS3Location(url));
  s3.credentials = S3Keys(options);
  if (!s3.credentials)
    return Fail(Code::kDenied,
                fmt::format("there are no credentials for {}: the Secret that "
                            "spec.s3.credentialsSecret names must have AWS_ACCESS_KEY_ID and "
                            "AWS_SECRET_ACCESS_KEY",
                            s3.address.endpoint));
  s3.region = options.s3_region;
  s3.virtual_host_style = options.s3_virtual_host_style;
  s3.object_lock = options.object_lock;
  s3.http = HttpFor(options, "spec.s3.endpoint", "spec.s3.caBundle");
  return std::make_unique<S3>(std::move(s3), SystemTime());
}

Result<AzureCredentials> AzureKeys(const OpenOptions& options) {
  AzureCredentials credentials;
  credentials.sas = options.azure_sas;
  if (credentials.sas.starts_with('?')) credentials.sas.erase(0, 1);
  const Result<Bytes> key = FromBase64(options.azure_key);
  if (!key && credentials.sas.empty())
    return Fail(Code::kInvalid,
                "AZURE_ACCOUNT_KEY is no base64: correct it in the Secret that "
                "spec.azure.credentialsSecret names");
  if (key) credentials.key = *key;
  if (credentials.key.empty() && credentials.sas.empty())
    return Fail(Code::kDenied,
                "there are no credentials for Azure: the Secret that "
                "spec.azure.credentialsSecret names must have AZURE_ACCOUNT_KEY or "
                "AZURE_ACCOUNT_SAS");
  return credentials;
}

Opened OpenAzure(std::string_view rest, const OpenOptions& options) {
  TRY(AzureLocation location, ParseAzureLocation(rest));
  AzureOptions azure;
  azure.location = fmt::format("azure:{}", rest);
  azure.account = location.account.empty() ? options.azure_account : location.account;
  if (azure.account.empty())
    return Fail(Code::kInvalid, "no Azure account is named: set AZURE_ACCOUNT_NAME");
  azure.account_path = std::move(location.account_path);
  azure.address = std::move(location.address);
  if (azure.address.endpoint.empty())
    azure.address.endpoint =
        fmt::format("https://{}.blob.{}", azure.account,
                    options.azure_suffix.empty() ? "core.windows.net" : options.azure_suffix);
  TRY(azure.credentials, AzureKeys(options));
  azure.http = HttpFor(options, "spec.azure.account", "spec.azure.caBundle");
  return std::make_unique<Azure>(std::move(azure), SystemTime());
}

std::string WithScheme(std::string host) {
  while (host.ends_with('/')) host.pop_back();
  return host.find("://") == std::string::npos ? "http://" + host : host;
}

std::shared_ptr<TokenSource> GoogleTokens(const OpenOptions& options, const HttpOptions& http) {
  if (!options.google_access_token.empty()) return FixedToken(options.google_access_token);
  if (!options.google_key_file.empty())
    return ServiceAccountTokens(options.google_key_file, http, SystemTime());
  if (!options.gcs_emulator.empty()) return FixedToken("");
  const std::string& host = options.google_metadata_host;
  return MetadataTokens(WithScheme(host.empty() ? "metadata.google.internal" : host), http,
                        SystemTime());
}

Opened OpenGcs(std::string_view rest, const OpenOptions& options) {
  GcsOptions gcs;
  TRY(gcs.address, ParseGcsLocation(rest));
  gcs.address.endpoint = options.gcs_emulator.empty() ? "https://storage.googleapis.com"
                                                      : WithScheme(options.gcs_emulator);
  gcs.http = HttpFor(options, "STORAGE_EMULATOR_HOST", "--ca-file");
  gcs.tokens = GoogleTokens(options, gcs.http);
  return std::make_unique<Gcs>(std::move(gcs));
}

Result<RestOptions> RestFor(std::string_view url, const OpenOptions& options) {
  RestOptions rest;
  TRY(rest.address, ParseRestLocation(url));
  rest.username = options.rest_username;
  rest.password = options.rest_password;
  rest.token_file = options.rest_token_file;
  rest.http = HttpFor(options, "spec.rest.url", "spec.rest.caBundle");
  return rest;
}

Opened OpenRest(std::string_view url, const OpenOptions& options) {
  TRY(RestOptions rest, RestFor(url, options));
  return std::make_unique<Rest>(std::move(rest));
}

struct Scheme {
  std::string_view prefix;
  Opened (*open)(std::string_view rest, const OpenOptions& options);
};

// The registry: a backend is one line here.
constexpr std::array kSchemes = {
    Scheme{"local:", OpenLocal}, Scheme{"s3:", OpenS3},     Scheme{"azure:", OpenAzure},
    Scheme{"gs:", OpenGcs},      Scheme{"rest:", OpenRest},
};

}  // namespace

void ReadEnvironment(const std::function<std::string(const char*)>& environment,
                     OpenOptions& options) {
  const auto either = [&](const char* first, const char* second) {
    std::string value = environment(first);
    return value.empty() ? environment(second) : value;
  };
  const auto or_else = [&](const char* name, const char* fallback) {
    std::string value = environment(name);
    return value.empty() ? std::string(fallback) : value;
  };
  options.s3_credentials = {environment("AWS_ACCESS_KEY_ID"), environment("AWS_SECRET_ACCESS_KEY"),
                            environment("AWS_SESSION_TOKEN")};
  options.s3_role_arn = environment("AWS_ROLE_ARN");
  options.s3_role_token_file = environment("AWS_WEB_IDENTITY_TOKEN_FILE");
  options.s3_role_session = or_else("AWS_ROLE_SESSION_NAME", "holdfast-mover");
  options.s3_token_service = environment("AWS_ENDPOINT_URL_STS");
  options.s3_credentials_file = environment("AWS_SHARED_CREDENTIALS_FILE");
  options.s3_profile = or_else("AWS_PROFILE", "default");
  options.s3_region = either("AWS_REGION", "AWS_DEFAULT_REGION");
  options.azure_account = environment("AZURE_ACCOUNT_NAME");
  options.azure_key = environment("AZURE_ACCOUNT_KEY");
  options.azure_sas = environment("AZURE_ACCOUNT_SAS");
  options.azure_suffix = environment("AZURE_ENDPOINT_SUFFIX");
  options.google_access_token = environment("GOOGLE_ACCESS_TOKEN");
  options.google_key_file = environment("GOOGLE_APPLICATION_CREDENTIALS");
  options.google_metadata_host = environment("GCE_METADATA_HOST");
  options.gcs_emulator = environment("STORAGE_EMULATOR_HOST");
  options.rest_username = environment("RESTIC_REST_USERNAME");
  options.rest_password = environment("RESTIC_REST_PASSWORD");
  options.rest_token_file = environment("HOLDFAST_GATEWAY_TOKEN_FILE");
}

Result<std::unique_ptr<Backend>> Open(std::string_view location, const OpenOptions& options) {
  if (options.object_lock && !location.starts_with("s3:"))
    return Fail(Code::kInvalid,
                "only a bucket on S3 has Object Lock: leave out --object-lock-mode and "
                "--object-lock-period");
  if (location.starts_with('/')) return OpenLocal(location, options);
  for (const Scheme& scheme : kSchemes)
    if (location.starts_with(scheme.prefix))
      return scheme.open(location.substr(scheme.prefix.size()), options);
  return WrongForm(location, "it starts with no known kind");
}

Result<std::string> GatewayPassword(std::string_view location, const OpenOptions& options,
                                    const std::stop_token& stop) {
  constexpr std::string_view kRest = "rest:";
  if (!location.starts_with(kRest)) return WrongForm(location, "the gateway is reached by rest:");
  TRY(RestOptions rest, RestFor(location.substr(kRest.size()), options));
  return Rest(std::move(rest)).Password(stop);
}

bool IsRemote(std::string_view location) {
  return !location.starts_with('/') && !location.starts_with("local:");
}

}  // namespace holdfast::storage
