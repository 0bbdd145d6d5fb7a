#include "base/retention.h"

#include <gtest/gtest.h>

namespace holdfast {
namespace {

std::vector<RetentionItem> At(std::initializer_list<const char*> times) {
  std::vector<RetentionItem> items;
  for (const char* time : times) items.push_back({ParseTime(time).value(), {}});
  return items;
}

// '+' for each item that is kept, '-' for one that goes.
std::string Kept(const std::vector<RetentionItem>& items, const RetentionPolicy& policy,
                 const char* now = "2026-12-31T00:00:00Z") {
  std::string kept;
  for (const auto& reasons : ApplyRetention(items, policy, ParseTime(now).value()))
    kept += reasons.empty() ? '-' : '+';
  return kept;
}

RetentionPolicy Keep(Period period, int count) {
  RetentionPolicy policy;
  policy.keep[static_cast<std::size_t>(period)] = count;
  return policy;
}

RetentionPolicy Within(Period period, const char* span) {
  RetentionPolicy policy;
  policy.within[static_cast<std::size_t>(period)] = ParseCalendarSpan(span).value();
  return policy;
}

TEST(RetentionTest, NoRuleKeepsEverything) {
  EXPECT_EQ(Kept(At({"2026-01-01T00:00:00Z", "2026-01-02T00:00:00Z"}), {}), "++");
}

TEST(RetentionTest, LastCountsSnapshotsWhateverTheirOrder) {
  const auto items = At({"2026-01-03T00:00:00Z", "2026-01-01T00:00:00Z", "2026-01-02T00:00:00Z"});
  EXPECT_EQ(Kept(items, Keep(Period::kEach, 2)), "+-+");
  EXPECT_EQ(Kept(items, Keep(Period::kEach, RetentionPolicy::kAll)), "+++");
}

TEST(RetentionTest, EachPeriodKeepsItsNewest) {
  const auto items = At({"2024-06-01T10:00:00Z", "2025-12-31T23:00:00Z", "2026-01-01T00:10:00Z",
                         "2026-01-01T00:50:00Z", "2026-01-05T01:00:00Z", "2026-01-05T02:00:00Z"});
  EXPECT_EQ(Kept(items, Keep(Period::kHour, 3)), "---+++");
  EXPECT_EQ(Kept(items, Keep(Period::kDay, 2)), "---+-+");
  // 2026-01-01 is a Thursday of the week that began in 2025; 2026-01-05 a Monday.
  EXPECT_EQ(Kept(items, Keep(Period::kWeek, 2)), "---+-+");
  EXPECT_EQ(Kept(items, Keep(Period::kMonth, 2)), "-+---+");
  EXPECT_EQ(Kept(items, Keep(Period::kYear, 3)), "++---+");
}

TEST(RetentionTest, TheOldestFillsRoomThatIsLeft) {
  const auto items = At({"2026-01-01T01:00:00Z", "2026-01-01T02:00:00Z", "2026-01-01T03:00:00Z"});
  EXPECT_EQ(Kept(items, Keep(Period::kDay, 5)), "+-+");
  EXPECT_EQ(Kept(items, Keep(Period::kDay, 1)), "--+");
}

TEST(RetentionTest, WithinCountsBackFromTheNewestThatIsNotInTheFuture) {
  const auto items = At({"2026-01-01T00:00:00Z", "2026-01-30T00:00:00Z", "2026-01-31T00:00:00Z",
                         "2026-06-01T00:00:00Z"});
  EXPECT_EQ(Kept(items, Within(Period::kEach, "7d"), "2026-02-01T00:00:00Z"), "-+++");
  EXPECT_EQ(Kept(items, Within(Period::kEach, "1m"), "2026-02-01T00:00:00Z"), "++++")
      << "a month before 31 January is 31 December; the first of January is later";
}

TEST(RetentionTest, WithinPeriods) {
  const auto items = At({"2025-01-01T00:00:00Z", "2026-01-01T01:00:00Z", "2026-01-01T02:00:00Z",
                         "2026-01-02T00:00:00Z"});
  EXPECT_EQ(Kept(items, Within(Period::kDay, "7d")), "--++");
}

TEST(RetentionTest, TagsKeep) {
  auto items = At({"2026-01-01T00:00:00Z", "2026-01-02T00:00:00Z", "2026-01-03T00:00:00Z"});
  items[0].tags = {"pinned"};
  RetentionPolicy policy = Keep(Period::kEach, 1);
  policy.keep_tags = {"pinned"};
  EXPECT_EQ(Kept(items, policy), "+-+");
}

TEST(RetentionTest, RulesAddUpAndSayWhy) {
  RetentionPolicy policy = Keep(Period::kEach, 1);
  policy.keep[static_cast<std::size_t>(Period::kYear)] = 2;
  const auto items = At({"2025-01-01T00:00:00Z", "2026-01-01T00:00:00Z"});
  const auto reasons = ApplyRetention(items, policy, items[1].time);
  EXPECT_EQ(reasons[0], std::vector<std::string>({"yearly"}));
  EXPECT_EQ(reasons[1], std::vector<std::string>({"last", "yearly"}));
}

TEST(CalendarSpanTest, ParsesResticsForm) {
  EXPECT_EQ(ParseCalendarSpan("1y5m7d2h").value(), (CalendarSpan{1, 5, 7, 2}));
  EXPECT_EQ(ParseCalendarSpan("14d").value(), (CalendarSpan{0, 0, 14, 0}));
  for (const char* text : {"", "1", "d", "1w", "-1d", "1d2", "99999999999d", "20000y"})
    EXPECT_FALSE(ParseCalendarSpan(text)) << text;
}

TEST(CalendarSpanTest, DaysThatAMonthLacksRunIntoTheNext) {
  const TimePoint march = ParseTime("2026-03-31T12:00:00Z").value();
  EXPECT_EQ(FormatTime(Before(march, {0, 1, 0, 0})), "2026-03-03T12:00:00Z");
  EXPECT_EQ(FormatTime(Before(march, {1, 0, 31, 13})), "2025-02-27T23:00:00Z");
}

}  // namespace
}  // namespace holdfast
