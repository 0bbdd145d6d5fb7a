// Where each object lies below a repository's root: restic's default layout (design document,
// "Repository Layout"), the same in folders and in buckets.
#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "base/error.h"
#include "jobs/storage/handle.h"

namespace holdfast::storage {

// "config", "keys/<name>", "data/<first two digits>/<name>". Invalid when the name is not 64
// lower-case hex digits, so that no handle can ever point outside the root.
Result<std::string> PathOf(const Handle& handle);

// The reverse; nothing for a path that is not one of ours.
std::optional<Handle> HandleOf(std::string_view path);

// "keys", "data", ...: all objects of the type lie below it. Empty for the config.
std::string_view FolderOf(FileType type);

// Whether it is 64 lower-case hex digits.
bool IsObjectName(std::string_view name);

}  // namespace holdfast::storage
