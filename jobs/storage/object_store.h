// What the backends over HTTP have in common: ranges, listings page by page, absent objects, places
// that are missing, and stores that ask for time. Each store says how it spells requests and reads
// answers.
#pragma once

#include <atomic>
#include <optional>
#include <string>
#include <vector>

#include "base/hash.h"
#include "jobs/storage/backend.h"
#include "jobs/storage/http.h"
#include "jobs/storage/patience.h"
#include "jobs/storage/store_error.h"

namespace holdfast::storage {

struct StoreAddress {
  std::string endpoint;  // "https://host[:port]"
  std::string place;     // the bucket or container
  std::string prefix;    // without '/' at either end; may be empty
};

// A request in the store's words, without what signs it.
struct StoreCall {
  std::string method;
  std::string key;  // whole name of the object in its place; empty for the place itself
  std::map<std::string, std::string> query = {};    // plain text
  std::map<std::string, std::string> headers = {};  // names in lower case
  ByteView body = {};
  std::optional<Sha256Digest> body_sha256 = {};  // where it is known already
  std::uint64_t max_body = kErrorBodyLimit;
  std::chrono::milliseconds time_limit{0};  // zero: as long as bytes move
};

struct ListingPage {
  struct Entry {
    std::string key;
    std::uint64_t size = 0;  // bytes
    TimePoint stored{};      // zero where the store does not tell
  };
  std::vector<Entry> entries;
  std::string next;  // what asks for the page after this one; empty on the last page
};

class ObjectStore : public Backend {
 public:
  // At most 1 GiB when `length` is 0: what a store sends is not trusted to end.
  Result<Bytes> Load(const Handle& handle, std::uint64_t offset, std::uint64_t length,
                     std::stop_token stop) final;
  Result<FileInfo> Stat(const Handle& handle, std::stop_token stop) final;
  Result<void> List(FileType type, const std::function<Result<void>(const FileInfo&)>& visit,
                    std::stop_token stop) final;
  Result<void> Remove(const Handle& handle, std::stop_token stop) final;

 protected:
  // `sleeper` must outlive it.
  ObjectStore(StoreAddress address, HttpOptions http, Sleeper& sleeper);

  // The answer, after whatever corrections the store's answers taught (region, clock, token).
  virtual Result<HttpResponse> Send(const StoreCall& call, const std::stop_token& stop) = 0;
  virtual Error ErrorOf(const StoreCall& call, const HttpResponse& response) const = 0;
  // The answer to `call`, a PageCall.
  virtual Result<ListingPage> ParsePage(const StoreCall& call, ByteView body) const = 0;
  // A page of at most `limit` names that start with `prefix`; `next` is empty for the first one.
  // Its max_body is raised to that of a page.
  virtual StoreCall PageCall(const std::string& prefix, const std::string& next,
                             int limit) const = 0;
  virtual StoreCall LoadCall(const std::string& key) const { return {"GET", key}; }
  virtual StoreCall StatCall(const std::string& key) const { return {"HEAD", key}; }
  // The object's size in the answer to StatCall.
  virtual Result<std::uint64_t> SizeIn(const HttpResponse& response) const;
  // Whether the refusal of such a call can be told from that of a missing place. If not, the place
  // is listed once before the first such call.
  virtual bool TellsMissingPlace(const StoreCall& call) const = 0;

  // One request and its answer, after the pause the store asked for, unless its time is limited.
  Result<HttpResponse> Exchange(const HttpRequest& request, const std::stop_token& stop);
  // Send, and an Error for every refusal.
  Result<HttpResponse> Demand(const StoreCall& call, const std::stop_token& stop);
  Result<std::string> KeyOf(const Handle& handle) const;
  // For messages: method and key, the endpoint and the place.
  StoreRefusal Describe(const StoreCall& call, const HttpResponse& response) const;
  const StoreAddress& address() const { return address_; }
  // The place and the prefix, for Location().
  std::string PlaceAndPrefix() const;
  // What all our names start with.
  std::string Root() const;

 private:
  Result<void> RequirePlace(const StoreCall& call, const std::stop_token& stop);
  Result<HttpResponse> SendSeen(const StoreCall& call, const std::stop_token& stop);
  Result<Bytes> ExplainBadRange(const Handle& handle, std::uint64_t offset, std::uint64_t length,
                                const std::stop_token& stop);
  Result<ListingPage> Page(StoreCall call, const std::stop_token& stop);
  Result<void> VisitPage(const ListingPage& page, FileType type,
                         const std::function<Result<void>(const FileInfo&)>& visit,
                         const std::stop_token& stop) const;
  Result<void> ListConfig(const std::function<Result<void>(const FileInfo&)>& visit,
                          const std::stop_token& stop);

  const StoreAddress address_;
  Http http_;
  Patience patience_;
  std::atomic<bool> place_seen_{false};
};

}  // namespace holdfast::storage
