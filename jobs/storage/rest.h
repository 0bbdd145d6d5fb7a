// Objects behind restic's REST protocol, version 2 ("References: REST Backend" in its manual), as
// restic's rest-server speaks it.
#pragma once

#include <string>

#include "jobs/storage/object_store.h"

namespace holdfast::storage {

struct RestOptions {
  StoreAddress address;  // no place; the prefix is the URL's path
  std::string username;  // empty: no authentication
  std::string password;
  // Holdfast's gateway instead: this file has a bearer token for it, and is read for each request.
  std::string token_file;
  HttpOptions http;
};

// The protocol has no pages: a listing is one answer. At most 256 MiB of it are read, which are
// about three million objects.
class Rest final : public ObjectStore {
 public:
  // `sleeper` must outlive it.
  explicit Rest(RestOptions options, Sleeper& sleeper = SystemSleeper());

  // AlreadyExists when it is there. A server that checks names takes only objects that are named
  // by the SHA-256 of their content.
  Result<void> Save(const Handle& handle, ByteView data, std::stop_token stop) override;
  std::string Location() const override;

  // The repository's own, which the gateway derives for whoever proves to be of its namespace.
  Result<std::string> Password(const std::stop_token& stop);

 private:
  Result<HttpResponse> Send(const StoreCall& call, const std::stop_token& stop) override;
  Error ErrorOf(const StoreCall& call, const HttpResponse& response) const override;
  Result<ListingPage> ParsePage(const StoreCall& call, ByteView body) const override;
  StoreCall PageCall(const std::string& prefix, const std::string& next, int limit) const override;
  // There is no place apart from the objects.
  bool TellsMissingPlace(const StoreCall& /*call*/) const override { return true; }

  Result<HttpRequest> BuildRequest(const StoreCall& call) const;
  Result<std::string> Authorization() const;
  std::string UrlOf(const std::string& key) const;
  Result<void> MakeFolders(const std::stop_token& stop);

  const RestOptions options_;
};

}  // namespace holdfast::storage
