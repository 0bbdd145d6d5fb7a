// The same work for many things, on a few threads.
#pragma once

#include <cstddef>
#include <functional>
#include <stop_token>

#include "base/error.h"

namespace holdfast::repo {

// Calls `work` once for each number below `count`, in rising order, on up to `threads` threads of
// which the caller is one. The first Error stops the rest and is returned; Cancelled on a stop.
Result<void> InParallel(std::size_t threads, std::size_t count,
                        const std::function<Result<void>(std::size_t, std::stop_token)>& work,
                        std::stop_token stop);

}  // namespace holdfast::repo
