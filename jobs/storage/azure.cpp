#include "jobs/storage/azure.h"

#include <array>
#include <new>
#include <utility>

#include <fmt/format.h>
#include <openssl/rand.h>

#include "base/hex.h"
#include "jobs/storage/azure_error.h"
#include "jobs/storage/azure_signing.h"
#include "jobs/storage/azure_xml.h"
#include "jobs/storage/encoding.h"

namespace holdfast::storage {
namespace {

// Old enough for every cloud and emulator; 2019-12-12 brought what is used here last.
constexpr const char* kVersion = "2020-10-02";

// Two writers of one name must not take each other's blocks, which have names of their own below
// the object's. All ids of an object must have one length.
std::vector<std::string> BlockIds(std::size_t count) {
  std::array<std::uint8_t, 12> writer{};
  if (RAND_bytes(writer.data(), static_cast<int>(writer.size())) != 1) throw std::bad_alloc();
  std::vector<std::string> ids;
  for (std::size_t i = 0; i < count; ++i)
    ids.push_back(Base64(AsBytes(fmt::format("{}-{:06}", ToHex(writer), i))));
  return ids;
}

}  // namespace

Azure::Azure(AzureOptions options, const Clock& clock, Sleeper& sleeper)
    : ObjectStore(options.address, options.http, sleeper),
      options_(std::move(options)),
      clock_(clock) {}

// A signature in the address is as good as a key, and goes nowhere but into the request.
HttpRequest Azure::BuildRequest(const StoreCall& call) const {
  std::string path = fmt::format("{}/{}", options_.account_path, address().place);
  if (!call.key.empty()) path += "/" + call.key;
  AzureRequest request{call.method, UriEncode(path, true), call.query, call.headers,
                       call.body.size()};
  request.headers["x-ms-version"] = kVersion;
  if (call.method == "PUT") {
    request.headers.try_emplace("content-type", "application/octet-stream");
    request.headers["content-md5"] = Base64(Md5(call.body));
  }
  const AzureCredentials& credentials = options_.credentials;
  if (credentials.sas.empty()) SignAzure(request, options_.account, credentials.key, clock_.Now());
  std::string query = QueryText(call.query);
  if (!credentials.sas.empty()) query += (query.empty() ? "" : "&") + credentials.sas;
  std::string url = address().endpoint + request.path + (query.empty() ? "" : "?" + query);
  return {call.method, std::move(url), std::move(request.headers),
          call.body,   call.max_body,  call.time_limit};
}

Result<HttpResponse> Azure::Send(const StoreCall& call, const std::stop_token& stop) {
  TRY(HttpResponse response, Exchange(BuildRequest(call), stop));
  if (response.status != 403 || !clock_.Learn(response)) return response;
  return Exchange(BuildRequest(call), stop);
}

Error Azure::ErrorOf(const StoreCall& call, const HttpResponse& response) const {
  StoreRefusal refusal = Describe(call, response);
  AzureErrorBody body = ParseAzureError(response.body);
  refusal.code = response.Header("x-ms-error-code");
  if (refusal.code.empty()) refusal.code = std::move(body.code);
  refusal.message = std::move(body.message);
  return ErrorForAzure(refusal);
}

Result<ListingPage> Azure::ParsePage(const StoreCall& /*call*/, ByteView body) const {
  return ParseAzureListing(body);
}

StoreCall Azure::PageCall(const std::string& prefix, const std::string& next, int limit) const {
  StoreCall call{"GET", ""};
  call.query = {{"restype", "container"},
                {"comp", "list"},
                {"maxresults", std::to_string(limit)},
                {"prefix", prefix}};
  if (!next.empty()) call.query["marker"] = next;
  return call;
}

Result<void> Azure::Save(const Handle& handle, ByteView data, std::stop_token stop) {
  TRY(const std::string key, KeyOf(handle));
  if (data.size() > options_.parts.threshold) return PutInBlocks(key, data, stop);
  return Put(key, data, stop);
}

Result<void> Azure::Replace(const Handle& handle, ByteView data, std::stop_token stop) {
  TRY(const std::string key, KeyOf(handle));
  StoreCall call{"PUT", key};
  call.headers = {{"x-ms-blob-type", "BlockBlob"}};
  call.body = data;
  TRY_VOID(Demand(call, stop));
  return {};
}

Result<void> Azure::Put(const std::string& key, ByteView data, const std::stop_token& stop) {
  StoreCall call{"PUT", key};
  call.headers = {{"x-ms-blob-type", "BlockBlob"}, {"if-none-match", "*"}};
  call.body = data;
  TRY_VOID(Demand(call, stop));
  return {};
}

Result<void> Azure::PutInBlocks(const std::string& key, ByteView data,
                                const std::stop_token& stop) {
  const std::vector<std::string> ids = BlockIds(PartCount(data.size(), options_.parts));
  const auto send = [&](std::size_t index, ByteView block, const std::stop_token& blocks_stop) {
    return PutBlock(key, ids[index], block, blocks_stop);
  };
  TRY_VOID(SendInParts(data, options_.parts, send, stop));
  return PutBlockList(key, ids, stop);
}

Result<void> Azure::PutBlock(const std::string& key, const std::string& id, ByteView block,
                             const std::stop_token& stop) {
  StoreCall call{"PUT", key};
  call.query = {{"comp", "block"}, {"blockid", id}};
  call.body = block;
  TRY_VOID(Demand(call, stop));
  return {};
}

Result<void> Azure::PutBlockList(const std::string& key, const std::vector<std::string>& ids,
                                 const std::stop_token& stop) {
  const std::string body = BlockListXml(ids);
  StoreCall call{"PUT", key};
  call.query["comp"] = "blocklist";
  call.headers = {{"content-type", "application/xml"}, {"if-none-match", "*"}};
  call.body = AsBytes(body);
  TRY_VOID(Demand(call, stop));
  return {};
}

}  // namespace holdfast::storage
