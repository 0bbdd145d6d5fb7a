// Objects in a bucket of Amazon S3 or a store that speaks its language.
#pragma once

#include <atomic>
#include <chrono>
#include <memory>
#include <mutex>
#include <optional>

#include "base/clock.h"
#include "jobs/storage/object_store.h"
#include "jobs/storage/parts.h"
#include "jobs/storage/s3_credentials.h"
#include "jobs/storage/s3_xml.h"
#include "jobs/storage/store_clock.h"

namespace holdfast::storage {

enum class ObjectLockMode { kGovernance, kCompliance };

// How the objects of a bucket with S3 Object Lock are retained, from when they are stored.
struct ObjectLock {
  ObjectLockMode mode = ObjectLockMode::kGovernance;
  std::chrono::seconds period{0};
};

struct S3Options {
  StoreAddress address;
  std::string region;               // empty: us-east-1 until the store names another
  bool virtual_host_style = false;  // bucket in the host name instead of the path
  std::shared_ptr<CredentialsSource> credentials;
  std::optional<ObjectLock> object_lock = {};
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

  // s3_object_lock.cpp. An object keeps the mode that it was stored with; only its time moves.
  std::optional<std::chrono::seconds> RetentionPeriod() const override;
  Result<std::optional<TimePoint>> RetainedUntil(const Handle& handle,
                                                 std::stop_token stop) override;
  Result<void> Retain(const Handle& handle, TimePoint until, std::stop_token stop) override;
  Result<void> ListVersions(const std::function<Result<void>(const ObjectVersion&)>& visit,
                            std::stop_token stop) override;
  Result<void> RemoveVersion(const ObjectVersion& version, std::stop_token stop) override;
  Result<void> RestoreVersion(const ObjectVersion& version, std::stop_token stop) override;

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
  // sums again when it stores. Buckets with Object Lock demand sums, and always get them.
  Result<void> Put(StoreCall call, bool guarded, const std::stop_token& stop);
  Result<void> PutInParts(const Handle& handle, const std::string& key, ByteView data, bool guarded,
                          const std::stop_token& stop);
  Result<Upload> Begin(const Handle& handle, const std::string& key, bool guarded,
                       const std::stop_token& stop);
  Result<S3Part> PutPart(const Upload& upload, std::size_t index, ByteView part,
                         const std::stop_token& stop);
  Result<void> Complete(const Upload& upload, const std::vector<S3Part>& parts,
                        const std::stop_token& stop);
  void Abort(const Upload& upload, bool in_haste);

  // s3_object_lock.cpp. Has what `call` stores retained.
  void AddRetention(const Handle& handle, StoreCall& call) const;
  Result<void> PutRetention(const std::string& key, std::string_view mode, TimePoint until,
                            const std::stop_token& stop);

  const S3Options options_;
  StoreClock clock_;
  mutable std::mutex mutex_;
  std::string region_;  // guarded by mutex_
  std::atomic<bool> guarded_put_{true};
};

}  // namespace holdfast::storage
