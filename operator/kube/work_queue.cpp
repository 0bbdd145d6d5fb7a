#include "operator/kube/work_queue.h"

#include <algorithm>

namespace holdfast::kube {

WorkQueue::WorkQueue(Backoff backoff, QueueObserver* observer)
    : backoff_(backoff), observer_(observer) {}

void WorkQueue::Add(const ObjectKey& key) {
  const std::lock_guard lock(mutex_);
  AddLocked(key);
}

void WorkQueue::AddLocked(const ObjectKey& key) {
  if (shut_down_ || !waiting_.try_emplace(key, Timer::now()).second) return;
  if (observer_ != nullptr) observer_->Added();
  if (in_work_.contains(key)) return;
  ready_.push(key);
  changed_.notify_one();
}

void WorkQueue::AddAfter(const ObjectKey& key, Timer::duration delay) {
  const std::lock_guard lock(mutex_);
  if (delay <= Timer::duration::zero()) return AddLocked(key);
  if (shut_down_) return;
  const Timer::time_point due = Timer::now() + delay;
  const auto [known, added] = due_.try_emplace(key, due);
  if (!added && known->second <= due) return;
  if (!added) later_.erase({known->second, key});
  known->second = due;
  later_.emplace(due, key);
  // The one that sleeps until the next due time must see that it came nearer.
  changed_.notify_one();
}

void WorkQueue::AddFailed(const ObjectKey& key) {
  std::chrono::milliseconds delay;
  {
    const std::lock_guard lock(mutex_);
    // 2^20 times any first delay is beyond any sensible longest one.
    const int doublings = std::min(failures_[key]++, 20);
    delay = std::min(backoff_.most, backoff_.first * (1 << doublings));
    if (observer_ != nullptr) observer_->Retried();
  }
  AddAfter(key, delay);
}

void WorkQueue::Forget(const ObjectKey& key) {
  const std::lock_guard lock(mutex_);
  failures_.erase(key);
  if (const auto due = due_.find(key); due != due_.end()) {
    later_.erase({due->second, key});
    due_.erase(due);
  }
}

std::optional<ObjectKey> WorkQueue::Take() {
  std::unique_lock lock(mutex_);
  for (;;) {
    if (shut_down_) return std::nullopt;
    MoveDueLocked(Timer::now());
    if (!ready_.empty()) break;
    if (later_.empty())
      changed_.wait(lock);
    else
      changed_.wait_until(lock, Timer::time_point(later_.begin()->first));
  }
  ObjectKey key = std::move(ready_.front());
  ready_.pop();
  const Timer::time_point now = Timer::now();
  const auto waited = waiting_.extract(key);
  if (observer_ != nullptr) observer_->Waited(now - waited.mapped());
  in_work_.emplace(key, now);
  return key;
}

void WorkQueue::MoveDueLocked(Timer::time_point now) {
  while (!later_.empty() && later_.begin()->first <= now) {
    const auto next = later_.extract(later_.begin());
    due_.erase(next.value().second);
    AddLocked(next.value().second);
  }
}

void WorkQueue::Done(const ObjectKey& key) {
  const std::lock_guard lock(mutex_);
  const auto worked = in_work_.extract(key);
  if (observer_ != nullptr) observer_->Worked(Timer::now() - worked.mapped());
  if (!waiting_.contains(key)) return;
  ready_.push(key);
  changed_.notify_one();
}

void WorkQueue::ShutDown() {
  const std::lock_guard lock(mutex_);
  shut_down_ = true;
  changed_.notify_all();
}

std::size_t WorkQueue::Depth() const {
  const std::lock_guard lock(mutex_);
  return ready_.size();
}

WorkQueue::Work WorkQueue::InWork() const {
  const std::lock_guard lock(mutex_);
  const Timer::time_point now = Timer::now();
  Work work;
  for (const auto& [key, since] : in_work_) {
    work.total += now - since;
    if (now - since < work.longest) continue;
    work.longest = now - since;
    work.key = key;
  }
  return work;
}

}  // namespace holdfast::kube
