// Objects in a container of Azure Blob Storage, as block blobs.
#pragma once

#include <string>

#include "base/clock.h"
#include "jobs/storage/object_store.h"
#include "jobs/storage/parts.h"
#include "jobs/storage/store_clock.h"

namespace holdfast::storage {

// One of `key` and `sas` is set.
struct AzureCredentials {
  Bytes key;        // decoded
  std::string sas;  // a shared access signature, "sv=...&sig=...", without '?'
};

struct AzureOptions {
  std::string location;  // as the user wrote it, "azure:container:/prefix"
  // Endpoint without, `account_path` with the account: emulators have it in the path.
  StoreAddress address;
  std::string account_path;  // "/account" or empty
  std::string account;
  AzureCredentials credentials;
  HttpOptions http;
  PartOptions parts;
};

// Learns the difference between the clocks from a refusal.
class Azure final : public ObjectStore {
 public:
  // `clock` and `sleeper` must outlive it.
  Azure(AzureOptions options, const Clock& clock, Sleeper& sleeper = SystemSleeper());

  // AlreadyExists when it is there. Blocks of an upload that fails are invisible, and dropped by
  // the store after a week.
  Result<void> Save(const Handle& handle, ByteView data, std::stop_token stop) override;
  Result<void> Replace(const Handle& handle, ByteView data, std::stop_token stop) override;
  std::string Location() const override { return options_.location; }

 private:
  Result<HttpResponse> Send(const StoreCall& call, const std::stop_token& stop) override;
  Error ErrorOf(const StoreCall& call, const HttpResponse& response) const override;
  Result<ListingPage> ParsePage(const StoreCall& call, ByteView body) const override;
  StoreCall PageCall(const std::string& prefix, const std::string& next, int limit) const override;
  // The code of a refusal stands in a header, too.
  bool TellsMissingPlace(const StoreCall& /*call*/) const override { return true; }

  HttpRequest BuildRequest(const StoreCall& call) const;
  Result<void> Put(const std::string& key, ByteView data, const std::stop_token& stop);
  Result<void> PutInBlocks(const std::string& key, ByteView data, const std::stop_token& stop);
  Result<void> PutBlock(const std::string& key, const std::string& id, ByteView block,
                        const std::stop_token& stop);
  Result<void> PutBlockList(const std::string& key, const std::vector<std::string>& ids,
                            const std::stop_token& stop);

  const AzureOptions options_;
  StoreClock clock_;
};

}  // namespace holdfast::storage
