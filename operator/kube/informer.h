// Keeps a Cache current: lists, then watches from the list's resourceVersion, with bookmarks,
// resume and a fresh list after 410 (API concepts, "Efficient detection of changes"). The state
// machine is in watch.h; this is its thread, its decoder and its listeners.
#pragma once

#include <chrono>
#include <cstdint>
#include <functional>
#include <memory>
#include <stop_token>
#include <string>
#include <utility>
#include <vector>

#include "base/error.h"
#include "base/json.h"
#include "operator/kube/api.h"
#include "operator/kube/cache.h"

namespace holdfast::kube {

// What differs between resources, without the type.
struct InformerOptions {
  Resource resource;
  std::string ns;  // empty watches all namespaces
  std::string label_selector;
  // For what the API server cannot select by. Of objects that it does not choose nothing is kept;
  // one that was kept goes, like one that is gone, and its listeners hear of it. Empty is all.
  std::function<bool(const Json&)> chooses = {};
};

// The untyped half: runs the watch on the thread that calls Run.
class InformerBase {
 public:
  InformerBase(const Api& api, InformerOptions options);
  virtual ~InformerBase();

  // For every object that was added, changed or removed (also those found missing by a fresh list),
  // `concerned` is asked what that concerns, both before and after the cache is updated: an object
  // that goes, or points elsewhere now, still matters to what it pointed to. `notify` gets each of
  // these keys once, after the update. Both are called on the informer's thread. Add before Run.
  using Concerned = std::function<std::vector<ObjectKey>(const ObjectKey&)>;
  using Notify = std::function<void(const ObjectKey&)>;
  void AddListener(Concerned concerned, Notify notify);

  // Called with the key of every object that is gone, on the informer's thread. Set before Run.
  void OnGone(Notify notify);

  // Lists and watches until stopped; errors are logged and retried with backoff.
  void Run(std::stop_token stop);

  // Whether the cache is complete: from the first list on, unless the API server has stopped
  // serving the resource.
  bool Synced() const;

  // Lists and watches begun so far.
  std::uint64_t Begun() const;

  // Seconds since the watch last heard from the server, for health.
  std::chrono::seconds Silence() const;

  // Since its thread last did anything at all: heard, tried, failed. Long ago means that it hangs.
  std::chrono::seconds Idle() const;

  // Why the last list or watch failed, as a sentence for people; empty while all is well.
  std::string Problem() const;

  // Objects that could not be decoded, counted each time they came.
  std::uint64_t Undecodable() const;

  const Resource& resource() const;
  const std::string& ns() const;  // empty for all

 protected:
  // Decodes one object; what is returned stores it. An object that cannot be decoded is logged,
  // counted and left out; it must not stop the others. Its last readable version stays: to
  // controllers, absence would mean that it was deleted.
  virtual Result<std::function<void()>> Decode(const ObjectKey& key, const Json& object) = 0;
  virtual void Drop(const ObjectKey& key) = 0;
  virtual Freshness& freshness() = 0;
  // Keys in the cache that are this informer's, to find what a fresh list no longer has.
  virtual std::vector<ObjectKey> Keys() const = 0;

 private:
  struct State;

  // `version` is how far the cache has come with it; empty while it is not known.
  void Keep(const Json& object, const std::string& version);
  void Lose(const ObjectKey& key, const std::string& version);
  // Makes the change and tells the listeners.
  void Change(const ObjectKey& key, const std::function<void()>& change,
              const std::string& version);
  Result<void> List(std::stop_token stop);
  Result<void> Watch(std::stop_token stop);

  std::unique_ptr<State> state_;
};

template <typename T>
class Informer final : public InformerBase {
 public:
  // Makes of an object what the cache keeps of it.
  using Decoder = std::function<Result<T>(const Json&)>;

  Informer(const Api& api, InformerOptions options, Decoder decode)
      : InformerBase(api, std::move(options)),
        decode_(std::move(decode)),
        own_(std::make_unique<Cache<T>>()),
        cache_(*own_) {}
  // Into a cache that other informers fill too, each with a namespace of its own.
  Informer(const Api& api, InformerOptions options, Decoder decode, Cache<T>& shared)
      : InformerBase(api, std::move(options)), decode_(std::move(decode)), cache_(shared) {}

  Cache<T>& cache() { return cache_; }
  const Cache<T>& cache() const { return cache_; }

 protected:
  Result<std::function<void()>> Decode(const ObjectKey& key, const Json& object) override {
    TRY(T value, decode_(object));
    return
        [this, key, kept = std::make_shared<const T>(std::move(value))] { cache_.Put(key, kept); };
  }
  void Drop(const ObjectKey& key) override { cache_.Remove(key); }
  Freshness& freshness() override { return cache_.freshness(); }
  std::vector<ObjectKey> Keys() const override {
    std::vector<ObjectKey> keys = cache_.Keys();
    if (!ns().empty()) std::erase_if(keys, [&](const ObjectKey& key) { return key.ns != ns(); });
    return keys;
  }

 private:
  Decoder decode_;
  const std::unique_ptr<Cache<T>> own_;  // nullptr when it is shared
  Cache<T>& cache_;
};

}  // namespace holdfast::kube
