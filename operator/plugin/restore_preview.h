// What a Restore will do, said before anybody agrees to it. Pure.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "controllers/restore/resolve.h"
#include "operator/plugin/options.h"

namespace date {
class time_zone;
}

namespace holdfast::plugin {

// The spec that the command asks for; `what` is its parsed first word. Invalid for --into without
// FROM=TO and for a target that there is not.
struct RestoreTargets {
  std::string stateful_set;  // in place; empty with `claims`
  std::vector<crds::RestoreClaim> claims;
};
Result<RestoreTargets> TargetsOf(const RestoreCommand& command, const std::string& stateful_set);

// What was found, by the operator's own rules: the source is what the object will name, so that
// nothing that happens meanwhile changes what was agreed to.
crds::RestoreSource Pinned(const controllers::restore::World& world,
                           const controllers::restore::Resolution& resolution);

// Lines that say which backup, how old, which volumes, how much, how long, and which pods stop.
std::vector<std::string> Preview(const controllers::restore::World& world,
                                 const controllers::restore::Resolution& resolution,
                                 const date::time_zone& zone);

// "about 3m10s, ...": by the policy's expected recovery time or the repository's measured rate.
std::string ExpectedTime(const controllers::restore::World& world, std::int64_t bytes);

}  // namespace holdfast::plugin
