// failurePolicy.shrinkGuard: a volume that has lost most of its data since the last good backup is
// more likely a lost volume than a good day's work. Its snapshot is kept apart: the run counts as
// failed, so that neither retention nor a restore of "the latest" takes it for the newer truth.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace holdfast::controllers::backup {

// A volume's size in the last good Backup.
struct GoodSize {
  std::string backup;
  std::int64_t bytes = 0;

  friend bool operator==(const GoodSize&, const GoodSize&) = default;
};

// A sentence, with what to do, when `bytes` is less than the last good size by more than `guard`
// ("90%"; the CRD holds the pattern). An empty guard, or nothing to compare with, is satisfied.
std::optional<std::string> BeyondShrinkGuard(std::string_view guard,
                                             const std::optional<GoodSize>& last,
                                             std::int64_t bytes);

}  // namespace holdfast::controllers::backup
