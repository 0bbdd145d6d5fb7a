// Logs each call at debug level, with its duration and size.
#pragma once

#include <memory>

#include "jobs/storage/decorator.h"

namespace holdfast::storage {

class Trace final : public Decorator {
 public:
  explicit Trace(std::unique_ptr<Backend> inner);

  Result<void> Save(const Handle& handle, ByteView data, std::stop_token stop) override;
  Result<void> Replace(const Handle& handle, ByteView data, std::stop_token stop) override;
  Result<Bytes> Load(const Handle& handle, std::uint64_t offset, std::uint64_t length,
                     std::stop_token stop) override;
  Result<void> LoadInto(const Handle& handle, std::uint64_t offset, std::span<std::uint8_t> into,
                        std::stop_token stop) override;
  Result<FileInfo> Stat(const Handle& handle, std::stop_token stop) override;
  Result<void> List(FileType type, const std::function<Result<void>(const FileInfo&)>& visit,
                    std::stop_token stop) override;
  Result<void> Remove(const Handle& handle, std::stop_token stop) override;
  Result<std::uint64_t> RemoveLeftovers(std::stop_token stop) override;
  Result<std::optional<TimePoint>> RetainedUntil(const Handle& handle,
                                                 std::stop_token stop) override;
  Result<void> Retain(const Handle& handle, TimePoint until, std::stop_token stop) override;
  Result<void> ListVersions(const std::function<Result<void>(const ObjectVersion&)>& visit,
                            std::stop_token stop) override;
  Result<void> RemoveVersion(const ObjectVersion& version, std::stop_token stop) override;
  Result<void> RestoreVersion(const ObjectVersion& version, std::stop_token stop) override;
};

}  // namespace holdfast::storage
