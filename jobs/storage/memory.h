// Objects in memory: the backend of tests.
#pragma once

#include <map>
#include <mutex>

#include "jobs/storage/backend.h"

namespace holdfast::storage {

class Memory final : public Backend {
 public:
  Result<void> Save(const Handle& handle, ByteView data, std::stop_token stop) override;
  Result<void> Replace(const Handle& handle, ByteView data, std::stop_token stop) override;
  Result<Bytes> Load(const Handle& handle, std::uint64_t offset, std::uint64_t length,
                     std::stop_token stop) override;
  Result<FileInfo> Stat(const Handle& handle, std::stop_token stop) override;
  // Visits a copy of the names, so `visit` may call the backend.
  Result<void> List(FileType type, const std::function<Result<void>(const FileInfo&)>& visit,
                    std::stop_token stop) override;
  Result<void> Remove(const Handle& handle, std::stop_token stop) override;
  std::string Location() const override { return "memory:"; }

 private:
  std::mutex mutex_;
  std::map<Handle, Bytes> objects_;  // guarded by mutex_
};

}  // namespace holdfast::storage
