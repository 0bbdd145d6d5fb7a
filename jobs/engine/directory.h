// Directories by descriptor: everything the engine does to a volume starts from an open directory
// and a name in it, so that no path is too long and no symbolic link leads elsewhere.
#pragma once

#include <functional>
#include <stop_token>
#include <string>
#include <string_view>
#include <vector>

#include <sys/stat.h>

#include "base/error.h"
#include "jobs/engine/fd.h"

namespace holdfast::engine {

// A directory that the user named; symbolic links in it are followed. NotFound, Denied or Invalid
// (no directory) with a sentence for the user.
Result<Fd> OpenRoot(const std::string& path);

// The same, but made with its parents when it does not exist; as restic does, for its owner only
// until it is given the modes it shall have.
Result<Fd> MakeRoot(const std::string& path);

// Opens "a/b/c" below `root` by openat2 with RESOLVE_BENEATH and RESOLVE_NO_SYMLINKS, whatever the
// length of the path; "" is the root itself. O_CLOEXEC is implied. errno in a Result's place: the
// callers decide by it. Returns an invalid Fd and sets errno.
Fd OpenBeneath(int root, std::string_view path, int flags, mode_t mode = 0);

// Whether a name from a repository may become an entry of a directory: not empty, "." or "..",
// no '/' and no NUL in it.
bool IsPlainName(std::string_view name);

// The names in an open directory, without "." and "..", sorted by byte (the order of restic's
// trees). Holds all names of this one directory in memory.
Result<std::vector<std::string>> ListNames(int directory);

// Removes `name` in `directory` and everything below it; never follows a symbolic link and stays on
// the file system it starts on. What is not there is success.
Result<void> RemoveAll(int directory, const std::string& name, std::stop_token stop);

// Lets this process open as many files as its hard limit allows: one descriptor is held for each
// level of a tree being walked.
void RaiseOpenFileLimit();

// "a/b" below "/root" for messages and reports; `below` may be empty.
std::string JoinPath(std::string_view directory, std::string_view name);

// The names of a path; empty ones ("//", a trailing slash) are left out.
std::vector<std::string> SplitComponents(std::string_view path);

// A name that is not UTF-8 or holds control characters, made printable with \xNN escapes.
std::string Printable(std::string_view name);

}  // namespace holdfast::engine
