#include "jobs/engine/work_pool.h"

#include <algorithm>
#include <thread>
#include <utility>

namespace holdfast::engine {

WorkPool::WorkPool(std::size_t threads, const Limits& limits)
    : threads_(std::max<std::size_t>(threads, 1)), levels_(limits.size()) {
  for (std::size_t i = 0; i < limits.size(); ++i) levels_[i].limit = limits[i];
}

void WorkPool::Post(std::size_t urgency, std::unique_ptr<Job> job) {
  {
    const Lock lock(mutex_);
    levels_[urgency].waiting.push_back(std::move(job));
  }
  changed_.notify_one();
}

WorkPool::Level* WorkPool::NextLevel() {
  const auto ready = std::ranges::find_if(levels_, [](const Level& level) {
    return !level.waiting.empty() && level.running < level.limit;
  });
  return ready == levels_.end() ? nullptr : &*ready;
}

bool WorkPool::Idle() const {
  return running_ == 0 &&
         std::ranges::all_of(levels_, [](const Level& level) { return level.waiting.empty(); });
}

void WorkPool::Finished(Level& level, Result<void> result) {
  --level.running;
  --running_;
  if (result || failure_) return;
  failure_ = std::move(result).error();
  stop_.request_stop();
}

void WorkPool::Work() {
  Lock lock(mutex_);
  while (true) {
    Level* level = nullptr;
    changed_.wait(lock, [&] {
      level = NextLevel();
      return level != nullptr || Idle() || stop_.stop_requested();
    });
    if (stop_.stop_requested() || level == nullptr) break;
    std::unique_ptr<Job> job = std::move(level->waiting.back());
    level->waiting.pop_back();
    ++level->running;
    ++running_;
    lock.unlock();
    Result<void> result = job->Run(stop_.get_token());
    job.reset();
    lock.lock();
    const bool was_full = level->running == level->limit && !level->waiting.empty();
    Finished(*level, std::move(result));
    if (was_full || Idle() || failure_) changed_.notify_all();
  }
  changed_.notify_all();
}

Result<void> WorkPool::Run(std::stop_token stop) {
  const std::stop_callback forward(stop, [this] {
    stop_.request_stop();
    const Lock lock(mutex_);  // nobody is between its check and its wait
    changed_.notify_all();
  });
  {
    std::vector<std::jthread> threads;
    for (std::size_t i = 1; i < threads_; ++i) threads.emplace_back([this] { Work(); });
    Work();
  }
  for (Level& level : levels_) level.waiting.clear();
  if (failure_) return tl::make_unexpected(*failure_);
  if (stop.stop_requested()) return Fail(Code::kCancelled, "stopped");
  return {};
}

}  // namespace holdfast::engine
