// How many packs are read at a time by verbs that read them whole or nearly so.
#pragma once

#include <cstddef>

#include "jobs/repo/parallel.h"

namespace holdfast::engine {

// Enough to keep two processors busy while one more request is under way. Each holds at most one
// request's bytes (Repository::LoadBlobs).
inline constexpr std::size_t kPackReaders = 3;

}  // namespace holdfast::engine
