#include "jobs/storage/s3.h"

#include <optional>
#include <utility>

#include <fmt/format.h>

#include "jobs/storage/encoding.h"
#include "jobs/storage/s3_error.h"

namespace holdfast::storage {
namespace {

constexpr int kMaxCorrections = 3;  // region, clock and keys
constexpr std::string_view kDefaultRegion = "us-east-1";

// "eu-central-1" of "s3.eu-central-1.amazonaws.com", "" of "s3.amazonaws.com", nothing for others.
std::optional<std::string> AmazonRegion(std::string_view host) {
  constexpr std::string_view kStart = "s3.";
  constexpr std::string_view kEnd = "amazonaws.com";
  if (!host.starts_with(kStart) || !host.ends_with(kEnd)) return std::nullopt;
  host.remove_prefix(kStart.size());
  host.remove_suffix(kEnd.size());
  if (host.ends_with('.')) host.remove_suffix(1);
  if (host.find('.') != std::string_view::npos) return std::nullopt;
  return std::string(host);
}

std::string FirstRegion(const S3Options& options) {
  if (!options.region.empty()) return options.region;
  const std::string named = AmazonRegion(HostOf(options.address.endpoint)).value_or("");
  return named.empty() ? std::string(kDefaultRegion) : named;
}

// A store's word for its region becomes part of a host name, so it may not be just any text.
bool IsRegionName(std::string_view text) {
  constexpr std::string_view kAllowed = "abcdefghijklmnopqrstuvwxyz0123456789-";
  return !text.empty() && text.find_first_not_of(kAllowed) == std::string_view::npos;
}

}  // namespace

S3::S3(S3Options options, const Clock& clock, Sleeper& sleeper)
    : ObjectStore(options.address, options.http, sleeper),
      options_(std::move(options)),
      clock_(clock),
      region_(FirstRegion(options_)) {}

std::string S3::Location() const {
  return fmt::format("s3:{}/{}", address().endpoint, PlaceAndPrefix());
}

std::string S3::Region() const {
  const std::scoped_lock lock(mutex_);
  return region_;
}

// Amazon serves a bucket only under the host of its region.
std::string S3::Host(const std::string& region) const {
  std::string host = HostOf(address().endpoint);
  if (AmazonRegion(host)) host = fmt::format("s3.{}.amazonaws.com", region);
  return options_.virtual_host_style ? address().place + "." + host : host;
}

HttpRequest S3::BuildRequest(const StoreCall& call, const std::string& region,
                             const Credentials& credentials) const {
  const std::string bucket = options_.virtual_host_style ? "/" : "/" + address().place + "/";
  const Sha256Digest payload = call.body_sha256 ? *call.body_sha256 : Sha256(call.body);
  SignedRequest request{call.method, Host(region), bucket + call.key, call.query, call.headers};
  const bool wants_sum = guarded_put_ || options_.object_lock;
  const bool has_content = call.method == "PUT" && !call.body.empty();
  if (has_content && wants_sum && !call.headers.contains("content-md5"))
    request.headers["x-amz-checksum-sha256"] = Base64(payload);
  Sign(request, credentials, region, payload, clock_.Now());
  const std::string& endpoint = address().endpoint;
  std::string url =
      endpoint.substr(0, endpoint.find("://") + 3) + request.host + UriEncode(request.path, true);
  if (!call.query.empty()) url += "?" + QueryText(call.query);
  return {call.method, std::move(url), std::move(request.headers),
          call.body,   call.max_body,  call.time_limit};
}

// Whether the refusal names the region in which the same call can succeed.
bool S3::LearnRegion(const HttpResponse& response, const std::string& region_used) {
  std::string region = response.Header("x-amz-bucket-region");
  if (region.empty()) region = ParseS3Error(response.body).region;
  if (!IsRegionName(region) || region == region_used) return false;
  const std::scoped_lock lock(mutex_);
  region_ = region;
  return true;
}

// S3 says that keys expired in the body, which the refusal of a HEAD does not have.
Result<bool> S3::RenewKeys(const StoreCall& call, const HttpResponse& response,
                           const Credentials& used, const std::stop_token& stop) {
  const bool maybe = call.method == "HEAD" && response.status == 400;
  if (!maybe && !SaysExpired(ParseS3Error(response.body).code)) return false;
  return options_.credentials->Renew(used, stop);
}

Result<HttpResponse> S3::Send(const StoreCall& call, const std::stop_token& stop) {
  for (int corrections = 0;; ++corrections) {
    const std::string region = Region();
    TRY(const Credentials keys, options_.credentials->Get(stop));
    TRY(HttpResponse response, Exchange(BuildRequest(call, region, keys), stop));
    if (response.IsSuccess() || corrections == kMaxCorrections) return response;
    if (LearnRegion(response, region)) continue;
    if (response.status == 403 && clock_.Learn(response)) continue;
    TRY(const bool renewed, RenewKeys(call, response, keys, stop));
    if (!renewed) return response;
  }
}

Error S3::ErrorOf(const StoreCall& call, const HttpResponse& response) const {
  S3Failure failure{Describe(call, response), call.method == "HEAD", response.Header("location"),
                    call.headers.contains(kObjectLockMode) || call.query.contains("retention")};
  S3ErrorBody body = ParseS3Error(response.body);
  failure.refusal.code = std::move(body.code);
  failure.refusal.message = std::move(body.message);
  return ErrorForS3(failure);
}

StoreCall S3::PageCall(const std::string& prefix, const std::string& next, int limit) const {
  StoreCall call{"GET", ""};
  call.query = {{"list-type", "2"},
                {"encoding-type", "url"},
                {"max-keys", std::to_string(limit)},
                {"prefix", prefix}};
  if (!next.empty()) call.query["continuation-token"] = next;
  return call;
}

}  // namespace holdfast::storage
