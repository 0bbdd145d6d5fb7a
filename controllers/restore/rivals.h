// What other Restores of the namespace mean for one. Pure.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "crds/types/restore.h"

namespace holdfast::controllers::restore {

// By their creation, and of those made in the same second by name.
bool Older(const crds::Restore& a, const crds::Restore& b);

// The name of the oldest Restore that is not over, is older than `restore` and has the StatefulSet
// or a claim in common with it; empty for none. Of two that were created in the same second the
// name decides, so that they agree on who is first. One that follows writes nothing itself, and so
// stands in the way only of another that follows.
std::string EarlierRestore(const crds::Restore& restore, const std::vector<crds::Restore>& others);

// The size to which a StatefulSet that an earlier Restore left at 0 belongs; nullopt when none did,
// or one has succeeded since.
std::optional<std::int64_t> SizeLeftBehind(const crds::Restore& restore,
                                           const std::vector<crds::Restore>& others);

}  // namespace holdfast::controllers::restore
