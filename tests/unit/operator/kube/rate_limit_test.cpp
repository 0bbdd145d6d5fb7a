#include "operator/kube/rate_limit.h"

#include <thread>

#include <gtest/gtest.h>

#include "tests/fakes/scripted_transport.h"

namespace holdfast::kube {
namespace {

using namespace std::chrono_literals;

TEST(RateLimiterTest, ABurstGoesAtOnceAndTheRestInItsPlaces) {
  RateLimiter limiter(10, 3);
  const RateLimiter::Timer::time_point now{1h};
  EXPECT_EQ(limiter.Reserve(now), 0ms);
  EXPECT_EQ(limiter.Reserve(now), 0ms);
  EXPECT_EQ(limiter.Reserve(now), 0ms);
  EXPECT_EQ(limiter.Reserve(now), 100ms);
  EXPECT_EQ(limiter.Reserve(now), 200ms);
  EXPECT_EQ(limiter.Reserve(now + 200ms), 100ms) << "its turn comes after those who wait";
  EXPECT_EQ(limiter.Reserve(now + 1h), 0ms);
}

TEST(RateLimiterTest, NeverMoreThanTheRate) {
  RateLimiter limiter(100, 20);
  RateLimiter::Timer::time_point now{1h};
  const auto begin = now;
  int went = 0;
  while (now < begin + 10s) {
    now += limiter.Reserve(now);
    ++went;
  }
  EXPECT_LE(went, 100 * 10 + 20 + 1);
  EXPECT_GE(went, 100 * 10);
}

TEST(RateLimiterTest, APauseHoldsEverybody) {
  RateLimiter limiter(10, 3);
  const RateLimiter::Timer::time_point now{1h};
  limiter.PauseUntil(now + 5s);
  limiter.PauseUntil(now + 2s);
  EXPECT_EQ(limiter.Reserve(now), 5s);
  EXPECT_EQ(limiter.Reserve(now + 5s), 0ms);
}

TEST(RateLimitedTransportTest, ARefusedRequestHoldsTheNextOne) {
  fakes::ScriptedTransport server;
  server.Answer({429, "", 30s}).Answer(200, Json::object());
  RateLimitedTransport transport(server, 1000, 1000);
  EXPECT_EQ(transport.Send({}, {})->status, 429);
  std::stop_source stop;
  std::jthread stopper([&] { stop.request_stop(); });
  EXPECT_EQ(transport.Send({}, stop.get_token()).error().code, Code::kCancelled);
  EXPECT_EQ(server.requests().size(), 1u) << "it waited, and did not go";
}

}  // namespace
}  // namespace holdfast::kube
