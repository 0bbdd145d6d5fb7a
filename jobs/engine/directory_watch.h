// The kernel's news of changes in directories (inotify), each watched by itself.
#pragma once

#include <cstddef>
#include <functional>
#include <string>
#include <unordered_map>

#include "base/error.h"
#include "jobs/engine/fd.h"

namespace holdfast::engine {

// Not told: writes to memory that is mapped from a file, writes of other nodes to a shared file
// system, and all that happens below a directory that was not added.
//
// Threads: one at a time.
class DirectoryWatch {
 public:
  struct Event {
    std::string path;        // the directory's, as it was added, or that of an entry in it
    bool directory = false;  // a directory came to be there: created, or moved from elsewhere
  };

  // Watches `most` directories at most. NoSpace, naming the limit, when the kernel gives no
  // instance.
  static Result<DirectoryWatch> Open(std::size_t most);

  // From now on. `path` is what events call it; an open directory that is watched already gets the
  // new path. NoSpace, naming the limit, when there are too many; Denied when it must not be read;
  // NotFound when it is gone.
  Result<void> Add(int directory, const std::string& path);

  // Gives all events that wait, without waiting for more. False when some were lost: the kernel's
  // queue was full.
  bool Drain(const std::function<void(const Event&)>& visit);

  // Readable while events wait.
  int fd() const { return fd_.get(); }

 private:
  DirectoryWatch(Fd fd, std::size_t most) : fd_(std::move(fd)), most_(most) {}

  Fd fd_;
  std::size_t most_;
  std::unordered_map<int, std::string> paths_;  // by watch descriptor
};

}  // namespace holdfast::engine
