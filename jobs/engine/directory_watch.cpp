#include "jobs/engine/directory_watch.h"

#include <cerrno>
#include <cstdint>
#include <cstring>

#include <sys/inotify.h>

namespace holdfast::engine {
namespace {

// Everything that a backup could see. Not of files that are open but have no name any more.
constexpr std::uint32_t kChanges = IN_MODIFY | IN_ATTRIB | IN_CREATE | IN_DELETE | IN_MOVED_FROM |
                                   IN_MOVED_TO | IN_DELETE_SELF | IN_MOVE_SELF | IN_EXCL_UNLINK;
constexpr std::size_t kBufferBytes = 64 * 1024;

bool IsLimit(int error_number) {
  return error_number == ENOSPC || error_number == EMFILE || error_number == ENFILE ||
         error_number == ENOMEM;
}

}  // namespace

Result<DirectoryWatch> DirectoryWatch::Open(std::size_t most) {
  Fd fd(::inotify_init1(IN_NONBLOCK | IN_CLOEXEC));
  if (fd.valid()) return DirectoryWatch(std::move(fd), most);
  if (IsLimit(errno))
    return Fail(Code::kNoSpace,
                "the node gives this user no more inotify instances (sysctl "
                "fs.inotify.max_user_instances)");
  return tl::make_unexpected(FromErrno("inotify", errno));
}

Result<void> DirectoryWatch::Add(int directory, const std::string& path) {
  // By descriptor: a path may be too long, or lead elsewhere by now.
  const std::string link = "/proc/self/fd/" + std::to_string(directory);
  const int number = ::inotify_add_watch(fd_.get(), link.c_str(), kChanges | IN_ONLYDIR);
  if (number < 0) {
    if (IsLimit(errno))
      return Fail(Code::kNoSpace,
                  "the volume has more directories than this user may watch on the node (sysctl "
                  "fs.inotify.max_user_watches); " +
                      std::to_string(paths_.size()) + " are watched");
    return tl::make_unexpected(FromErrno("watch " + path, errno));
  }
  paths_[number] = path;
  if (paths_.size() <= most_) return {};
  return Fail(Code::kNoSpace, "the volume has more than " + std::to_string(most_) +
                                  " directories, which is what the memory is enough to watch");
}

bool DirectoryWatch::Drain(const std::function<void(const Event&)>& visit) {
  alignas(inotify_event) char buffer[kBufferBytes];
  bool complete = true;
  for (;;) {
    const ssize_t size = ::read(fd_.get(), buffer, sizeof buffer);
    if (size <= 0) return complete;
    for (ssize_t at = 0; at < size;) {
      inotify_event event{};
      std::memcpy(&event, buffer + at, sizeof event);
      const char* name = buffer + at + sizeof event;
      at += static_cast<ssize_t>(sizeof event + event.len);
      if ((event.mask & IN_Q_OVERFLOW) != 0) complete = false;
      const auto directory = paths_.find(event.wd);
      if (directory == paths_.end()) continue;
      if ((event.mask & IN_IGNORED) != 0) {  // it is gone, which its parent tells
        paths_.erase(directory);
        continue;
      }
      const bool came = (event.mask & IN_ISDIR) != 0 &&
                        (event.mask & (IN_CREATE | IN_MOVED_TO)) != 0 && event.len != 0;
      const std::string path = event.len == 0 ? directory->second : directory->second + "/" + name;
      visit({path, came});
    }
  }
}

}  // namespace holdfast::engine
