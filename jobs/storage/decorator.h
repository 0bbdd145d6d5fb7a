// A Backend in front of another that it owns: whatever a decorator does not override goes to that
// one as it is.
#pragma once

#include <memory>
#include <utility>

#include "jobs/storage/backend.h"

namespace holdfast::storage {

class Decorator : public Backend {
 public:
  Result<void> Save(const Handle& handle, ByteView data, std::stop_token stop) override {
    return inner_->Save(handle, data, std::move(stop));
  }
  Result<void> Replace(const Handle& handle, ByteView data, std::stop_token stop) override {
    return inner_->Replace(handle, data, std::move(stop));
  }
  Result<Bytes> Load(const Handle& handle, std::uint64_t offset, std::uint64_t length,
                     std::stop_token stop) override {
    return inner_->Load(handle, offset, length, std::move(stop));
  }
  Result<void> LoadInto(const Handle& handle, std::uint64_t offset, std::span<std::uint8_t> into,
                        std::stop_token stop) override {
    return inner_->LoadInto(handle, offset, into, std::move(stop));
  }
  Result<FileInfo> Stat(const Handle& handle, std::stop_token stop) override {
    return inner_->Stat(handle, std::move(stop));
  }
  Result<void> List(FileType type, const std::function<Result<void>(const FileInfo&)>& visit,
                    std::stop_token stop) override {
    return inner_->List(type, visit, std::move(stop));
  }
  Result<void> Remove(const Handle& handle, std::stop_token stop) override {
    return inner_->Remove(handle, std::move(stop));
  }
  Result<std::uint64_t> RemoveLeftovers(std::stop_token stop) override {
    return inner_->RemoveLeftovers(std::move(stop));
  }
  std::optional<std::chrono::seconds> RetentionPeriod() const override {
    return inner_->RetentionPeriod();
  }
  Result<std::optional<TimePoint>> RetainedUntil(const Handle& handle,
                                                 std::stop_token stop) override {
    return inner_->RetainedUntil(handle, std::move(stop));
  }
  Result<void> Retain(const Handle& handle, TimePoint until, std::stop_token stop) override {
    return inner_->Retain(handle, until, std::move(stop));
  }
  Result<void> ListVersions(const std::function<Result<void>(const ObjectVersion&)>& visit,
                            std::stop_token stop) override {
    return inner_->ListVersions(visit, std::move(stop));
  }
  Result<void> RemoveVersion(const ObjectVersion& version, std::stop_token stop) override {
    return inner_->RemoveVersion(version, std::move(stop));
  }
  Result<void> RestoreVersion(const ObjectVersion& version, std::stop_token stop) override {
    return inner_->RestoreVersion(version, std::move(stop));
  }
  std::string Location() const override { return inner_->Location(); }

 protected:
  explicit Decorator(std::unique_ptr<Backend> inner) : inner_(std::move(inner)) {}

  const std::unique_ptr<Backend> inner_;
};

}  // namespace holdfast::storage
