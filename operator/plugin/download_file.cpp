#include "operator/plugin/download_file.h"

#include <cerrno>
#include <cstdio>
#include <cstdlib>
#include <utility>

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

namespace holdfast::plugin {

Result<DownloadFile> DownloadFile::Create(const std::string& path, bool replace) {
  struct stat there {};
  const bool exists = ::lstat(path.c_str(), &there) == 0;
  if (exists && S_ISDIR(there.st_mode))
    return Fail(Code::kInvalid, path + " is a directory; name a file with --to");
  if (exists && !replace)
    return Fail(
        Code::kAlreadyExists,
        path + " is there already; replace it with --force, or name another file with --to");
  // Made for its owner alone, as what is in a backup may be secret.
  std::string unfinished = path + ".XXXXXX";
  const int fd = ::mkostemp(unfinished.data(), O_CLOEXEC);
  if (fd < 0) return tl::make_unexpected(FromErrno("create " + unfinished, errno));
  return DownloadFile(path, std::move(unfinished), fd);
}

DownloadFile::DownloadFile(DownloadFile&& other) noexcept
    : path_(std::move(other.path_)),
      unfinished_(std::move(other.unfinished_)),
      fd_(std::exchange(other.fd_, -1)),
      size_(other.size_) {}

DownloadFile::~DownloadFile() {
  if (fd_ < 0) return;
  ::close(fd_);
  ::unlink(unfinished_.c_str());
}

Result<void> DownloadFile::Write(std::string_view bytes) {
  while (!bytes.empty()) {
    const ssize_t written = ::write(fd_, bytes.data(), bytes.size());
    if (written < 0 && errno == EINTR) continue;
    if (written < 0) return tl::make_unexpected(FromErrno("write " + unfinished_, errno));
    size_ += static_cast<std::uint64_t>(written);
    bytes.remove_prefix(static_cast<std::size_t>(written));
  }
  return {};
}

Result<void> DownloadFile::Finish() {
  if (::fsync(fd_) != 0) return tl::make_unexpected(FromErrno("write " + unfinished_, errno));
  if (::rename(unfinished_.c_str(), path_.c_str()) != 0)
    return tl::make_unexpected(FromErrno("create " + path_, errno));
  ::close(std::exchange(fd_, -1));
  return {};
}

}  // namespace holdfast::plugin
