#include "jobs/storage/memory.h"

#include <vector>

#include "jobs/storage/layout.h"
#include "jobs/storage/range.h"

namespace holdfast::storage {
namespace {

tl::unexpected<Error> Absent(const std::string& path) {
  return Fail(Code::kNotFound, path + " does not exist");
}

}  // namespace

Result<void> Memory::Save(const Handle& handle, ByteView data, std::stop_token stop) {
  TRY(const std::string path, PathOf(handle));
  TRY_VOID(CheckStop(stop));
  const std::scoped_lock lock(mutex_);
  const bool added = objects_.try_emplace(handle, data.begin(), data.end()).second;
  if (!added) return Fail(Code::kAlreadyExists, path + " is already there");
  return {};
}

Result<void> Memory::Replace(const Handle& handle, ByteView data, std::stop_token stop) {
  TRY_VOID(PathOf(handle));
  TRY_VOID(CheckStop(stop));
  const std::scoped_lock lock(mutex_);
  objects_[handle].assign(data.begin(), data.end());
  return {};
}

Result<Bytes> Memory::Load(const Handle& handle, std::uint64_t offset, std::uint64_t length,
                           std::stop_token stop) {
  TRY(const std::string path, PathOf(handle));
  TRY_VOID(CheckStop(stop));
  const std::scoped_lock lock(mutex_);
  const auto found = objects_.find(handle);
  if (found == objects_.end()) return Absent(path);
  TRY(const std::uint64_t count, BytesInRange(path, found->second.size(), offset, length));
  const auto begin = found->second.begin() + static_cast<std::ptrdiff_t>(offset);
  return Bytes(begin, begin + static_cast<std::ptrdiff_t>(count));
}

Result<FileInfo> Memory::Stat(const Handle& handle, std::stop_token stop) {
  TRY(const std::string path, PathOf(handle));
  TRY_VOID(CheckStop(stop));
  const std::scoped_lock lock(mutex_);
  const auto found = objects_.find(handle);
  if (found == objects_.end()) return Absent(path);
  return FileInfo{handle.name, found->second.size()};
}

Result<void> Memory::List(FileType type, const std::function<Result<void>(const FileInfo&)>& visit,
                          std::stop_token stop) {
  std::vector<FileInfo> infos;
  {
    const std::scoped_lock lock(mutex_);
    for (const auto& [handle, data] : objects_)
      if (handle.type == type) infos.push_back({handle.name, data.size()});
  }
  for (const FileInfo& info : infos) {
    TRY_VOID(CheckStop(stop));
    TRY_VOID(visit(info));
  }
  return CheckStop(stop);
}

Result<void> Memory::Remove(const Handle& handle, std::stop_token stop) {
  TRY_VOID(PathOf(handle));
  TRY_VOID(CheckStop(stop));
  const std::scoped_lock lock(mutex_);
  objects_.erase(handle);
  return {};
}

}  // namespace holdfast::storage
