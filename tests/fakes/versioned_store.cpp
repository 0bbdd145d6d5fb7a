#include "tests/fakes/versioned_store.h"

#include <algorithm>

#include "jobs/storage/layout.h"
#include "jobs/storage/range.h"

namespace holdfast::fakes {

using storage::CheckStop;
using storage::FileInfo;
using storage::FileType;
using storage::Handle;
using storage::ObjectVersion;

VersionedStore::Version& VersionedStore::Add(const Handle& handle) {
  Version version;
  version.id = std::to_string(++ids_);
  version.stored = now_;
  return objects_[handle].emplace_back(std::move(version));
}

VersionedStore::Version* VersionedStore::Seen(const Handle& handle) {
  const auto found = objects_.find(handle);
  if (found == objects_.end() || found->second.empty() || found->second.back().is_marker)
    return nullptr;
  return &found->second.back();
}

void VersionedStore::Overwrite(const Handle& handle, ByteView data,
                               std::optional<TimePoint> until) {
  const std::scoped_lock lock(mutex_);
  Version& version = Add(handle);
  version.data.assign(data.begin(), data.end());
  version.until = until;
}

Result<void> VersionedStore::Save(const Handle& handle, ByteView data, std::stop_token stop) {
  TRY(const std::string path, storage::PathOf(handle));
  TRY_VOID(CheckStop(stop));
  const std::scoped_lock lock(mutex_);
  if (Seen(handle) != nullptr) return Fail(Code::kAlreadyExists, path + " is already there");
  Version& version = Add(handle);
  version.data.assign(data.begin(), data.end());
  if (period_ && handle.type != FileType::kLock && !forgetful_) version.until = now_ + *period_;
  return {};
}

Result<Bytes> VersionedStore::Load(const Handle& handle, std::uint64_t offset, std::uint64_t length,
                                   std::stop_token stop) {
  TRY(const std::string path, storage::PathOf(handle));
  TRY_VOID(CheckStop(stop));
  const std::scoped_lock lock(mutex_);
  const Version* const seen = Seen(handle);
  if (seen == nullptr) return Fail(Code::kNotFound, path + " does not exist");
  TRY(const std::uint64_t count, storage::BytesInRange(path, seen->data.size(), offset, length));
  const auto begin = seen->data.begin() + static_cast<std::ptrdiff_t>(offset);
  return Bytes(begin, begin + static_cast<std::ptrdiff_t>(count));
}

Result<FileInfo> VersionedStore::Stat(const Handle& handle, std::stop_token stop) {
  TRY(const std::string path, storage::PathOf(handle));
  TRY_VOID(CheckStop(stop));
  const std::scoped_lock lock(mutex_);
  const Version* const seen = Seen(handle);
  if (seen == nullptr) return Fail(Code::kNotFound, path + " does not exist");
  return FileInfo{handle.name, seen->data.size(), seen->stored};
}

Result<void> VersionedStore::List(FileType type,
                                  const std::function<Result<void>(const FileInfo&)>& visit,
                                  std::stop_token stop) {
  std::vector<FileInfo> infos;
  {
    const std::scoped_lock lock(mutex_);
    for (const auto& [handle, versions] : objects_)
      if (handle.type == type && !versions.empty() && !versions.back().is_marker)
        infos.push_back({handle.name, versions.back().data.size(), versions.back().stored});
  }
  for (const FileInfo& info : infos) {
    TRY_VOID(CheckStop(stop));
    TRY_VOID(visit(info));
  }
  return CheckStop(stop);
}

Result<void> VersionedStore::Remove(const Handle& handle, std::stop_token stop) {
  TRY_VOID(storage::PathOf(handle));
  TRY_VOID(CheckStop(stop));
  const std::scoped_lock lock(mutex_);
  if (Seen(handle) != nullptr) Add(handle).is_marker = true;
  return {};
}

Result<std::optional<TimePoint>> VersionedStore::RetainedUntil(const Handle& handle,
                                                               std::stop_token) {
  const std::scoped_lock lock(mutex_);
  const Version* const seen = Seen(handle);
  if (seen == nullptr) return Fail(Code::kNotFound, "it does not exist");
  return seen->until;
}

Result<void> VersionedStore::Retain(const Handle& handle, TimePoint until, std::stop_token stop) {
  TRY_VOID(CheckStop(stop));
  const std::scoped_lock lock(mutex_);
  Version* const seen = Seen(handle);
  if (seen == nullptr) return Fail(Code::kNotFound, "it does not exist");
  if (forgetful_ || (seen->until && *seen->until >= until)) return {};
  seen->until = until;
  ++retained_;
  return {};
}

Result<void> VersionedStore::ListVersions(
    const std::function<Result<void>(const ObjectVersion&)>& visit, std::stop_token) {
  std::vector<ObjectVersion> listed;
  {
    const std::scoped_lock lock(mutex_);
    for (const bool markers : {false, true})
      for (const auto& [handle, versions] : objects_)
        std::for_each(versions.rbegin(), versions.rend(), [&](const Version& version) {
          if (version.is_marker == markers)
            listed.push_back({handle, version.id, version.is_marker, version.stored});
        });
  }
  for (const ObjectVersion& version : listed) TRY_VOID(visit(version));
  return {};
}

Result<void> VersionedStore::RemoveVersion(const ObjectVersion& version, std::stop_token) {
  const std::scoped_lock lock(mutex_);
  std::vector<Version>& versions = objects_[version.handle];
  const auto found =
      std::ranges::find_if(versions, [&](const Version& each) { return each.id == version.id; });
  if (found == versions.end()) return {};
  if (found->until && *found->until > now_) return Fail(Code::kDenied, "it is retained");
  versions.erase(found);
  return {};
}

Result<void> VersionedStore::RestoreVersion(const ObjectVersion& version, std::stop_token) {
  const std::scoped_lock lock(mutex_);
  for (const Version& each : objects_[version.handle]) {
    if (each.id != version.id) continue;
    const Bytes data = each.data;
    Add(version.handle).data = data;
    return {};
  }
  return Fail(Code::kNotFound, "there is no such version");
}

}  // namespace holdfast::fakes
