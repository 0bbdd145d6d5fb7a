// A typed, read-only copy of one resource, kept current by an informer.
//
// T is whatever the decoder makes of an object: a struct with the fields that controllers use and
// no more, because all objects of the resource are kept. Entries are immutable and shared: a reader
// may keep one as long as it likes. Reads see writes late; whoever needs its own write asks
// freshness(), or reads the API.
//
// A T that can be packed (`std::string Pack(const T&)` and `void Unpack(std::string_view, T&)`
// beside it) is kept packed and unpacked for every reader: a large object is a few hundred bytes
// then, not the kilobytes of a struct of strings. Reading costs microseconds.
//
// Threads: safe from many threads.
#pragma once

#include <concepts>
#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <shared_mutex>
#include <string>
#include <string_view>
#include <type_traits>
#include <unordered_map>
#include <utility>
#include <vector>

#include "operator/kube/freshness.h"
#include "operator/kube/object_key.h"

namespace holdfast::kube {

template <typename T>
concept Packable = requires(const T& value, T& into, std::string_view bytes) {
  { Pack(value) } -> std::same_as<std::string>;
  Unpack(bytes, into);
};

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
    const auto found = rows_.find(key);
    return found == rows_.end() ? nullptr : Given(found->second);
  }

  // All objects that the index files under `value`, in no order.
  std::vector<std::pair<ObjectKey, Entry>> Find(const std::string& index,
                                                const std::string& value) const {
    const std::shared_lock lock(mutex_);
    std::vector<std::pair<ObjectKey, Entry>> found;
    const auto& rows = indexes_.at(index).rows;
    const auto filed = rows.find(value);
    if (filed == rows.end()) return found;
    found.reserve(filed->second.size());
    for (const Row* row : filed->second) found.emplace_back(row->first, Given(row->second));
    return found;
  }

  void ForEach(const std::function<void(const ObjectKey&, const Entry&)>& visit) const {
    const std::shared_lock lock(mutex_);
    for (const auto& [key, kept] : rows_) visit(key, Given(kept));
  }

  std::vector<ObjectKey> Keys() const {
    const std::shared_lock lock(mutex_);
    std::vector<ObjectKey> keys;
    keys.reserve(rows_.size());
    for (const auto& [key, kept] : rows_) keys.push_back(key);
    return keys;
  }

  std::size_t Size() const {
    const std::shared_lock lock(mutex_);
    return rows_.size();
  }

  // Kept by the informer and by all who write; no part of what the cache holds.
  Freshness& freshness() const { return freshness_; }

  // For informers and tests.
  void Put(const ObjectKey& key, Entry entry) {
    const std::unique_lock lock(mutex_);
    const auto [row, is_new] = rows_.try_emplace(key);
    if (!is_new) Unindex(*row);
    for (auto& [name, index] : indexes_)
      for (std::string& value : index.function(key, *entry))
        index.rows[std::move(value)].push_back(&*row);
    row->second = Kept(std::move(entry));
  }

  void Remove(const ObjectKey& key) {
    const std::unique_lock lock(mutex_);
    const auto row = rows_.find(key);
    if (row == rows_.end()) return;
    Unindex(*row);
    rows_.erase(row);
  }

 private:
  // How an object is kept, and the way there and back.
  using KeptType = std::conditional_t<Packable<T>, std::string, Entry>;
  static KeptType Kept(Entry entry) {
    if constexpr (Packable<T>) {
      std::string bytes = Pack(*entry);
      bytes.shrink_to_fit();
      return bytes;
    } else {
      return entry;
    }
  }
  static Entry Given(const KeptType& kept) {
    if constexpr (Packable<T>) {
      auto value = std::make_shared<T>();
      Unpack(kept, *value);
      return value;
    } else {
      return kept;
    }
  }

  using Row = std::pair<const ObjectKey, KeptType>;  // never moves while it is there
  struct Index {
    IndexFunction function;
    std::unordered_map<std::string, std::vector<const Row*>> rows;
  };

  void Unindex(const Row& row) {
    const Entry old = Given(row.second);
    for (auto& [name, index] : indexes_)
      for (const std::string& value : index.function(row.first, *old)) {
        const auto filed = index.rows.find(value);
        if (filed == index.rows.end()) continue;
        std::erase(filed->second, &row);
        if (filed->second.empty()) index.rows.erase(filed);
      }
  }

  mutable Freshness freshness_;
  mutable std::shared_mutex mutex_;
  std::unordered_map<ObjectKey, KeptType> rows_;
  std::map<std::string, Index> indexes_;
};

}  // namespace holdfast::kube
