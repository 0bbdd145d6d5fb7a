#include "jobs/engine/scanner.h"

#include <utility>
#include <vector>

#include <fcntl.h>
#include <sys/stat.h>

#include "jobs/engine/directory.h"

namespace holdfast::engine {
namespace {

struct Level {
  Fd fd;
  std::string path;
  std::vector<std::string> names;
};

void Enter(std::vector<Level>& levels, Fd fd, std::string path) {
  if (!fd.valid()) return;
  auto names = ListNames(fd.get());
  if (names) levels.push_back({std::move(fd), std::move(path), *std::move(names)});
}

}  // namespace

Result<ScanTotals> Scan(const std::string& source, const ExcludeList& excludes,
                        const std::string& exclude_prefix, std::stop_token stop) {
  TRY(Fd root, OpenRoot(source));
  ScanTotals totals;
  std::vector<Level> levels;
  Enter(levels, std::move(root), exclude_prefix);
  while (!levels.empty()) {
    if (stop.stop_requested()) return Fail(Code::kCancelled, "the scan was stopped");
    Level& level = levels.back();
    if (level.names.empty()) {
      levels.pop_back();
      continue;
    }
    const std::string name = std::move(level.names.back());
    level.names.pop_back();
    std::string path = level.path + "/" + name;
    struct stat status {};
    if (excludes.Excludes(path) ||
        ::fstatat(level.fd.get(), name.c_str(), &status, AT_SYMLINK_NOFOLLOW) != 0)
      continue;
    if (S_ISREG(status.st_mode)) {
      ++totals.files;
      totals.bytes += static_cast<std::uint64_t>(status.st_size);
    } else if (S_ISDIR(status.st_mode)) {
      Enter(levels,
            Fd(::openat(level.fd.get(), name.c_str(),
                        O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC)),
            std::move(path));
    }
  }
  return totals;
}

}  // namespace holdfast::engine
