#include "jobs/storage/patience.h"

#include <algorithm>
#include <random>

#include "jobs/storage/range.h"

namespace holdfast::storage {
namespace {

using std::chrono::milliseconds;
using std::chrono::seconds;

bool AsksToComeAgain(int status) { return status == 408 || status == 429 || status >= 500; }

milliseconds UpToAQuarterMore(milliseconds pause) {
  thread_local std::mt19937_64 random{std::random_device{}()};
  std::uniform_int_distribution<milliseconds::rep> more(0, pause.count() / 4);
  return pause + milliseconds(more(random));
}

}  // namespace

std::optional<seconds> RetryAfter(const HttpResponse& response) {
  const std::string text = response.Header("retry-after");
  if (const auto number = ParseNumber(text))
    return seconds(std::min<std::uint64_t>(*number, kLongestPause.count()));
  const auto until = ParseHttpDate(text);
  const auto now = ParseHttpDate(response.Header("date"));
  if (!until || !now || *until <= *now) return std::nullopt;
  return std::min(std::chrono::duration_cast<seconds>(*until - *now), kLongestPause);
}

void Patience::Heed(const HttpResponse& response) {
  if (!AsksToComeAgain(response.status)) return;
  const auto pause = RetryAfter(response);
  if (!pause) return;
  const std::scoped_lock lock(mutex_);
  not_before_ = std::max(not_before_, sleeper_.Now() + *pause);
}

Result<void> Patience::Wait(const std::stop_token& stop) {
  std::unique_lock lock(mutex_);
  const Sleeper::Time until = not_before_;
  lock.unlock();
  const Sleeper::Time now = sleeper_.Now();
  if (until <= now) return {};
  const Sleeper::Duration left = until - now;
  return sleeper_.Sleep(UpToAQuarterMore(std::chrono::duration_cast<milliseconds>(left)), stop);
}

}  // namespace holdfast::storage
