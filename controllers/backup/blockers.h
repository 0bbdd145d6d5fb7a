// What keeps a Backup from starting, with the reason and the words of its condition. Pure.
#pragma once

#include <optional>

#include "controllers/backup/world.h"
#include "controllers/policy/check.h"

namespace holdfast::controllers::backup {

struct Blocker {
  Finding finding;
  bool stalled = true;  // the user must act; else it is only a matter of time
};

// The first of all that is in the way; nullopt when nothing is.
std::optional<Blocker> FindBlocker(const World& world);

}  // namespace holdfast::controllers::backup
