#include "jobs/storage/s3.h"

#include <charconv>
#include <optional>
#include <utility>

#include <fmt/format.h>

#include "jobs/storage/layout.h"
#include "jobs/storage/range.h"
#include "jobs/storage/s3_error.h"
#include "jobs/storage/s3_xml.h"

namespace holdfast::storage {
namespace {

constexpr std::uint64_t kMaxWholeObject = std::uint64_t{1} << 30;
// A page has at most 1000 keys of at most 1 KiB, three times that when encoded, and as much again
// in other elements.
constexpr std::uint64_t kMaxPage = 8 << 20;
constexpr int kMaxCorrections = 2;  // region and clock
constexpr std::chrono::seconds kTolerableSkew{60};
constexpr std::string_view kDefaultRegion = "us-east-1";

std::string HostOf(const std::string& endpoint) {
  return endpoint.substr(endpoint.find("://") + 3);
}

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
  const std::string named = AmazonRegion(HostOf(options.endpoint)).value_or("");
  return named.empty() ? std::string(kDefaultRegion) : named;
}

// A store's word for its region becomes part of a host name, so it may not be just any text.
bool IsRegionName(std::string_view text) {
  constexpr std::string_view kAllowed = "abcdefghijklmnopqrstuvwxyz0123456789-";
  return !text.empty() && text.find_first_not_of(kAllowed) == std::string_view::npos;
}

std::string RangeHeader(std::uint64_t offset, std::uint64_t length) {
  if (length == 0) return fmt::format("bytes={}-", offset);
  return fmt::format("bytes={}-{}", offset, offset + length - 1);
}

std::optional<std::uint64_t> ParseNumber(std::string_view text) {
  std::uint64_t number = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), number);
  if (error != std::errc() || end != text.data() + text.size()) return std::nullopt;
  return number;
}

// The object's size in "Content-Range: bytes 0-9/443".
std::optional<std::uint64_t> TotalOf(const HttpResponse& response) {
  const std::string range = response.Header("content-range");
  const std::size_t slash = range.find('/');
  return slash == std::string::npos ? std::nullopt : ParseNumber(range.substr(slash + 1));
}

// Whether the end of the body was marked, so that a cut one would have been noticed.
bool IsDelimited(const HttpResponse& response) {
  return !response.Header("content-length").empty() ||
         !response.Header("transfer-encoding").empty();
}

}  // namespace

struct S3::Call {
  std::string method;
  std::string key;  // whole key in the bucket; empty for the bucket itself
  std::map<std::string, std::string> query = {};
  std::map<std::string, std::string> headers = {};
  ByteView body = {};
  std::uint64_t max_body = 0;
  Sha256Digest payload = Sha256({});
};

S3::S3(S3Options options, const Clock& clock)
    : options_(std::move(options)),
      clock_(clock),
      http_(options_.http),
      region_(FirstRegion(options_)) {}

std::string S3::Location() const {
  std::string location = fmt::format("s3:{}/{}", options_.endpoint, options_.bucket);
  return options_.prefix.empty() ? location : location + "/" + options_.prefix;
}

Result<std::string> S3::KeyOf(const Handle& handle) const {
  TRY(std::string path, PathOf(handle));
  return options_.prefix.empty() ? path : options_.prefix + "/" + path;
}

std::string S3::Region() const {
  const std::scoped_lock lock(mutex_);
  return region_;
}

// Amazon serves a bucket only under the host of its region.
std::string S3::Host(const std::string& region) const {
  std::string host = HostOf(options_.endpoint);
  if (AmazonRegion(host)) host = fmt::format("s3.{}.amazonaws.com", region);
  return options_.virtual_host_style ? options_.bucket + "." + host : host;
}

HttpRequest S3::BuildRequest(const Call& call, const std::string& region) const {
  const std::string bucket = options_.virtual_host_style ? "/" : "/" + options_.bucket + "/";
  SignedRequest request{call.method, Host(region), bucket + call.key, call.query, call.headers};
  Sign(request, options_.credentials, region, call.payload,
       clock_.Now() + std::chrono::seconds(skew_seconds_));
  const std::string scheme = options_.endpoint.substr(0, options_.endpoint.find("://") + 3);
  std::string url = scheme + request.host + UriEncode(request.path, true);
  if (!call.query.empty()) url += "?" + QueryText(call.query);
  return {call.method, std::move(url), std::move(request.headers), call.body, call.max_body};
}

// Whether the refusal says something with which the same call can succeed.
bool S3::Learn(const HttpResponse& response, const std::string& region_used) {
  std::string region = response.Header("x-amz-bucket-region");
  if (region.empty()) region = ParseS3Error(response.body).region;
  if (IsRegionName(region) && region != region_used) {
    const std::scoped_lock lock(mutex_);
    region_ = region;
    return true;
  }
  const auto date = ParseHttpDate(response.Header("date"));
  if (response.status != 403 || !date) return false;
  const auto skew = std::chrono::duration_cast<std::chrono::seconds>(*date - clock_.Now());
  const bool is_news =
      std::chrono::abs(skew - std::chrono::seconds(skew_seconds_)) > kTolerableSkew;
  if (is_news) skew_seconds_ = skew.count();
  return is_news;
}

Result<HttpResponse> S3::Send(const Call& call, const std::stop_token& stop) {
  for (int corrections = 0;; ++corrections) {
    const std::string region = Region();
    TRY(HttpResponse response, http_.Send(BuildRequest(call, region), stop));
    if (response.IsSuccess()) bucket_seen_ = true;
    if (response.IsSuccess() || corrections == kMaxCorrections || !Learn(response, region))
      return response;
  }
}

Error S3::ErrorFor(const Call& call, const HttpResponse& response) const {
  return ErrorForS3({response.status, call.method == "HEAD", ParseS3Error(response.body),
                     response.Header("location"), options_.endpoint, options_.bucket,
                     call.method + " " + (call.key.empty() ? "listing" : call.key)});
}

// With `guarded`, the store is asked to keep an existing object and to check the sum again when it
// stores (buckets with Object Lock demand a sum). Stores that know neither mostly ignore them.
Result<void> S3::Put(const std::string& key, ByteView data, bool guarded,
                     const std::stop_token& stop) {
  Call call{"PUT", key};
  call.body = data;
  call.max_body = kErrorBodyLimit;
  call.payload = Sha256(data);
  if (guarded) {
    call.headers["if-none-match"] = "*";
    call.headers["x-amz-checksum-sha256"] = Base64(call.payload);
  }
  TRY(const HttpResponse response, Send(call, stop));
  if (response.IsSuccess()) return {};
  return tl::make_unexpected(ErrorFor(call, response));
}

Result<void> S3::Save(const Handle& handle, ByteView data, std::stop_token stop) {
  TRY(const std::string key, KeyOf(handle));
  const bool guarded = guarded_put_;
  Result<void> saved = Put(key, data, guarded, stop);
  if (saved || !guarded || saved.error().code != Code::kNotSupported) return saved;
  guarded_put_ = false;
  return Put(key, data, false, stop);
}

Result<Bytes> S3::Load(const Handle& handle, std::uint64_t offset, std::uint64_t length,
                       std::stop_token stop) {
  TRY(const std::string key, KeyOf(handle));
  Call call{"GET", key};
  call.max_body = length == 0 ? kMaxWholeObject : length;
  if (offset > 0 || length > 0) call.headers["range"] = RangeHeader(offset, length);
  TRY(HttpResponse response, Send(call, stop));
  if (response.status == 416) return ExplainBadRange(handle, offset, length, stop);
  if (!response.IsSuccess()) return tl::make_unexpected(ErrorFor(call, response));
  return CheckLoaded(key, std::move(response), offset, length);
}

Result<Bytes> S3::CheckLoaded(const std::string& key, HttpResponse response, std::uint64_t offset,
                              std::uint64_t length) const {
  if (!IsDelimited(response))
    return Fail(Code::kUnavailable, key + ": the answer has no length, so it may have been cut");
  if (response.status == 200) {  // the store ignored the range
    TRY(const std::uint64_t count, BytesInRange(key, response.body.size(), offset, length));
    if (count == response.body.size()) return std::move(response.body);
    const auto begin = response.body.begin() + static_cast<std::ptrdiff_t>(offset);
    return Bytes(begin, begin + static_cast<std::ptrdiff_t>(count));
  }
  const std::uint64_t total = TotalOf(response).value_or(offset + response.body.size());
  TRY(const std::uint64_t count, BytesInRange(key, total, offset, length));
  if (response.body.size() != count)
    return Fail(Code::kUnavailable, fmt::format("{}: the answer has {} bytes instead of {}", key,
                                                response.body.size(), count));
  return std::move(response.body);
}

// S3 also refuses a range that starts at the end, which for the seam is an empty one.
Result<Bytes> S3::ExplainBadRange(const Handle& handle, std::uint64_t offset, std::uint64_t length,
                                  const std::stop_token& stop) {
  TRY(const FileInfo info, Stat(handle, stop));
  TRY(const std::uint64_t count, BytesInRange(handle.name, info.size, offset, length));
  if (count == 0) return Bytes();
  return Fail(Code::kUnavailable, options_.endpoint + " refuses a range within the object");
}

// A HEAD is refused without a body; a listing says why.
Result<void> S3::RequireBucket(const std::stop_token& stop) {
  if (bucket_seen_) return {};
  Call call{"GET", ""};
  call.query = {{"list-type", "2"}, {"max-keys", "1"}, {"prefix", options_.prefix}};
  call.max_body = kMaxPage;
  TRY(const HttpResponse response, Send(call, stop));
  if (response.IsSuccess()) return {};
  return tl::make_unexpected(ErrorFor(call, response));
}

Result<FileInfo> S3::Stat(const Handle& handle, std::stop_token stop) {
  TRY(const std::string key, KeyOf(handle));
  TRY_VOID(RequireBucket(stop));
  const Call call{"HEAD", key};
  TRY(const HttpResponse response, Send(call, stop));
  if (!response.IsSuccess()) return tl::make_unexpected(ErrorFor(call, response));
  const auto size = ParseNumber(response.Header("content-length"));
  if (!size) return Fail(Code::kUnavailable, key + ": the answer does not tell the size");
  return FileInfo{handle.name, *size};
}

Result<void> S3::List(FileType type, const std::function<Result<void>(const FileInfo&)>& visit,
                      std::stop_token stop) {
  if (type == FileType::kConfig) return ListConfig(visit, stop);
  const std::string root = options_.prefix.empty() ? "" : options_.prefix + "/";
  Call call{"GET", ""};
  call.query = {{"list-type", "2"},
                {"encoding-type", "url"},
                {"prefix", fmt::format("{}{}/", root, FolderOf(type))}};
  call.max_body = kMaxPage;
  while (true) {
    TRY(const S3Listing page, ListPage(call, stop));
    for (const S3Listing::Entry& entry : page.entries) {
      TRY_VOID(CheckStop(stop));
      if (!entry.key.starts_with(root)) continue;
      const auto handle = HandleOf(std::string_view(entry.key).substr(root.size()));
      if (handle && handle->type == type) TRY_VOID(visit({handle->name, entry.size}));
    }
    if (page.next_token.empty()) return {};
    if (call.query["continuation-token"] == page.next_token)
      return Fail(Code::kUnavailable, "the listing at " + options_.endpoint + " does not advance");
    call.query["continuation-token"] = page.next_token;
  }
}

Result<S3Listing> S3::ListPage(const Call& call, const std::stop_token& stop) {
  TRY(const HttpResponse response, Send(call, stop));
  if (!response.IsSuccess()) return tl::make_unexpected(ErrorFor(call, response));
  Result<S3Listing> page = ParseS3Listing(response.body);
  if (!page) return tl::make_unexpected(WithContext("list at " + options_.endpoint, page.error()));
  return page;
}

Result<void> S3::ListConfig(const std::function<Result<void>(const FileInfo&)>& visit,
                            const std::stop_token& stop) {
  const Result<FileInfo> info = Stat({FileType::kConfig, ""}, stop);
  if (info) return visit(*info);
  if (IsAbsent(info.error())) return {};
  return tl::make_unexpected(info.error());
}

Result<void> S3::Remove(const Handle& handle, std::stop_token stop) {
  TRY(const std::string key, KeyOf(handle));
  Call call{"DELETE", key};
  call.max_body = kErrorBodyLimit;
  TRY(const HttpResponse response, Send(call, stop));
  if (response.IsSuccess()) return {};
  Error error = ErrorFor(call, response);
  if (IsAbsent(error)) return {};
  return tl::make_unexpected(std::move(error));
}

}  // namespace holdfast::storage
