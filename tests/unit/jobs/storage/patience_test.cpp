#include "jobs/storage/patience.h"

#include <gtest/gtest.h>

#include "tests/unit/jobs/storage/manual_sleeper.h"

namespace holdfast::storage {
namespace {

using std::chrono::seconds;

HttpResponse Answer(int status, std::map<std::string, std::string> headers) {
  return {status, std::move(headers), {}};
}

TEST(RetryAfterTest, SecondsAndDates) {
  EXPECT_EQ(RetryAfter(Answer(503, {{"retry-after", "7"}})), seconds(7));
  EXPECT_EQ(RetryAfter(Answer(503, {{"date", "Sat, 01 Aug 2026 15:00:00 GMT"},
                                    {"retry-after", "Sat, 01 Aug 2026 15:00:09 GMT"}})),
            seconds(9));
}

TEST(RetryAfterTest, IsNeverLong) {
  EXPECT_EQ(RetryAfter(Answer(503, {{"retry-after", "18446744073709551615"}})), kLongestPause);
  EXPECT_EQ(RetryAfter(Answer(503, {{"date", "Sat, 01 Aug 2026 15:00:00 GMT"},
                                    {"retry-after", "Sat, 01 Aug 2099 15:00:00 GMT"}})),
            kLongestPause);
}

TEST(RetryAfterTest, OtherTextsSayNothing) {
  for (const char* text : {"", "-1", "soon", "1.5", "Sat, 01 Aug 2026 14:00:00 GMT"})
    EXPECT_EQ(
        RetryAfter(Answer(503, {{"date", "Sat, 01 Aug 2026 15:00:00 GMT"}, {"retry-after", text}})),
        std::nullopt)
        << text;
}

TEST(PatienceTest, EveryRequestWaitsUntilTheTimeIsOver) {
  ManualSleeper sleeper;
  Patience patience(sleeper);
  EXPECT_TRUE(patience.Wait({}));
  EXPECT_TRUE(sleeper.slept().empty());
  patience.Heed(Answer(429, {{"retry-after", "8"}}));
  EXPECT_TRUE(patience.Wait({}));
  ASSERT_EQ(sleeper.slept().size(), 1u);
  EXPECT_GE(sleeper.slept()[0], seconds(8));
  EXPECT_LE(sleeper.slept()[0], seconds(10));
  EXPECT_TRUE(patience.Wait({}));
  EXPECT_EQ(sleeper.slept().size(), 1u) << "it is over";
}

TEST(PatienceTest, OnlyRefusalsThatAskToComeAgainCount) {
  ManualSleeper sleeper;
  Patience patience(sleeper);
  for (const int status : {200, 301, 403, 404})
    patience.Heed(Answer(status, {{"retry-after", "8"}}));
  EXPECT_TRUE(patience.Wait({}));
  EXPECT_TRUE(sleeper.slept().empty());
}

TEST(PatienceTest, AShorterPauseDoesNotEndALongerOne) {
  ManualSleeper sleeper;
  Patience patience(sleeper);
  patience.Heed(Answer(503, {{"retry-after", "20"}}));
  patience.Heed(Answer(503, {{"retry-after", "1"}}));
  EXPECT_TRUE(patience.Wait({}));
  EXPECT_GE(sleeper.slept().at(0), seconds(20));
}

TEST(PatienceTest, StopEndsIt) {
  ManualSleeper sleeper;
  Patience patience(sleeper);
  patience.Heed(Answer(503, {{"retry-after", "20"}}));
  std::stop_source source;
  source.request_stop();
  EXPECT_EQ(patience.Wait(source.get_token()).error().code, Code::kCancelled);
}

}  // namespace
}  // namespace holdfast::storage
