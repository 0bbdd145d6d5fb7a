// Names of the objects in a repository (restic design document, "Repository Layout").
#pragma once

#include <compare>
#include <string>
#include <string_view>

namespace holdfast::storage {

enum class FileType { kConfig, kKey, kLock, kSnapshot, kIndex, kPack };

// What a backend stores is addressed by type and name, never by path; each backend maps it to a
// path with `layout`. The name is 64 lower-case hex digits, empty for the one config.
struct Handle {
  FileType type = FileType::kConfig;
  std::string name;

  friend auto operator<=>(const Handle&, const Handle&) = default;
};

}  // namespace holdfast::storage
