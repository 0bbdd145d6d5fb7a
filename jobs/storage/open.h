// From a repository's location in text to the backend that serves it.
#pragma once

#include <functional>
#include <memory>
#include <optional>
#include <stop_token>
#include <string>
#include <string_view>

#include <sys/types.h>

#include "jobs/storage/backend.h"
#include "jobs/storage/s3.h"
#include "jobs/storage/s3_signing.h"

namespace holdfast::storage {

// What a location does not say.
struct OpenOptions {
  std::string ca_file;  // PEM bundle that replaces the system's; empty for the system's

  std::optional<gid_t> local_group;  // LocalOptions::group

  Credentials s3_credentials;       // first choice, when there are any
  std::string s3_role_arn;          // second choice, with the token in the next
  std::string s3_role_token_file;   // the service account's token
  std::string s3_role_session;      // the run's name in the provider's log
  std::string s3_token_service;     // "https://sts..."; empty for Amazon's
  std::string s3_credentials_file;  // third choice
  std::string s3_profile;           // in that file; empty for "default"
  std::string s3_region;            // empty: found out
  bool s3_virtual_host_style = false;
  std::optional<ObjectLock> object_lock;  // S3 alone has it; Invalid with another place

  std::string azure_account;
  std::string azure_key;  // in base64
  std::string azure_sas;
  std::string azure_suffix;  // of the cloud's hosts; empty for "core.windows.net"

  std::string google_access_token;   // first choice
  std::string google_key_file;       // second choice; without either, the metadata server
  std::string google_metadata_host;  // empty for metadata.google.internal
  std::string gcs_emulator;          // "http://host:port", or without "http://"

  std::string rest_username;  // empty: no authentication
  std::string rest_password;
  std::string rest_token_file;  // for Holdfast's gateway, instead of both
};

// Storage reads no environment: `environment` gives a variable's value, "" when unset. Takes over
// the variables that restic and the clouds' own tools know: AWS_ACCESS_KEY_ID,
// AWS_SECRET_ACCESS_KEY, AWS_SESSION_TOKEN, AWS_ROLE_ARN, AWS_WEB_IDENTITY_TOKEN_FILE,
// AWS_ROLE_SESSION_NAME, AWS_ENDPOINT_URL_STS, AWS_SHARED_CREDENTIALS_FILE, AWS_PROFILE,
// AWS_REGION, AWS_DEFAULT_REGION; AZURE_ACCOUNT_NAME, AZURE_ACCOUNT_KEY, AZURE_ACCOUNT_SAS,
// AZURE_ENDPOINT_SUFFIX; GOOGLE_APPLICATION_CREDENTIALS, GOOGLE_ACCESS_TOKEN, GCE_METADATA_HOST,
// STORAGE_EMULATOR_HOST; RESTIC_REST_USERNAME, RESTIC_REST_PASSWORD; and
// HOLDFAST_GATEWAY_TOKEN_FILE.
void ReadEnvironment(const std::function<std::string(const char*)>& environment,
                     OpenOptions& options);

// "/path" or "local:/path", or one of location.h's forms after "s3:", "azure:", "gs:", "rest:".
// Nothing is contacted. Invalid, with the right form, for anything else; Denied without
// credentials.
Result<std::unique_ptr<Backend>> Open(std::string_view location, const OpenOptions& options);

// The password that Holdfast's gateway derives for the repository at a location of "rest:", asked
// of it with rest_token_file.
Result<std::string> GatewayPassword(std::string_view location, const OpenOptions& options,
                                    const std::stop_token& stop);

// Whether a location lies behind a network, so that waiting for it is worth doing something else.
bool IsRemote(std::string_view location);

}  // namespace holdfast::storage
