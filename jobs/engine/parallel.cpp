#include "jobs/engine/parallel.h"

#include <algorithm>
#include <atomic>
#include <mutex>
#include <optional>
#include <thread>
#include <utility>
#include <vector>

namespace holdfast::engine {

Result<void> InParallel(std::size_t count, std::size_t threads,
                        const std::function<Result<void>(std::size_t, std::stop_token)>& work,
                        std::stop_token stop) {
  std::stop_source all;
  const std::stop_callback forward(stop, [&] { all.request_stop(); });
  std::atomic<std::size_t> next = 0;
  std::mutex mutex;
  std::optional<Error> failure;
  const auto run = [&] {
    for (std::size_t i = next++; i < count && !all.stop_requested(); i = next++) {
      Result<void> done = work(i, all.get_token());
      if (done) continue;
      const std::lock_guard lock(mutex);
      if (!failure) failure = std::move(done).error();
      all.request_stop();
    }
  };
  {
    std::vector<std::jthread> others;
    for (std::size_t i = 1; i < std::min(count, threads); ++i) others.emplace_back(run);
    run();
  }
  if (failure) return tl::make_unexpected(*std::move(failure));
  if (stop.stop_requested()) return Fail(Code::kCancelled, "stopped");
  return {};
}

}  // namespace holdfast::engine
