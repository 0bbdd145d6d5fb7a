// Where S3 keys come from, and how they are renewed: keys that last, a file that somebody else
// rewrites, or a role that a Kubernetes service account may take.
#pragma once

#include <memory>
#include <mutex>
#include <string>

#include "base/clock.h"
#include "base/error.h"
#include "jobs/storage/http.h"
#include "jobs/storage/s3_signing.h"

namespace holdfast::storage {

// Safe from many threads.
class CredentialsSource {
 public:
  virtual ~CredentialsSource() = default;
  virtual Result<Credentials> Get(const std::stop_token& stop) = 0;
  // The store says that `refused` have expired. Whether Get now gives others.
  virtual Result<bool> Renew(const Credentials& refused, const std::stop_token& stop) = 0;
};

std::shared_ptr<CredentialsSource> FixedCredentials(Credentials credentials);

// A profile of a file as AWS_SHARED_CREDENTIALS_FILE names one ("[default]", then
// "aws_access_key_id = ..."). It is read anew when the store says that the keys have expired: a
// mounted Secret is replaced while the mover runs. Invalid when it cannot be read or lacks keys.
std::shared_ptr<CredentialsSource> CredentialsFile(std::string path, std::string profile);

struct WebIdentity {
  std::string role_arn;
  std::string token_file;    // the service account's token, which the kubelet keeps fresh
  std::string session_name;  // as it appears in the provider's audit log
  std::string endpoint;      // of the token service, "https://sts.eu-central-1.amazonaws.com"
};

// Keys of a role by AssumeRoleWithWebIdentity (AWS Security Token Service API reference), kept
// until five minutes before they expire. `clock` must outlive it.
std::shared_ptr<CredentialsSource> WebIdentityCredentials(WebIdentity identity, HttpOptions http,
                                                          const Clock& clock);

// One profile of a credentials file's text. Invalid when the keys are not in it.
Result<Credentials> ParseCredentialsFile(std::string_view text, const std::string& profile);

}  // namespace holdfast::storage
