#include "jobs/engine/directory.h"

#include <algorithm>
#include <cerrno>
#include <climits>
#include <cstdint>
#include <cstring>
#include <memory>

#include <dirent.h>
#include <fcntl.h>
#include <linux/openat2.h>
#include <sys/resource.h>
#include <sys/syscall.h>

#include "base/bytes.h"
#include "base/hex.h"

namespace holdfast::engine {
namespace {

// Leaves room below PATH_MAX for one more name of NAME_MAX bytes.
constexpr std::size_t kLongestPiece = PATH_MAX - NAME_MAX - 2;

Fd OpenPiece(int directory, const std::string& path, int flags, mode_t mode) {
  open_how how{};
  how.flags = static_cast<std::uint64_t>(flags | O_CLOEXEC);
  how.mode = mode;
  how.resolve = RESOLVE_BENEATH | RESOLVE_NO_SYMLINKS | RESOLVE_NO_MAGICLINKS;
  long number = -1;
  do {
    number = ::syscall(SYS_openat2, directory, path.c_str(), &how, sizeof how);
  } while (number < 0 && (errno == EINTR || errno == EAGAIN));
  return Fd(static_cast<int>(number));
}

struct CloseDirectory {
  void operator()(DIR* stream) const { ::closedir(stream); }
};

// One directory on the way down while a tree is removed.
struct Removal {
  Fd fd;
  std::string name;
  std::vector<std::string> names;  // still to be removed
};

Result<Removal> StartRemoval(int parent, const std::string& name) {
  Fd fd(::openat(parent, name.c_str(), O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC));
  if (!fd.valid()) return tl::make_unexpected(FromErrno("open " + Printable(name), errno));
  TRY(std::vector<std::string> names, ListNames(fd.get()));
  return Removal{std::move(fd), name, std::move(names)};
}

bool IsDirectoryError(int error_number) { return error_number == EISDIR || error_number == EPERM; }

// Continuation bytes of the UTF-8 character that starts `text`; nullopt-like -1 when it is none.
int ContinuationBytes(std::string_view text) {
  const auto lead = static_cast<std::uint8_t>(text.front());
  const int count = lead < 0x80 ? 0 : lead >= 0xf0 ? 3 : lead >= 0xe0 ? 2 : 1;
  if ((lead >= 0x80 && lead < 0xc2) || lead > 0xf4) return -1;
  if (text.size() <= static_cast<std::size_t>(count)) return -1;
  for (int i = 1; i <= count; ++i) {
    if ((static_cast<std::uint8_t>(text[static_cast<std::size_t>(i)]) & 0xc0) != 0x80) return -1;
  }
  return count;
}

}  // namespace

Result<Fd> OpenRoot(const std::string& path) {
  Fd fd(::open(path.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
  if (fd.valid()) return fd;
  if (errno == ENOTDIR)
    return Fail(Code::kInvalid, path + " is not a directory; name the directory to work on");
  if (errno == ENOENT)
    return Fail(Code::kInvalid, path + " does not exist; name an existing directory");
  return tl::make_unexpected(FromErrno("open " + path, errno));
}

Result<Fd> MakeRoot(const std::string& path) {
  struct stat status {};
  for (std::size_t end = 0; end != path.npos && ::stat(path.c_str(), &status) != 0;) {
    end = path.find_first_of('/', end + 1);
    const std::string parent = path.substr(0, end);
    if (::mkdir(parent.c_str(), 0700) != 0 && errno != EEXIST)
      return tl::make_unexpected(FromErrno("create " + parent, errno));
  }
  return OpenRoot(path);
}

Fd OpenBeneath(int root, std::string_view path, int flags, mode_t mode) {
  if (path.empty()) return OpenPiece(root, ".", flags, mode);
  Fd directory;
  while (path.size() > kLongestPiece) {
    const std::size_t slash = path.rfind('/', kLongestPiece);
    if (slash == std::string_view::npos) {
      errno = ENAMETOOLONG;
      return {};
    }
    const int from = directory.valid() ? directory.get() : root;
    directory = OpenPiece(from, std::string(path.substr(0, slash)), O_PATH | O_DIRECTORY, 0);
    if (!directory.valid()) return {};
    path.remove_prefix(slash + 1);
  }
  return OpenPiece(directory.valid() ? directory.get() : root, std::string(path), flags, mode);
}

bool IsPlainName(std::string_view name) {
  return !name.empty() && name != "." && name != ".." &&
         name.find_first_of(std::string_view("/\0", 2)) == std::string_view::npos;
}

Result<std::vector<std::string>> ListNames(int directory) {
  // A descriptor of its own, so that the caller's keeps its position.
  const int copy = ::openat(directory, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
  const std::unique_ptr<DIR, CloseDirectory> stream(copy < 0 ? nullptr : ::fdopendir(copy));
  if (!stream) return tl::make_unexpected(FromErrno("read directory", errno));
  std::vector<std::string> names;
  while (true) {
    errno = 0;
    const dirent* entry = ::readdir(stream.get());
    if (entry == nullptr) break;
    const std::string_view name = entry->d_name;
    if (name != "." && name != "..") names.emplace_back(name);
  }
  if (errno != 0) return tl::make_unexpected(FromErrno("read directory", errno));
  std::ranges::sort(names);
  return names;
}

Result<void> RemoveAll(int directory, const std::string& name, std::stop_token stop) {
  if (::unlinkat(directory, name.c_str(), 0) == 0 || errno == ENOENT) return {};
  if (!IsDirectoryError(errno))
    return tl::make_unexpected(FromErrno("remove " + Printable(name), errno));
  std::vector<Removal> stack;
  TRY(Removal top, StartRemoval(directory, name));
  stack.push_back(std::move(top));
  while (!stack.empty()) {
    if (stop.stop_requested()) return Fail(Code::kCancelled, "stopped while removing files");
    Removal& current = stack.back();
    if (current.names.empty()) {
      const std::string done = std::move(current.name);
      stack.pop_back();
      const int parent = stack.empty() ? directory : stack.back().fd.get();
      if (::unlinkat(parent, done.c_str(), AT_REMOVEDIR) != 0 && errno != ENOENT)
        return tl::make_unexpected(FromErrno("remove directory " + Printable(done), errno));
      continue;
    }
    const std::string child = std::move(current.names.back());
    current.names.pop_back();
    if (::unlinkat(current.fd.get(), child.c_str(), 0) == 0 || errno == ENOENT) continue;
    if (!IsDirectoryError(errno))
      return tl::make_unexpected(FromErrno("remove " + Printable(child), errno));
    TRY(Removal next, StartRemoval(current.fd.get(), child));
    stack.push_back(std::move(next));
  }
  return {};
}

void RaiseOpenFileLimit() {
  rlimit limit{};
  if (::getrlimit(RLIMIT_NOFILE, &limit) != 0) return;
  limit.rlim_cur = limit.rlim_max;
  ::setrlimit(RLIMIT_NOFILE, &limit);
}

std::string JoinPath(std::string_view directory, std::string_view name) {
  std::string path(directory);
  if (path.empty() || path.back() != '/') path += '/';
  path += name;
  return path;
}

std::vector<std::string> SplitComponents(std::string_view path) {
  std::vector<std::string> parts;
  while (!path.empty()) {
    const std::size_t slash = std::min(path.find('/'), path.size());
    if (slash != 0) parts.emplace_back(path.substr(0, slash));
    path.remove_prefix(std::min(slash + 1, path.size()));
  }
  return parts;
}

std::string Printable(std::string_view name) {
  std::string text;
  while (!name.empty()) {
    const int more = ContinuationBytes(name);
    const auto lead = static_cast<std::uint8_t>(name.front());
    if (more < 0 || lead < 0x20 || lead == 0x7f) {
      text += "\\x" + ToHex(ByteView(&lead, 1));
      name.remove_prefix(1);
      continue;
    }
    const auto length = static_cast<std::size_t>(more) + 1;
    text += name.substr(0, length);
    name.remove_prefix(length);
  }
  return text;
}

}  // namespace holdfast::engine
