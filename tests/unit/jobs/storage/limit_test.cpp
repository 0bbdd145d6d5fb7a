#include "jobs/storage/limit.h"

#include <thread>

#include <gtest/gtest.h>

#include "jobs/storage/memory.h"
#include "tests/unit/jobs/storage/manual_sleeper.h"

namespace holdfast::storage {
namespace {

using std::chrono::seconds;

Handle Pack(char digit) { return {FileType::kPack, std::string(64, digit)}; }

TEST(PaceTest, FirstIsFreeAndLaterOnesWaitTheirTurn) {
  ManualSleeper sleeper;
  Pace pace(100, sleeper);
  const auto start = sleeper.Now();
  ASSERT_TRUE(pace.Take(300, {}));
  EXPECT_EQ(sleeper.Now() - start, seconds(0));
  ASSERT_TRUE(pace.Take(100, {}));
  EXPECT_EQ(sleeper.Now() - start, seconds(3));
  ASSERT_TRUE(pace.Take(1, {}));
  EXPECT_EQ(sleeper.Now() - start, seconds(4));
}

TEST(PaceTest, UnusedTimeIsNotSavedUp) {
  ManualSleeper sleeper;
  Pace pace(100, sleeper);
  ASSERT_TRUE(sleeper.Sleep(seconds(1000), {}));
  const auto start = sleeper.Now();
  for (int i = 0; i < 3; ++i) ASSERT_TRUE(pace.Take(100, {}));
  EXPECT_EQ(sleeper.Now() - start, seconds(2));
}

TEST(PaceTest, ZeroIsNoLimit) {
  ManualSleeper sleeper;
  Pace pace(0, sleeper);
  for (int i = 0; i < 3; ++i) ASSERT_TRUE(pace.Take(std::uint64_t{1} << 60, {}));
  EXPECT_TRUE(sleeper.slept().empty());
}

TEST(PaceTest, StopEndsTheWait) {
  Pace pace(1, SystemSleeper());
  ASSERT_TRUE(pace.Take(1'000'000, {}));
  std::stop_source source;
  std::jthread stopper([&] { source.request_stop(); });
  EXPECT_EQ(pace.Take(1, source.get_token()).error().code, Code::kCancelled);
}

TEST(LimitTest, UpAndDownArePacedApart) {
  ManualSleeper sleeper;
  Limit limit(std::make_unique<Memory>(), {10, 20}, sleeper);
  const auto start = sleeper.Now();
  ASSERT_TRUE(limit.Save(Pack('a'), Bytes(100), {}));
  ASSERT_TRUE(limit.Load(Pack('a'), 0, 0, {}));
  EXPECT_EQ(sleeper.Now() - start, seconds(0));
  ASSERT_TRUE(limit.Load(Pack('a'), 0, 1, {}));
  EXPECT_EQ(sleeper.Now() - start, seconds(5)) << "100 bytes at 20 per second were owed";
  ASSERT_TRUE(limit.Save(Pack('b'), Bytes(1), {}));
  EXPECT_EQ(sleeper.Now() - start, seconds(10)) << "100 bytes at 10 per second were owed";
}

}  // namespace
}  // namespace holdfast::storage
