// The gateway's verbs of the mover: serve, prune-shared, and password for the administrator.
#pragma once

#include <functional>
#include <optional>
#include <stop_token>
#include <string>
#include <vector>

namespace holdfast::gateway {

// Runs one of them if that is what the arguments begin with, and returns the exit code;
// nothing for any other verb. Serves until stopped. `environment` gives a variable's value, "" when
// unset: the store's keys come from those that storage::ReadEnvironment takes over.
std::optional<int> RunVerb(const std::vector<std::string>& arguments,
                           const std::function<std::string(const char*)>& environment,
                           std::stop_token stop);

}  // namespace holdfast::gateway
