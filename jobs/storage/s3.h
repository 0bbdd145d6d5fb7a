// Objects in a bucket of Amazon S3 or a store that speaks its language.
#pragma once

#include <atomic>
#include <memory>
#include <mutex>

#include "base/clock.h"
#include "jobs/storage/object_store.h"
#include "jobs/storage/parts.h"
#include "jobs/storage/s3_credentials.h"
#include "jobs/storage/s3_xml.h"
#include "jobs/storage/store_clock.h"

namespace holdfast::storage {

struct S3Options {
  StoreAddress address;
  std::string region;               // empty: us-east-1 until the store names another
  bool virtual_host_style = false;  // bucket in the host name instead of the path
  std::shared_ptr<CredentialsSource> credentials;
  HttpOptions http;
  PartOptions parts;
};

// Learns from the store's answers, each once: the bucket's region, the difference between the
// clocks, that it does not know conditional writes; and, whenever it says so, that keys expired.
class S3 final : public ObjectStore {
 public:
  // `clock` and `sleeper` must outlive it.
  S3(S3Options options, const Clock& clock, Sleeper& sleeper = SystemSleeper());

  // AlreadyExists from stores that know If-None-Match; others replace the object. What fails in
  // parts is given up at the store, too; if it cannot be told within ten seconds (one, after a
  // stop), the parts stay there until the bucket's lifecycle rule removes them.
  Result<void> Save(const Handle& handle, ByteView data, std::stop_token stop) override;
  Result<void> Replace(const Handle& handle, ByteView data, std::stop_token stop) override;
  std::string Location() const override;

 private:
  struct Upload;

  Result<HttpResponse> Send(const StoreCall& call, const std::stop_token& stop) override;
  Error ErrorOf(const StoreCall& call, const HttpResponse& response) const override;
  Result<ListingPage> ParsePage(const StoreCall& /*call*/, ByteView body) const override {
    return ParseS3Listing(body);
  }
  StoreCall PageCall(const std::string& prefix, const std::string& next, int limit) const override;
  // A HEAD is refused without a body.
  bool TellsMissingPlace(const StoreCall& call) const override { return call.method != "HEAD"; }

  std::string Host(const std::string& region) const;
  HttpRequest BuildRequest(const StoreCall& call, const std::string& region,
                           const Credentials& credentials) const;
  bool LearnRegion(const HttpResponse& response, const std::string& region_used);
  Result<bool> RenewKeys(const StoreCall& call, const HttpResponse& response,
                         const Credentials& used, const std::stop_token& stop);
  std::string Region() const;

  // s3_upload.cpp. With `guarded`, the store is asked to keep an existing object and to check the
  // sums again when it stores (buckets with Object Lock demand sums).
  Result<void> Put(StoreCall call, bool guarded, const std::stop_token& stop);
  Result<void> PutInParts(const std::string& key, ByteView data, bool guarded,
                          const std::stop_token& stop);
  Result<Upload> Begin(const std::string& key, bool guarded, const std::stop_token& stop);
  Result<S3Part> PutPart(const Upload& upload, std::size_t index, ByteView part,
                         const std::stop_token& stop);
  Result<void> Complete(const Upload& upload, const std::vector<S3Part>& parts,
                        const std::stop_token& stop);
  void Abort(const Upload& upload, bool in_haste);

  const S3Options options_;
  StoreClock clock_;
  mutable std::mutex mutex_;
  std::string region_;  // guarded by mutex_
  std::atomic<bool> guarded_put_{true};
};

}  // namespace holdfast::storage
