// A file's metadata between the file system and a tree's node: owner, mode with setuid, setgid and
// sticky, times in nanoseconds, symbolic links' targets, extended attributes including POSIX ACLs,
// device numbers. By descriptors only.
#pragma once

#include <cstdint>
#include <string>

#include <sys/stat.h>

#include "base/error.h"
#include "jobs/repo/tree.h"

namespace holdfast::engine {

// A name in an open directory. `fd` is the file itself where it is open for reading or writing;
// the root of a volume has no name and is only an fd.
struct Place {
  int directory = -1;
  const char* name = "";
  int fd = -1;
};

// Everything that stat tells; no content, attributes or link target. User and group names are
// left out: they belong to the workload's image, which the mover does not see. atime is set to
// mtime, as restic does, so that reading a file does not change its directory's tree.
repo::Node NodeFromStat(std::string name, const struct stat& status);

// Fills extended attributes and the link target. Attributes on a file system without any are none.
Result<void> ReadExtras(const Place& place, repo::Node& node);

// Sets what the node says, owner first (chown clears setuid), times last. Returns how many settings
// failed although they would have changed something; none of them stops the others. Times of a
// mount point that belongs to somebody else are not counted.
std::uint64_t ApplyMetadata(const Place& place, const repo::Node& node);

}  // namespace holdfast::engine
