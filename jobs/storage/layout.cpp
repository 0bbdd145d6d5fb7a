#include "jobs/storage/layout.h"

#include <algorithm>
#include <array>

namespace holdfast::storage {
namespace {

constexpr std::string_view kConfigPath = "config";
constexpr std::size_t kNameDigits = 64;  // SHA-256 in hex
constexpr std::size_t kShardDigits = 2;  // packs are spread over data/00 to data/ff

constexpr std::array kFolderTypes = {FileType::kKey, FileType::kLock, FileType::kSnapshot,
                                     FileType::kIndex, FileType::kPack};

// What follows "FOLDER/" in `path`; nothing when it lies elsewhere.
std::optional<std::string_view> Below(std::string_view folder, std::string_view path) {
  if (!path.starts_with(folder)) return std::nullopt;
  path.remove_prefix(folder.size());
  if (!path.starts_with('/')) return std::nullopt;
  return path.substr(1);
}

// "ab/abcdef..." → "abcdef...".
std::optional<std::string_view> WithoutShard(std::string_view path) {
  if (path.size() <= kShardDigits || path[kShardDigits] != '/') return std::nullopt;
  const std::string_view name = path.substr(kShardDigits + 1);
  if (!name.starts_with(path.substr(0, kShardDigits))) return std::nullopt;
  return name;
}

}  // namespace

bool IsObjectName(std::string_view name) {
  return name.size() == kNameDigits && std::ranges::all_of(name, [](char c) {
           return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'f');
         });
}

std::string_view FolderOf(FileType type) {
  switch (type) {
    case FileType::kConfig:
      return "";
    case FileType::kKey:
      return "keys";
    case FileType::kLock:
      return "locks";
    case FileType::kSnapshot:
      return "snapshots";
    case FileType::kIndex:
      return "index";
    case FileType::kPack:
      return "data";
  }
  return "";
}

Result<std::string> PathOf(const Handle& handle) {
  if (handle.type == FileType::kConfig) {
    if (!handle.name.empty()) return Fail(Code::kInvalid, "the config has no name");
    return std::string(kConfigPath);
  }
  if (!IsObjectName(handle.name))
    return Fail(Code::kInvalid,
                "\"" + handle.name + "\" is no object name: it must be 64 lower-case hex digits");
  std::string path(FolderOf(handle.type));
  path += '/';
  if (handle.type == FileType::kPack) path += handle.name.substr(0, kShardDigits) + '/';
  return path + handle.name;
}

std::optional<Handle> HandleOf(std::string_view path) {
  if (path == kConfigPath) return Handle{FileType::kConfig, ""};
  for (const FileType type : kFolderTypes) {
    std::optional<std::string_view> name = Below(FolderOf(type), path);
    if (name && type == FileType::kPack) name = WithoutShard(*name);
    if (name && IsObjectName(*name)) return Handle{type, std::string(*name)};
  }
  return std::nullopt;
}

}  // namespace holdfast::storage
