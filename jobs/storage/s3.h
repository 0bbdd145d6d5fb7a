// Objects in a bucket of Amazon S3 or a store that speaks its language.
#pragma once

#include <atomic>
#include <chrono>
#include <mutex>

#include "base/clock.h"
#include "jobs/storage/backend.h"
#include "jobs/storage/http.h"
#include "jobs/storage/s3_signing.h"

namespace holdfast::storage {

struct S3Listing;

struct S3Options {
  std::string endpoint;  // "https://host[:port]"
  std::string bucket;
  std::string prefix;               // without '/' at either end; may be empty
  std::string region;               // empty: us-east-1 until the store names another
  bool virtual_host_style = false;  // bucket in the host name instead of the path
  Credentials credentials;
  HttpOptions http;
};

// Learns from the store's answers, each once: the bucket's region, the difference between the
// clocks, and that it does not know conditional writes. An object is sent in one PUT, so that it
// may have at most 5 GiB.
class S3 final : public Backend {
 public:
  // `clock` must outlive it.
  S3(S3Options options, const Clock& clock);

  // AlreadyExists from stores that know If-None-Match; others replace the object.
  Result<void> Save(const Handle& handle, ByteView data, std::stop_token stop) override;
  // At most 1 GiB when `length` is 0: what a store sends is not trusted to end.
  Result<Bytes> Load(const Handle& handle, std::uint64_t offset, std::uint64_t length,
                     std::stop_token stop) override;
  Result<FileInfo> Stat(const Handle& handle, std::stop_token stop) override;
  Result<void> List(FileType type, const std::function<Result<void>(const FileInfo&)>& visit,
                    std::stop_token stop) override;
  Result<void> Remove(const Handle& handle, std::stop_token stop) override;
  std::string Location() const override;

 private:
  struct Call;

  Result<std::string> KeyOf(const Handle& handle) const;
  std::string Host(const std::string& region) const;
  HttpRequest BuildRequest(const Call& call, const std::string& region) const;
  // The answer after at most one correction each of region and clock.
  Result<HttpResponse> Send(const Call& call, const std::stop_token& stop);
  bool Learn(const HttpResponse& response, const std::string& region_used);
  Result<void> Put(const std::string& key, ByteView data, bool guarded,
                   const std::stop_token& stop);
  Result<Bytes> CheckLoaded(const std::string& key, HttpResponse response, std::uint64_t offset,
                            std::uint64_t length) const;
  Result<Bytes> ExplainBadRange(const Handle& handle, std::uint64_t offset, std::uint64_t length,
                                const std::stop_token& stop);
  Result<void> RequireBucket(const std::stop_token& stop);
  Result<S3Listing> ListPage(const Call& call, const std::stop_token& stop);
  Result<void> ListConfig(const std::function<Result<void>(const FileInfo&)>& visit,
                          const std::stop_token& stop);
  Error ErrorFor(const Call& call, const HttpResponse& response) const;
  std::string Region() const;

  const S3Options options_;
  const Clock& clock_;
  Http http_;
  mutable std::mutex mutex_;
  std::string region_;                         // guarded by mutex_
  std::atomic<std::int64_t> skew_seconds_{0};  // the store's clock minus ours
  std::atomic<bool> guarded_put_{true};
  std::atomic<bool> bucket_seen_{false};
};

}  // namespace holdfast::storage
