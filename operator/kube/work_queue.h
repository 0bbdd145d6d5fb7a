// Keys waiting to be reconciled: each at most once in the queue and at most once in work; a key
// added while in work comes again afterwards (client-go's workqueue contract). Failed keys come
// back with exponential backoff, per key.
#pragma once

#include <chrono>
#include <condition_variable>
#include <mutex>
#include <optional>
#include <queue>
#include <set>
#include <string>
#include <unordered_map>
#include <utility>

#include "operator/kube/object_key.h"

namespace holdfast::kube {

// Told what passes through a queue. Called with the queue's lock held: must not call back.
class QueueObserver {
 public:
  using Seconds = std::chrono::duration<double>;

  virtual ~QueueObserver() = default;
  virtual void Added() = 0;
  virtual void Retried() = 0;
  virtual void Waited(Seconds from_add_to_take) = 0;
  virtual void Worked(Seconds from_take_to_done) = 0;
};

// Threads: safe from many threads.
class WorkQueue {
 public:
  using Timer = std::chrono::steady_clock;

  struct Backoff {
    std::chrono::milliseconds first{200};
    std::chrono::milliseconds most{std::chrono::minutes(2)};
  };

  // What is being worked on now.
  struct Work {
    Timer::duration total{};    // summed over the keys
    Timer::duration longest{};  // of `key`
    ObjectKey key;              // empty when nothing is
  };

  // The observer, if any, must outlive the queue.
  explicit WorkQueue(Backoff backoff, QueueObserver* observer = nullptr);

  void Add(const ObjectKey& key);
  // Not before `delay`; an earlier time for the same key wins.
  void AddAfter(const ObjectKey& key, Timer::duration delay);
  // After the key's backoff, which doubles each time until Forget.
  void AddFailed(const ObjectKey& key);
  // The key was dealt with: neither its failures count any more, nor a time for which it was to
  // come again. Nothing is left of a key that is not added again.
  void Forget(const ObjectKey& key);

  // The next key, blocking; nullopt once shut down. Every key taken must be given back with Done.
  std::optional<ObjectKey> Take();
  void Done(const ObjectKey& key);

  void ShutDown();
  std::size_t Depth() const;  // keys ready now, for metrics
  Work InWork() const;

 private:
  void AddLocked(const ObjectKey& key);
  void MoveDueLocked(Timer::time_point now);

  const Backoff backoff_;
  QueueObserver* const observer_;
  mutable std::mutex mutex_;
  std::condition_variable changed_;
  std::queue<ObjectKey> ready_;
  // Since when: in ready_, or to be added when done; and given to a worker.
  std::unordered_map<ObjectKey, Timer::time_point> waiting_;
  std::unordered_map<ObjectKey, Timer::time_point> in_work_;
  std::set<std::pair<Timer::time_point, ObjectKey>> later_;
  std::unordered_map<ObjectKey, Timer::time_point> due_;  // of the keys in later_
  std::unordered_map<ObjectKey, int> failures_;
  bool shut_down_ = false;
};

}  // namespace holdfast::kube
