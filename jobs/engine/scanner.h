// Counts what a backup will read, ahead of it, so that progress knows its end.
#pragma once

#include <cstdint>
#include <stop_token>
#include <string>

#include "base/error.h"
#include "jobs/engine/exclude.h"

namespace holdfast::engine {

struct ScanTotals {
  std::uint64_t files = 0;
  std::uint64_t bytes = 0;
};

// Walks `source` by names and stat only; what cannot be read counts as nothing. `exclude_prefix` is
// put before the path below `source` that patterns are matched against. Cancelled when stopped.
Result<ScanTotals> Scan(const std::string& source, const ExcludeList& excludes,
                        const std::string& exclude_prefix, std::stop_token stop);

}  // namespace holdfast::engine
