// Objects in a bucket of Google Cloud Storage, by its JSON API.
#pragma once

#include <memory>
#include <string>

#include "base/clock.h"
#include "jobs/storage/google_token.h"
#include "jobs/storage/object_store.h"

namespace holdfast::storage {

struct GcsOptions {
  StoreAddress address;  // the endpoint is "https://storage.googleapis.com" or an emulator's
  std::shared_ptr<TokenSource> tokens;
  HttpOptions http;
};

class Gcs final : public ObjectStore {
 public:
  // `sleeper` must outlive it.
  explicit Gcs(GcsOptions options, Sleeper& sleeper = SystemSleeper());

  // AlreadyExists when it is there. The store's sum of what it stored is compared with ours; what
  // differs is removed and Unavailable.
  Result<void> Save(const Handle& handle, ByteView data, std::stop_token stop) override;
  Result<void> Replace(const Handle& handle, ByteView data, std::stop_token stop) override;
  std::string Location() const override {
    return "gs:" + address().place + ":/" + address().prefix;
  }

 private:
  Result<HttpResponse> Send(const StoreCall& call, const std::stop_token& stop) override;
  Error ErrorOf(const StoreCall& call, const HttpResponse& response) const override;
  Result<ListingPage> ParsePage(const StoreCall& call, ByteView body) const override;
  StoreCall PageCall(const std::string& prefix, const std::string& next, int limit) const override;
  StoreCall LoadCall(const std::string& key) const override;
  StoreCall StatCall(const std::string& key) const override;
  Result<std::uint64_t> SizeIn(const HttpResponse& response) const override;
  // The reason of a 404 is the same for both; only an upload needs no object.
  bool TellsMissingPlace(const StoreCall& call) const override { return call.method == "POST"; }

  HttpRequest BuildRequest(const StoreCall& call, const std::string& token) const;
  Result<HttpResponse> SendAuthorized(const StoreCall& call, const std::stop_token& stop);
  Result<void> CheckStored(const std::string& key, ByteView data, const HttpResponse& response,
                           const std::stop_token& stop);

  const GcsOptions options_;
};

}  // namespace holdfast::storage
