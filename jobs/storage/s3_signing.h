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

// RFC 3986 with upper-case hex: all but letters, digits and "-._~" escaped; '/' only on request.
std::string UriEncode(std::string_view text, bool keep_slash);

std::string Base64(ByteView bytes);

// "a=1&b=2", encoded and sorted: both what is signed and what is sent.
std::string QueryText(const std::map<std::string, std::string>& query);

}  // namespace holdfast::storage
