// AWS Signature Version 4 for S3 ("Authenticating Requests (AWS Signature Version 4)" in the S3 API
// reference), in headers, with the payload signed. Pure: no clock, no network.
#pragma once

#include <map>
#include <string>
#include <string_view>

#include "base/clock.h"
#include "base/hash.h"

namespace holdfast::storage {

struct Credentials {
  std::string access_key_id;
  std::string secret_access_key;
  std::string session_token;  // empty for long-lived keys

  friend bool operator==(const Credentials&, const Credentials&) = default;
};

// What is signed. Names and values of `query` are plain text; names of `headers` are lower case.
struct SignedRequest {
  std::string method;
  std::string host;  // as in the Host header, with a port that is not the default
  std::string path;  // plain text, starting with '/'
  std::map<std::string, std::string> query;
  std::map<std::string, std::string> headers;
};

// Adds host, x-amz-date, x-amz-content-sha256, x-amz-security-token and authorization.
void Sign(SignedRequest& request, const Credentials& credentials, std::string_view region,
          const Sha256Digest& payload, TimePoint now);

}  // namespace holdfast::storage
