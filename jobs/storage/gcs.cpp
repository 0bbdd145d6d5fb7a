#include "jobs/storage/gcs.h"

#include <utility>

#include <fmt/format.h>

#include "base/json.h"
#include "jobs/storage/encoding.h"
#include "jobs/storage/gcs_error.h"
#include "jobs/storage/range.h"

namespace holdfast::storage {
namespace {

// The JSON API writes 64-bit numbers as strings.
Result<std::uint64_t> SizeOf(const Json& object) {
  const auto size = ParseNumber(FindString(object, {"size"}));
  if (!size) return Fail(Code::kUnavailable, "the answer does not tell the size");
  return *size;
}

bool IsDownload(const StoreCall& call) { return call.query.contains("alt"); }

}  // namespace

Gcs::Gcs(GcsOptions options, Sleeper& sleeper)
    : ObjectStore(options.address, options.http, sleeper), options_(std::move(options)) {}

// A name is one segment of the path, with its slashes encoded; that of an upload is in the query.
HttpRequest Gcs::BuildRequest(const StoreCall& call, const std::string& token) const {
  const bool is_upload = call.method == "POST";
  std::string url = fmt::format("{}{}/storage/v1/b/{}/o", address().endpoint,
                                is_upload ? "/upload" : "", UriEncode(address().place, false));
  std::map<std::string, std::string> query = call.query;
  if (is_upload)
    query["name"] = call.key;
  else if (!call.key.empty())
    url += "/" + UriEncode(call.key, false);
  if (!query.empty()) url += "?" + QueryText(query);
  HttpRequest request{call.method, std::move(url), call.headers,
                      call.body,   call.max_body,  call.time_limit};
  if (!token.empty()) request.headers["authorization"] = "Bearer " + token;
  return request;
}

Result<HttpResponse> Gcs::SendAuthorized(const StoreCall& call, const std::stop_token& stop) {
  for (bool first = true;; first = false) {
    TRY(const std::string token, options_.tokens->Get(stop));
    TRY(HttpResponse response, Exchange(BuildRequest(call, token), stop));
    if (response.status != 401 || !first) return response;
    options_.tokens->Drop(token);
  }
}

// The refusal of a download is text, in which an absent object looks like a proxy's page. That of
// its metadata says which it is.
Result<HttpResponse> Gcs::Send(const StoreCall& call, const std::stop_token& stop) {
  TRY(HttpResponse response, SendAuthorized(call, stop));
  if (response.status != 404 || !IsDownload(call)) return response;
  TRY(HttpResponse metadata, SendAuthorized(StatCall(call.key), stop));
  return metadata.IsSuccess() ? response : metadata;
}

Error Gcs::ErrorOf(const StoreCall& call, const HttpResponse& response) const {
  const bool about_object = !call.key.empty() && call.method != "POST";
  return ErrorForGcs(WithGcsReason(Describe(call, response), response.body), about_object);
}

StoreCall Gcs::LoadCall(const std::string& key) const { return {"GET", key, {{"alt", "media"}}}; }

StoreCall Gcs::StatCall(const std::string& key) const { return {"GET", key, {{"fields", "size"}}}; }

Result<std::uint64_t> Gcs::SizeIn(const HttpResponse& response) const {
  return SizeOf(ParseJson(AsText(response.body)).value_or(Json()));
}

StoreCall Gcs::PageCall(const std::string& prefix, const std::string& next, int limit) const {
  StoreCall call{"GET", ""};
  call.query = {{"fields", "kind,nextPageToken,items(name,size)"},
                {"maxResults", std::to_string(limit)},
                {"prefix", prefix}};
  if (!next.empty()) call.query["pageToken"] = next;
  return call;
}

Result<ListingPage> Gcs::ParsePage(const StoreCall& /*call*/, ByteView body) const {
  const Json json = ParseJson(AsText(body)).value_or(Json());
  if (FindString(json, {"kind"}) != "storage#objects")
    return Fail(Code::kUnavailable, "the answer is no listing");
  ListingPage page;
  page.next = FindString(json, {"nextPageToken"});
  const Json* items = Find(json, {"items"});
  if (items == nullptr || !items->is_array()) return page;
  for (const Json& item : *items) {
    TRY(const std::uint64_t size, SizeOf(item));
    page.entries.push_back({FindString(item, {"name"}), size});
  }
  return page;
}

Result<void> Gcs::Save(const Handle& handle, ByteView data, std::stop_token stop) {
  TRY(const std::string key, KeyOf(handle));
  StoreCall call{"POST", key};
  call.query = {{"uploadType", "media"},
                {"ifGenerationMatch", "0"},  // only if there is no such object
                {"fields", "generation,md5Hash"}};
  call.body = data;
  TRY(const HttpResponse response, Demand(call, stop));
  return CheckStored(key, data, response, stop);
}

Result<void> Gcs::Replace(const Handle& handle, ByteView data, std::stop_token stop) {
  TRY(const std::string key, KeyOf(handle));
  StoreCall call{"POST", key};
  call.query = {{"uploadType", "media"}, {"fields", "generation,md5Hash"}};
  call.body = data;
  TRY_VOID(Demand(call, stop));
  return {};
}

Result<void> Gcs::CheckStored(const std::string& key, ByteView data, const HttpResponse& response,
                              const std::stop_token& stop) {
  const Json stored = ParseJson(AsText(response.body)).value_or(Json());
  const std::string sum = FindString(stored, {"md5Hash"});
  const std::string generation = FindString(stored, {"generation"});
  if (sum == Base64(Md5(data))) return {};
  if (sum.empty() || generation.empty())
    return Fail(Code::kUnavailable, key + ": the answer does not say what was stored");
  const StoreCall removal{"DELETE", key, {{"generation", generation}}};
  TRY_VOID(Demand(removal, stop));
  return Fail(Code::kUnavailable, "POST " + key + ": the data was damaged on the way");
}

}  // namespace holdfast::storage
