#include "jobs/engine/scanner.h"

#include <utility>

#include "jobs/engine/directory.h"
#include "jobs/engine/volume_walk.h"

namespace holdfast::engine {

Result<ScanTotals> Scan(const std::string& source, const ExcludeList& excludes,
                        const std::string& exclude_prefix, std::stop_token stop) {
  TRY(Fd root, OpenRoot(source));
  ScanTotals totals;
  VolumeWalk walk{excludes, exclude_prefix};
  walk.entry = [&](const struct stat& status, const std::string&) {
    if (!S_ISREG(status.st_mode)) return;
    ++totals.files;
    totals.bytes += static_cast<std::uint64_t>(status.st_size);
  };
  TRY_VOID(WalkVolume(std::move(root), walk, std::move(stop)));
  return totals;
}

}  // namespace holdfast::engine
