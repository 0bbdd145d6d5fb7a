#include "jobs/storage/object_store.h"

#include <algorithm>
#include <utility>

#include <fmt/format.h>

#include "jobs/storage/layout.h"
#include "jobs/storage/range.h"

namespace holdfast::storage {
namespace {

constexpr std::uint64_t kMaxWholeObject = std::uint64_t{1} << 30;
// A page has at most 1000 names of at most 1 KiB, three times that when encoded, and as much again
// in other elements.
constexpr std::uint64_t kMaxPage = 8 << 20;
constexpr int kPageSize = 1000;

std::string RangeHeader(std::uint64_t offset, std::uint64_t length) {
  if (length == 0) return fmt::format("bytes={}-", offset);
  return fmt::format("bytes={}-{}", offset, offset + length - 1);
}

// The object's size in "Content-Range: bytes 0-9/443".
std::optional<std::uint64_t> TotalOf(const HttpResponse& response) {
  const std::string range = response.Header("content-range");
  const std::size_t slash = range.find('/');
  return slash == std::string::npos ? std::nullopt : ParseNumber(range.substr(slash + 1));
}

// What was asked for, out of the answer's body.
Result<Bytes> CheckLoaded(const std::string& key, HttpResponse response, std::uint64_t offset,
                          std::uint64_t length) {
  if (!response.IsDelimited())
    return Fail(Code::kUnavailable, key + ": the answer has no length, so it may have been cut");
  if (response.status == 200) {  // all of it: the whole was asked for, or the range was ignored
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

}  // namespace

ObjectStore::ObjectStore(StoreAddress address, HttpOptions http, Sleeper& sleeper)
    : address_(std::move(address)), http_(std::move(http)), patience_(sleeper) {}

std::string ObjectStore::PlaceAndPrefix() const {
  return address_.prefix.empty() ? address_.place : address_.place + "/" + address_.prefix;
}

std::string ObjectStore::Root() const {
  return address_.prefix.empty() ? "" : address_.prefix + "/";
}

Result<std::string> ObjectStore::KeyOf(const Handle& handle) const {
  TRY(const std::string path, PathOf(handle));
  return Root() + path;
}

StoreRefusal ObjectStore::Describe(const StoreCall& call, const HttpResponse& response) const {
  StoreRefusal refusal;
  refusal.status = response.status;
  refusal.endpoint = address_.endpoint;
  refusal.place = address_.place;
  refusal.action = call.method + " " + (call.key.empty() ? "listing" : call.key);
  return refusal;
}

Result<HttpResponse> ObjectStore::Exchange(const HttpRequest& request,
                                           const std::stop_token& stop) {
  if (request.time_limit == std::chrono::milliseconds::zero()) TRY_VOID(patience_.Wait(stop));
  TRY(HttpResponse response, http_.Send(request, stop));
  patience_.Heed(response);
  return response;
}

Result<HttpResponse> ObjectStore::SendSeen(const StoreCall& call, const std::stop_token& stop) {
  TRY(HttpResponse response, Send(call, stop));
  if (response.IsSuccess()) place_seen_ = true;
  return response;
}

Result<HttpResponse> ObjectStore::Demand(const StoreCall& call, const std::stop_token& stop) {
  TRY(HttpResponse response, SendSeen(call, stop));
  if (!response.IsSuccess()) return tl::make_unexpected(ErrorOf(call, response));
  return response;
}

// A listing says why it is refused, and never misses an object.
Result<void> ObjectStore::RequirePlace(const StoreCall& call, const std::stop_token& stop) {
  if (place_seen_ || TellsMissingPlace(call)) return {};
  StoreCall listing = PageCall(Root(), "", 1);
  listing.max_body = kMaxPage;
  TRY_VOID(Demand(listing, stop));
  return {};
}

Result<Bytes> ObjectStore::Load(const Handle& handle, std::uint64_t offset, std::uint64_t length,
                                std::stop_token stop) {
  TRY(const std::string key, KeyOf(handle));
  StoreCall call = LoadCall(key);
  call.max_body = length == 0 ? kMaxWholeObject : length;
  if (offset > 0 || length > 0) call.headers["range"] = RangeHeader(offset, length);
  TRY_VOID(RequirePlace(call, stop));
  TRY(HttpResponse response, SendSeen(call, stop));
  if (response.status == 416) return ExplainBadRange(handle, offset, length, stop);
  if (!response.IsSuccess()) return tl::make_unexpected(ErrorOf(call, response));
  return CheckLoaded(key, std::move(response), offset, length);
}

// Stores also refuse a range that starts at the end, which for the seam is an empty one.
Result<Bytes> ObjectStore::ExplainBadRange(const Handle& handle, std::uint64_t offset,
                                           std::uint64_t length, const std::stop_token& stop) {
  TRY(const FileInfo info, Stat(handle, stop));
  TRY(const std::uint64_t count, BytesInRange(handle.name, info.size, offset, length));
  if (count == 0) return Bytes();
  return Fail(Code::kUnavailable, address_.endpoint + " refuses a range within the object");
}

Result<std::uint64_t> ObjectStore::SizeIn(const HttpResponse& response) const {
  const auto size = ParseNumber(response.Header("content-length"));
  if (!size) return Fail(Code::kUnavailable, "the answer does not tell the size");
  return *size;
}

Result<FileInfo> ObjectStore::Stat(const Handle& handle, std::stop_token stop) {
  TRY(const std::string key, KeyOf(handle));
  const StoreCall call = StatCall(key);
  TRY_VOID(RequirePlace(call, stop));
  TRY(const HttpResponse response, Demand(call, stop));
  const Result<std::uint64_t> size = SizeIn(response);
  if (!size) return tl::make_unexpected(WithContext(key, size.error()));
  return FileInfo{handle.name, *size};
}

Result<void> ObjectStore::List(FileType type,
                               const std::function<Result<void>(const FileInfo&)>& visit,
                               std::stop_token stop) {
  if (type == FileType::kConfig) return ListConfig(visit, stop);
  const std::string prefix = fmt::format("{}{}/", Root(), FolderOf(type));
  std::string next;
  while (true) {
    TRY(const ListingPage page, Page(PageCall(prefix, next, kPageSize), stop));
    TRY_VOID(VisitPage(page, type, visit, stop));
    if (page.next.empty()) return {};
    if (page.next == next)
      return Fail(Code::kUnavailable, "the listing at " + address_.endpoint + " does not advance");
    next = page.next;
  }
}

Result<ListingPage> ObjectStore::Page(StoreCall call, const std::stop_token& stop) {
  call.max_body = std::max(call.max_body, kMaxPage);
  TRY(const HttpResponse response, Demand(call, stop));
  Result<ListingPage> page = ParsePage(call, response.body);
  if (!page) return tl::make_unexpected(WithContext("list at " + address_.endpoint, page.error()));
  return page;
}

Result<void> ObjectStore::VisitPage(const ListingPage& page, FileType type,
                                    const std::function<Result<void>(const FileInfo&)>& visit,
                                    const std::stop_token& stop) const {
  const std::string root = Root();
  for (const ListingPage::Entry& entry : page.entries) {
    TRY_VOID(CheckStop(stop));
    if (!entry.key.starts_with(root)) continue;
    const auto handle = HandleOf(std::string_view(entry.key).substr(root.size()));
    if (handle && handle->type == type) TRY_VOID(visit({handle->name, entry.size, entry.stored}));
  }
  return {};
}

Result<void> ObjectStore::ListConfig(const std::function<Result<void>(const FileInfo&)>& visit,
                                     const std::stop_token& stop) {
  const Result<FileInfo> info = Stat({FileType::kConfig, ""}, stop);
  if (info) return visit(*info);
  if (IsAbsent(info.error())) return {};
  return tl::make_unexpected(info.error());
}

Result<void> ObjectStore::Remove(const Handle& handle, std::stop_token stop) {
  TRY(const std::string key, KeyOf(handle));
  const StoreCall call{"DELETE", key};
  TRY_VOID(RequirePlace(call, stop));
  const Result<HttpResponse> removed = Demand(call, stop);
  if (removed || IsAbsent(removed.error())) return {};
  return tl::make_unexpected(removed.error());
}

}  // namespace holdfast::storage
