#include "jobs/engine/volume_walk.h"

#include <utility>
#include <vector>

#include <fcntl.h>

#include "jobs/engine/directory.h"

namespace holdfast::engine {
namespace {

struct Level {
  Fd fd;
  std::string path;
  std::vector<std::string> names;
};

void Enter(const VolumeWalk& walk, std::vector<Level>& levels, Fd fd, std::string path) {
  if (!fd.valid()) return;
  // In this order, so that whoever watches the directory misses no name.
  if (walk.enter) walk.enter(fd.get(), path);
  auto names = ListNames(fd.get());
  if (names) levels.push_back({std::move(fd), std::move(path), *std::move(names)});
}

Fd OpenDirectory(int parent, const std::string& name) {
  return Fd(::openat(parent, name.c_str(), O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC));
}

}  // namespace

Result<void> WalkVolume(Fd directory, const VolumeWalk& walk, std::stop_token stop) {
  std::vector<Level> levels;
  Enter(walk, levels, std::move(directory), walk.path);
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
    if (walk.excludes.Excludes(path) ||
        ::fstatat(level.fd.get(), name.c_str(), &status, AT_SYMLINK_NOFOLLOW) != 0)
      continue;
    if (walk.entry) walk.entry(status, path);
    if (S_ISDIR(status.st_mode))
      Enter(walk, levels, OpenDirectory(level.fd.get(), name), std::move(path));
  }
  return {};
}

}  // namespace holdfast::engine
