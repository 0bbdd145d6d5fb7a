#include "jobs/engine/linked_files.h"

#include <algorithm>

namespace holdfast::engine {

bool LinkedFiles::IsFirst(const Key& key, std::uint64_t names, Waiter waiter) {
  Content content;
  {
    const std::lock_guard lock(mutex_);
    const auto [place, added] = files_.try_emplace(key);
    File& file = place->second;
    if (added) {
      file.names_left = names - 1;
      return true;
    }
    if (!file.known) {
      file.waiters.push_back(std::move(waiter));
      return false;
    }
    content = file.content;
    if (--file.names_left == 0) files_.erase(place);
  }
  waiter(content);
  return false;
}

void LinkedFiles::Finish(const Key& key, const Content& content) {
  std::vector<Waiter> waiters;
  {
    const std::lock_guard lock(mutex_);
    const auto place = files_.find(key);
    File& file = place->second;
    waiters.swap(file.waiters);
    file.known = true;
    file.content = content;
    file.names_left -= std::min<std::uint64_t>(file.names_left, waiters.size());
    if (file.names_left == 0) files_.erase(place);
  }
  for (const Waiter& waiter : waiters) waiter(content);
}

}  // namespace holdfast::engine
