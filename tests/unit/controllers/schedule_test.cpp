#include "controllers/schedule.h"

#include <set>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "tests/builders/kinds.h"

namespace holdfast::controllers {
namespace {

using builders::At;
using ::testing::HasSubstr;

Schedule Parsed(const std::string& cron, const std::string& zone = "UTC") {
  auto schedule = ParseSchedule(cron, zone, "shop/nightly");
  EXPECT_TRUE(schedule) << schedule.error().message;
  return *schedule;
}

struct NextCase {
  const char* cron;
  const char* zone;
  const char* after;
  const char* next;
};

class NextTest : public ::testing::TestWithParam<NextCase> {};

TEST_P(NextTest, IsTheKnownDate) {
  const NextCase& c = GetParam();
  EXPECT_EQ(FormatTime(Parsed(c.cron, c.zone).Next(At(c.after))), c.next) << c.cron;
}

INSTANTIATE_TEST_SUITE_P(
    Plain, NextTest,
    ::testing::Values(
        NextCase{"0 * * * *", "UTC", "2026-08-01T12:00:00Z", "2026-08-01T13:00:00Z"},
        NextCase{"*/15 * * * *", "UTC", "2026-08-01T12:00:01Z", "2026-08-01T12:15:00Z"},
        NextCase{"@daily", "UTC", "2026-08-01T12:00:00Z", "2026-08-02T00:00:00Z"},
        NextCase{"@weekly", "UTC", "2026-08-01T12:00:00Z", "2026-08-02T00:00:00Z"},
        NextCase{"@monthly", "UTC", "2026-08-01T12:00:00Z", "2026-09-01T00:00:00Z"},
        NextCase{"@yearly", "UTC", "2026-08-01T12:00:00Z", "2027-01-01T00:00:00Z"},
        NextCase{"30 2 * * mon-fri", "UTC", "2026-08-01T00:00:00Z", "2026-08-03T02:30:00Z"},
        NextCase{"0 0 * * FRI-SUN", "UTC", "2026-08-03T00:00:00Z", "2026-08-07T00:00:00Z"},
        NextCase{"0 0 * * 7", "UTC", "2026-08-01T00:00:00Z", "2026-08-02T00:00:00Z"},
        NextCase{"0 0 29 FEB *", "UTC", "2026-01-01T00:00:00Z", "2028-02-29T00:00:00Z"},
        NextCase{"0 0 29 2 *", "UTC", "2096-03-01T00:00:00Z", "2104-02-29T00:00:00Z"},
        // Both days restricted: either is enough.
        NextCase{"0 0 13 * 5", "UTC", "2026-08-01T00:00:00Z", "2026-08-07T00:00:00Z"},
        NextCase{"0 0 13 * 5", "UTC", "2026-08-07T00:00:00Z", "2026-08-13T00:00:00Z"},
        // A field that starts with * is not restricted, so both must hold (Vixie cron).
        NextCase{"0 0 */2 * 1", "UTC", "2026-08-01T00:00:00Z", "2026-08-03T00:00:00Z"},
        NextCase{"0 0 */2 * 1", "UTC", "2026-08-03T00:00:00Z", "2026-08-17T00:00:00Z"},
        NextCase{"5,10-20/5 3 * * *", "UTC", "2026-08-01T03:10:00Z", "2026-08-01T03:15:00Z"},
        NextCase{"0 2 * * *", "Asia/Tokyo", "2026-08-01T00:00:00Z", "2026-08-01T17:00:00Z"}));

INSTANTIATE_TEST_SUITE_P(
    DaylightSaving, NextTest,
    ::testing::Values(
        // Berlin, 29 March 2026: 02:00 becomes 03:00 at 01:00 UTC. 02:30 runs at the moment after.
        NextCase{"30 2 * * *", "Europe/Berlin", "2026-03-28T12:00:00Z", "2026-03-29T01:00:00Z"},
        NextCase{"30 2 * * *", "Europe/Berlin", "2026-03-29T01:00:00Z", "2026-03-30T00:30:00Z"},
        // Two times inside the gap are one run.
        NextCase{"10,50 2 * * *", "Europe/Berlin", "2026-03-29T01:00:00Z", "2026-03-30T00:10:00Z"},
        // 25 October 2026: 02:30 comes twice, and runs the first time (summer time, 00:30 UTC).
        NextCase{"30 2 * * *", "Europe/Berlin", "2026-10-24T12:00:00Z", "2026-10-25T00:30:00Z"},
        NextCase{"30 2 * * *", "Europe/Berlin", "2026-10-25T00:30:00Z", "2026-10-26T01:30:00Z"},
        // New York: 8 March and 1 November 2026.
        NextCase{"15 2 * * *", "America/New_York", "2026-03-08T00:00:00Z", "2026-03-08T07:00:00Z"},
        NextCase{"15 1 * * *", "America/New_York", "2026-11-01T00:00:00Z", "2026-11-01T05:15:00Z"},
        NextCase{"15 1 * * *", "America/New_York", "2026-11-01T05:15:00Z", "2026-11-02T06:15:00Z"},
        // Lord Howe changes by half an hour: 4 October 2026, 02:00 becomes 02:30 (15:30 UTC).
        NextCase{"15 2 * * *", "Australia/Lord_Howe", "2026-10-03T12:00:00Z",
                 "2026-10-03T15:30:00Z"},
        // 5 April 2026: 02:00 becomes 01:30, so 01:45 comes twice; the first is 14:45 UTC.
        NextCase{"45 1 * * *", "Australia/Lord_Howe", "2026-04-04T12:00:00Z",
                 "2026-04-04T14:45:00Z"},
        NextCase{"45 1 * * *", "Australia/Lord_Howe", "2026-04-04T14:45:00Z",
                 "2026-04-05T15:15:00Z"},
        // Every hour is every hour: no pause in autumn, no double in spring.
        NextCase{"0 * * * *", "Europe/Berlin", "2026-10-25T00:00:00Z", "2026-10-25T01:00:00Z"},
        NextCase{"0 * * * *", "Europe/Berlin", "2026-03-29T00:00:00Z", "2026-03-29T01:00:00Z"},
        NextCase{"0 * * * *", "Europe/Berlin", "2026-03-29T01:00:00Z", "2026-03-29T02:00:00Z"}));

TEST(ScheduleTest, LatestDueIsTheLastInTheInterval) {
  const Schedule daily = Parsed("0 2 * * *");
  EXPECT_EQ(daily.LatestDue(At("2026-08-01T02:00:00Z"), At("2026-08-05T01:59:59Z")),
            At("2026-08-04T02:00:00Z"));
  EXPECT_EQ(daily.LatestDue(At("2026-08-01T02:00:00Z"), At("2026-08-02T02:00:00Z")),
            At("2026-08-02T02:00:00Z"))
      << "the end belongs to it";
  EXPECT_EQ(daily.LatestDue(At("2026-08-01T02:00:00Z"), At("2026-08-02T01:00:00Z")), std::nullopt)
      << "the beginning does not";
  EXPECT_EQ(Parsed("0 0 29 2 *").LatestDue(At("2020-03-01T00:00:00Z"), At("2027-01-01T00:00:00Z")),
            At("2024-02-29T00:00:00Z"));
}

struct BadCase {
  const char* cron;
  const char* zone;
  const char* says;
};

class RefusalTest : public ::testing::TestWithParam<BadCase> {};

TEST_P(RefusalTest, SaysWhatToWriteInstead) {
  const auto schedule = ParseSchedule(GetParam().cron, GetParam().zone, "seed");
  ASSERT_FALSE(schedule) << GetParam().cron;
  EXPECT_EQ(schedule.error().code, Code::kInvalid);
  EXPECT_THAT(schedule.error().message, HasSubstr(GetParam().says));
}

INSTANTIATE_TEST_SUITE_P(
    Cron, RefusalTest,
    ::testing::Values(BadCase{"61 * * * *", "UTC", "minute 61 is outside 0-59"},
                      BadCase{"* * * *", "UTC", "4 fields; write five"},
                      BadCase{"0 0 * * * *", "UTC", "6 fields; write five"},
                      BadCase{"", "UTC", "0 fields; write five"},
                      BadCase{"0 0 30 2 *", "UTC", "that day never comes"},
                      BadCase{"0 0 31 4,6,9,11 *", "UTC", "that day never comes"},
                      BadCase{"0 0 * * 5-1", "UTC", "runs backwards; write two ranges"},
                      BadCase{"0 0 * * funday", "UTC", "\"funday\" is no day of week"},
                      BadCase{"*/0 * * * *", "UTC", "the step \"0\" of minute"},
                      BadCase{"1, * * * *", "UTC", "is no minute"},
                      BadCase{"H(5 * * * *", "UTC", "write H or H(a-b)"},
                      BadCase{"@noon", "UTC", "write @hourly"},
                      BadCase{"TZ=Europe/Berlin 0 0 * * *", "UTC", "write it in spec.timeZone"},
                      BadCase{"0 0 * * *", "Europe/Bärlin",
                              "write an IANA name such as Europe/Berlin"},
                      BadCase{"0 0 * * *", "../../etc/passwd", "is not known"},
                      BadCase{"0 0 * * *", "CEST", "is not known"}));

TEST(HashedTest, StaysInItsRangeAndIsStable) {
  for (const char* seed : {"shop/a/x", "shop/b/x", "shop/c/x", "shop/d/x"}) {
    const auto once = ParseSchedule("H(10-19) H H * *", "UTC", seed).value();
    const auto again = ParseSchedule("H(10-19) H H * *", "UTC", seed).value();
    const TimePoint next = once.Next(At("2026-02-01T00:00:00Z"));
    EXPECT_EQ(next, again.Next(At("2026-02-01T00:00:00Z")));
    EXPECT_EQ(FormatTime(next)[14], '1') << FormatTime(next);
    EXPECT_LT(next, At("2026-03-01T00:00:00Z")) << "every month has the day";
  }
}

TEST(HashedTest, StepsStartAtAPlaceOfTheirOwn) {
  const Schedule schedule = Parsed("H/15 * * * *");
  const TimePoint first = schedule.Next(At("2026-02-01T00:00:00Z"));
  EXPECT_EQ(schedule.Next(first) - first, std::chrono::minutes(15));
  EXPECT_LT(first, At("2026-02-01T00:15:01Z"));
}

// The numbers are part of what an upgrade must not change: every policy would move at once.
TEST(JitterTest, IsStableAndWithinBounds) {
  using std::chrono::seconds;
  EXPECT_EQ(StableJitter("shop/nightly/daily", seconds(600)),
            StableJitter("shop/nightly/daily", seconds(600)));
  EXPECT_EQ(StableJitter("x", seconds(0)), seconds(0));
  std::set<std::int64_t> seen;
  for (int i = 0; i < 100; ++i) {
    const auto jitter = StableJitter(std::to_string(i), seconds(600));
    EXPECT_GE(jitter, seconds(0));
    EXPECT_LE(jitter, seconds(600));
    seen.insert(jitter.count());
  }
  EXPECT_GT(seen.size(), 80u) << "policies spread out";
}

}  // namespace
}  // namespace holdfast::controllers
