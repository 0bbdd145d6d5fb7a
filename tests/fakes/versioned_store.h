// A place in memory that keeps versions under object lock, with a clock to set: what S3 does with
// such a bucket, without S3.
#pragma once

#include <map>
#include <mutex>
#include <vector>

#include "jobs/storage/backend.h"

namespace holdfast::fakes {

class VersionedStore final : public storage::Backend {
 public:
  // Without a period nothing is retained.
  explicit VersionedStore(std::optional<std::chrono::seconds> period = {}) : period_(period) {}

  void SetTime(TimePoint now) { now_ = now; }
  void SetPeriod(std::optional<std::chrono::seconds> period) { period_ = period; }
  // From now on orders to retain are taken and forgotten.
  void ForgetRetention() { forgetful_ = true; }
  // The calls of Retain that a time was moved by.
  int retained() const { return retained_; }

  // Replaces it, as somebody with the keys can, who may also have the new one retained.
  void Overwrite(const storage::Handle& handle, ByteView data, std::optional<TimePoint> until = {});

  Result<void> Save(const storage::Handle& handle, ByteView data, std::stop_token stop) override;
  Result<Bytes> Load(const storage::Handle& handle, std::uint64_t offset, std::uint64_t length,
                     std::stop_token stop) override;
  Result<storage::FileInfo> Stat(const storage::Handle& handle, std::stop_token stop) override;
  Result<void> List(storage::FileType type,
                    const std::function<Result<void>(const storage::FileInfo&)>& visit,
                    std::stop_token stop) override;
  Result<void> Remove(const storage::Handle& handle, std::stop_token stop) override;
  std::optional<std::chrono::seconds> RetentionPeriod() const override { return period_; }
  Result<std::optional<TimePoint>> RetainedUntil(const storage::Handle& handle,
                                                 std::stop_token stop) override;
  Result<void> Retain(const storage::Handle& handle, TimePoint until,
                      std::stop_token stop) override;
  Result<void> ListVersions(const std::function<Result<void>(const storage::ObjectVersion&)>& visit,
                            std::stop_token stop) override;
  Result<void> RemoveVersion(const storage::ObjectVersion& version, std::stop_token stop) override;
  Result<void> RestoreVersion(const storage::ObjectVersion& version, std::stop_token stop) override;
  std::string Location() const override { return "versions:"; }

 private:
  struct Version {
    std::string id;
    bool is_marker = false;
    TimePoint stored{};
    std::optional<TimePoint> until;
    Bytes data;
  };

  Version& Add(const storage::Handle& handle);
  // The one that is seen; nullptr when there is none.
  Version* Seen(const storage::Handle& handle);

  std::optional<std::chrono::seconds> period_;
  TimePoint now_{};
  bool forgetful_ = false;
  std::mutex mutex_;
  std::map<storage::Handle, std::vector<Version>> objects_;  // the newest last; guarded by mutex_
  int ids_ = 0;
  int retained_ = 0;
};

}  // namespace holdfast::fakes
