// What a request's path names: restic's REST protocol ("References: REST Backend" in its manual)
// below a folder for each namespace.
#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "jobs/storage/handle.h"

namespace holdfast::gateway {

struct Target {
  enum class Kind {
    kRepository,  // "/red/", which restic asks to be made, or removed
    kPassword,    // "/red/password", which is ours
    kListing,     // "/red/keys/"
    kObject,      // "/red/config", "/red/keys/0123..."
  };

  Kind kind = Kind::kRepository;
  std::string ns;
  storage::Handle object{};  // of a listing its type alone
};

// Nothing for any other path. None of the names that it returns has anything to escape, a dot or a
// slash in it.
std::optional<Target> ParseTarget(std::string_view path);

}  // namespace holdfast::gateway
