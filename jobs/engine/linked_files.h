// Files with several names are read once: the first name that is met reads, the others wait for it.
#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <mutex>
#include <utility>
#include <vector>

#include "base/error.h"
#include "jobs/engine/content_archiver.h"

namespace holdfast::engine {

// Safe from many threads.
class LinkedFiles {
 public:
  using Key = std::pair<std::uint64_t, std::uint64_t>;  // device and inode
  using Waiter = std::function<void(const Content&)>;

  // True: the caller shall read the file and call Finish. Otherwise `waiter` is called with the
  // content, now or from Finish. `names` is the file's link count: with the last of them the file
  // is forgotten.
  bool IsFirst(const Key& key, std::uint64_t names, Waiter waiter);
  void Finish(const Key& key, const Content& content);

 private:
  struct File {
    std::uint64_t names_left = 0;
    bool known = false;
    Content content;
    std::vector<Waiter> waiters;
  };

  std::mutex mutex_;
  std::map<Key, File> files_;
};

}  // namespace holdfast::engine
