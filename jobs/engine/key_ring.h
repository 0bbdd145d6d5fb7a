// The passwords of a repository: who may open it.
#pragma once

#include <ostream>
#include <stop_token>
#include <string>
#include <string_view>
#include <vector>

#include "base/clock.h"
#include "base/error.h"
#include "jobs/repo/repository.h"

namespace holdfast::engine {

struct KeyEntry {
  repo::Id id;
  repo::KeyFile file;
};

// All keys, oldest first. Corrupt, naming it, when one cannot be read.
Result<std::vector<KeyEntry>> ListKeys(repo::Repository& repository, std::stop_token stop);

// Adds a password and proves that it opens; a key that does not is removed again.
Result<repo::Id> AddKey(repo::Repository& repository, std::string_view password, TimePoint now,
                        std::stop_token stop);

// Removes the key with that id or those first digits. NotFound; Invalid when several begin so, or
// when it is `in_use`, the one that opened the repository: it could be the last.
Result<repo::Id> RemoveKey(repo::Repository& repository, std::string_view name,
                           const repo::Id& in_use, std::stop_token stop);

// Adds the new password, then removes the old one: whatever happens, one of them opens.
Result<repo::Id> ChangeKey(repo::Repository& repository, std::string_view password,
                           const repo::Id& in_use, TimePoint now, std::stop_token stop);

void PrintKeys(std::ostream& out, const std::vector<KeyEntry>& keys, const repo::Id& in_use,
               bool json);

}  // namespace holdfast::engine
