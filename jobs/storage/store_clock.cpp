#include "jobs/storage/store_clock.h"

namespace holdfast::storage {

bool StoreClock::Learn(const HttpResponse& response) {
  constexpr std::chrono::seconds kTolerable{60};
  const auto date = ParseHttpDate(response.Header("date"));
  if (!date) return false;
  const auto skew = std::chrono::duration_cast<std::chrono::seconds>(*date - clock_.Now());
  const bool is_news = std::chrono::abs(skew - std::chrono::seconds(skew_seconds_)) > kTolerable;
  if (is_news) skew_seconds_ = skew.count();
  return is_news;
}

}  // namespace holdfast::storage
