// A typed, read-only copy of one resource, kept current by an informer.
//
// T is whatever the decoder makes of an object: a struct with the fields that controllers use and
// no more, because all objects of the resource are kept. Entries are immutable and shared: a reader
// may keep one as long as it likes. Reads see writes late; whoever needs its own write reads the
// API.
//
// Threads: safe from many threads.
#pragma once

#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <shared_mutex>
#include <string>
#include <unordered_map>
#include <vector>

#include "operator/kube/object_key.h"

namespace holdfast::kube {

template <typename T>
class Cache {
 public:
  using Entry = std::shared_ptr<const T>;
  // The values under which an object is found in an index: the names of its policy, its owner.
  using IndexFunction = std::function<std::vector<std::string>(const ObjectKey&, const T&)>;

  // Call before the informer starts.
  void AddIndex(std::string name, IndexFunction function) {
    indexes_[std::move(name)].function = std::move(function);
  }

  // nullptr when there is no such object.
  Entry Get(const ObjectKey& key) const {
    const std::shared_lock lock(mutex_);
    const auto found = entries_.find(key);
    return found == entries_.end() ? nullptr : found->second;
  }

  // All objects that the index files under `value`, in no order.
  std::vector<std::pair<ObjectKey, Entry>> Find(const std::string& index,
                                                const std::string& value) const {
    const std::shared_lock lock(mutex_);
    std::vector<std::pair<ObjectKey, Entry>> found;
    const auto& keys = indexes_.at(index).keys;
    const auto [first, last] = keys.equal_range(value);
    for (auto it = first; it != last; ++it) found.emplace_back(it->second, entries_.at(it->second));
    return found;
  }

  void ForEach(const std::function<void(const ObjectKey&, const Entry&)>& visit) const {
    const std::shared_lock lock(mutex_);
    for (const auto& [key, entry] : entries_) visit(key, entry);
  }

  std::size_t Size() const {
    const std::shared_lock lock(mutex_);
    return entries_.size();
  }

  // For informers and tests.
  void Put(const ObjectKey& key, Entry entry) {
    const std::unique_lock lock(mutex_);
    Unindex(key);
    for (auto& [name, index] : indexes_)
      for (std::string& value : index.function(key, *entry))
        index.keys.emplace(std::move(value), key);
    entries_[key] = std::move(entry);
  }

  void Remove(const ObjectKey& key) {
    const std::unique_lock lock(mutex_);
    Unindex(key);
    entries_.erase(key);
  }

 private:
  struct Index {
    IndexFunction function;
    std::multimap<std::string, ObjectKey> keys;
  };

  void Unindex(const ObjectKey& key) {
    const auto old = entries_.find(key);
    if (old == entries_.end()) return;
    for (auto& [name, index] : indexes_)
      for (const std::string& value : index.function(key, *old->second)) {
        const auto [first, last] = index.keys.equal_range(value);
        for (auto it = first; it != last; ++it)
          if (it->second == key) {
            index.keys.erase(it);
            break;
          }
      }
  }

  mutable std::shared_mutex mutex_;
  std::unordered_map<ObjectKey, Entry> entries_;
  std::map<std::string, Index> indexes_;
};

}  // namespace holdfast::kube
