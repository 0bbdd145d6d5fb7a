#include "jobs/gateway/target.h"

#include <algorithm>

#include "jobs/storage/layout.h"

namespace holdfast::gateway {
namespace {

using storage::FileType;

// RFC 1123: what Kubernetes takes for the name of a namespace.
bool IsNamespace(std::string_view name) {
  constexpr std::size_t kLongest = 63;
  const auto fits = [](char c) {
    return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '-';
  };
  return !name.empty() && name.size() <= kLongest && std::ranges::all_of(name, fits) &&
         name.front() != '-' && name.back() != '-';
}

std::optional<FileType> TypeOf(std::string_view folder) {
  for (const FileType type :
       {FileType::kKey, FileType::kLock, FileType::kSnapshot, FileType::kIndex, FileType::kPack})
    if (storage::FolderOf(type) == folder) return type;
  return std::nullopt;
}

}  // namespace

std::optional<Target> ParseTarget(std::string_view path) {
  if (!path.starts_with('/')) return std::nullopt;
  path.remove_prefix(1);
  const std::size_t end = std::min(path.find('/'), path.size());
  Target target{.ns = std::string(path.substr(0, end))};
  if (!IsNamespace(target.ns)) return std::nullopt;
  const std::string_view rest = path.substr(std::min(end + 1, path.size()));
  if (rest.empty()) return target;
  target.kind = Target::Kind::kPassword;
  if (rest == "password") return target;
  target.kind = Target::Kind::kObject;
  if (rest == "config") return target;
  const std::size_t slash = rest.find('/');
  const auto type = TypeOf(rest.substr(0, slash));
  if (slash == rest.npos || !type) return std::nullopt;
  const std::string_view name = rest.substr(slash + 1);
  if (!name.empty() && !storage::IsObjectName(name)) return std::nullopt;
  if (name.empty()) target.kind = Target::Kind::kListing;
  target.object = {*type, std::string(name)};
  return target;
}

}  // namespace holdfast::gateway
