#include "jobs/storage/s3_signing.h"

#include <algorithm>

#include <fmt/format.h>

#include "base/hex.h"
#include "jobs/storage/encoding.h"

namespace holdfast::storage {
namespace {

constexpr std::string_view kAlgorithm = "AWS4-HMAC-SHA256";

// "20130524T000000Z": ISO 8601 without its separators.
std::string BasicTime(TimePoint now) {
  std::string text = FormatTime(now);
  std::erase_if(text, [](char c) { return c == '-' || c == ':'; });
  return text;
}

// "host;range;x-amz-date"
std::string HeaderNames(const std::map<std::string, std::string>& headers) {
  std::string names;
  for (const auto& [name, value] : headers) names += (names.empty() ? "" : ";") + name;
  return names;
}

std::string CanonicalRequest(const SignedRequest& request, std::string_view payload_hash) {
  std::string headers;
  for (const auto& [name, value] : request.headers) headers += fmt::format("{}:{}\n", name, value);
  return fmt::format("{}\n{}\n{}\n{}\n{}\n{}", request.method, UriEncode(request.path, true),
                     QueryText(request.query), headers, HeaderNames(request.headers), payload_hash);
}

Sha256Digest SigningKey(const Credentials& credentials, std::string_view date,
                        std::string_view region) {
  std::string seed = "AWS4" + credentials.secret_access_key;
  Sha256Digest key = HmacSha256(AsBytes(seed), AsBytes(date));
  Wipe(seed);
  for (const std::string_view step :
       {region, std::string_view("s3"), std::string_view("aws4_request")})
    key = HmacSha256(key, AsBytes(step));
  return key;
}

}  // namespace

void Sign(SignedRequest& request, const Credentials& credentials, std::string_view region,
          const Sha256Digest& payload, TimePoint now) {
  const std::string time = BasicTime(now);
  const std::string date = time.substr(0, 8);
  const std::string payload_hash = ToHex(payload);
  request.headers["host"] = request.host;
  request.headers["x-amz-date"] = time;
  request.headers["x-amz-content-sha256"] = payload_hash;
  if (!credentials.session_token.empty())
    request.headers["x-amz-security-token"] = credentials.session_token;

  const std::string scope = fmt::format("{}/{}/s3/aws4_request", date, region);
  const std::string canonical = CanonicalRequest(request, payload_hash);
  const std::string to_sign =
      fmt::format("{}\n{}\n{}\n{}", kAlgorithm, time, scope, ToHex(Sha256(AsBytes(canonical))));
  Sha256Digest key = SigningKey(credentials, date, region);
  const std::string signature = ToHex(HmacSha256(key, AsBytes(to_sign)));
  Wipe(key);
  request.headers["authorization"] =
      fmt::format("{} Credential={}/{}, SignedHeaders={}, Signature={}", kAlgorithm,
                  credentials.access_key_id, scope, HeaderNames(request.headers), signature);
}

}  // namespace holdfast::storage
