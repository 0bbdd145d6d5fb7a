#include "controllers/progress_book.h"

#include <gtest/gtest.h>

#include "jobs/protocol/progress.h"

namespace holdfast::controllers::backup {
namespace {

using std::chrono::milliseconds;
using std::chrono::minutes;
using std::chrono::seconds;

std::string LogOf(std::uint64_t bytes_done) {
  protocol::Progress progress;
  progress.bytes_done = bytes_done;
  return EncodeLine(progress);
}

const std::string kLog = LogOf(5);

class ProgressBookTest : public ::testing::Test {
 protected:
  ProgressBook book_;
  TimePoint now_ = TimePoint(std::chrono::hours(1000));
};

TEST_F(ProgressBookTest, ReadsALogOnceInAPeriod) {
  EXPECT_TRUE(book_.MayRead("a", now_));
  book_.Note("a", now_, milliseconds(0), kLog, seconds(4));
  EXPECT_FALSE(book_.MayRead("a", now_ + seconds(1)));
  EXPECT_TRUE(book_.MayRead("a", now_ + seconds(2)));
  ASSERT_TRUE(book_.Last("a"));
  EXPECT_EQ(book_.Last("a")->bytes_done, 5u);
}

TEST_F(ProgressBookTest, SlowLogsKeepAllFromBeingReadForFourTimesAsLong) {
  book_.Note("a", now_, milliseconds(500), kLog, seconds(4));
  EXPECT_FALSE(book_.MayRead("b", now_ + milliseconds(1999)));
  EXPECT_TRUE(book_.MayRead("b", now_ + seconds(2)));
}

TEST_F(ProgressBookTest, OneThatCannotBeReadIsLeftAloneForAWhileAndKeepsWhatItSaid) {
  book_.Note("a", now_, milliseconds(0), kLog, seconds(4));
  book_.Note("a", now_ + seconds(4), milliseconds(0), std::nullopt, seconds(4));
  EXPECT_FALSE(book_.MayRead("a", now_ + minutes(1)));
  EXPECT_TRUE(book_.MayRead("a", now_ + minutes(1) + seconds(4)));
  ASSERT_TRUE(book_.Last("a"));
  book_.Forget("a");
  EXPECT_FALSE(book_.Last("a"));
}

}  // namespace
}  // namespace holdfast::controllers::backup
