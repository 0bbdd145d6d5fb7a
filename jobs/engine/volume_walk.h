// Walks a volume by names and stat only.
#pragma once

#include <functional>
#include <stop_token>
#include <string>

#include <sys/stat.h>

#include "base/error.h"
#include "jobs/engine/exclude.h"
#include "jobs/engine/fd.h"

namespace holdfast::engine {

struct VolumeWalk {
  // What patterns leave out is not visited. Must outlive the walk.
  const ExcludeList& excludes;
  // The path of the directory that the walk begins with, as patterns see it: "" or "/a/b".
  std::string path = {};

  // Before a directory is read, the first one too. May be empty.
  std::function<void(int directory, const std::string& path)> enter = {};
  // Everything below the first one. May be empty.
  std::function<void(const struct stat& status, const std::string& path)> entry = {};
};

// Walks what is below an open directory. What cannot be read, or goes meanwhile, is passed over;
// follows no symbolic link. Holds the names of one directory for each level. Cancelled when
// stopped.
Result<void> WalkVolume(Fd directory, const VolumeWalk& walk, std::stop_token stop);

}  // namespace holdfast::engine
