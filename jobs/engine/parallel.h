// A few threads for work that waits for the store or for a processor.
#pragma once

#include <cstddef>
#include <functional>
#include <stop_token>

#include "base/error.h"

namespace holdfast::engine {

// Packs that are fetched and opened at the same time: enough to keep two processors busy while one
// more request is under way. Each holds at most one request's bytes (Repository::LoadBlobs).
inline constexpr std::size_t kPackReaders = 3;

// Calls `work` once for each number below `count`, in rising order, on up to `threads` threads. The
// first Error stops the rest and is returned; Cancelled when stopped.
Result<void> InParallel(std::size_t count, std::size_t threads,
                        const std::function<Result<void>(std::size_t, std::stop_token)>& work,
                        std::stop_token stop);

}  // namespace holdfast::engine
