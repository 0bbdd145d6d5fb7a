#include "operator/plugin/time_words.h"

#include <date/tz.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace holdfast::plugin {
namespace {

using ::testing::HasSubstr;

// A Wednesday; 12:30 in Berlin, which is two hours ahead of UTC in summer.
const TimePoint kNow = *ParseTime("2026-08-05T10:30:00Z");

const date::time_zone& Berlin() { return *date::locate_zone("Europe/Berlin"); }

TEST(TimeWordsTest, MeanMoments) {
  const std::pair<const char*, const char*> cases[] = {
      {"now", "2026-08-05T10:30:00Z"},
      {"2026-08-01T14:00:00Z", "2026-08-01T14:00:00Z"},
      {"2026-08-01T14:00:00+05:00", "2026-08-01T09:00:00Z"},
      {"2026-08-01 14:00", "2026-08-01T12:00:00Z"},
      {"2026-08-01 14:00:30", "2026-08-01T12:00:30Z"},
      {"2026-01-15 14:00", "2026-01-15T13:00:00Z"},  // winter
      {"yesterday 14:00", "2026-08-04T12:00:00Z"},
      {"  Yesterday   9:05 ", "2026-08-04T07:05:00Z"},
      {"today 9:30", "2026-08-05T07:30:00Z"},
      {"9:30", "2026-08-05T07:30:00Z"},
      {"14:00", "2026-08-04T12:00:00Z"},            // today's is still to come
      {"wednesday 12:00", "2026-08-05T10:00:00Z"},  // today
      {"Wednesday 13:00", "2026-07-29T11:00:00Z"},  // last week's
      {"mon 08:00", "2026-08-03T06:00:00Z"},
      {"thursday 08:00", "2026-07-30T06:00:00Z"},
      {"2h ago", "2026-08-05T08:30:00Z"},
      {"1h30m ago", "2026-08-05T09:00:00Z"},
      {"3 days ago", "2026-08-02T10:30:00Z"},
      {"1 week ago", "2026-07-29T10:30:00Z"},
      {"2026-10-25 02:30", ""},                      // still to come
      {"2025-10-26 02:30", "2025-10-26T00:30:00Z"},  // came twice: the first
      {"2026-03-29 01:59", "2026-03-29T00:59:00Z"},
      {"2026-03-29 03:00", "2026-03-29T01:00:00Z"},
  };
  for (const auto& [words, expected] : cases) {
    const auto time = ParseTimeWords(words, kNow, Berlin());
    if (*expected == '\0') {
      EXPECT_FALSE(time) << words;
      continue;
    }
    ASSERT_TRUE(time) << words << ": " << time.error().message;
    EXPECT_EQ(FormatTime(*time), expected) << words;
  }
}

TEST(TimeWordsTest, SayWhatToWriteInstead) {
  const std::pair<const char*, const char*> cases[] = {
      {"", "is no time"},
      {"soon", "is no time"},
      {"yesterday", "lacks a time"},
      {"2026-08-01", "lacks a time"},
      {"friday", "lacks a time"},
      {"2026-13-01 10:00", "is no time"},
      {"2026-02-30 10:00", "is no time"},
      {"yesterday 25:00", "is no time"},
      {"yesterday 10:60", "is no time"},
      {"yesterday 10:5", "is no time"},
      {"yesterday 14:00:00:00", "is no time"},
      {"-2h ago", "is no time"},
      {"2 fortnights ago", "is no time"},
      {"today 23:00", "still to come"},
      {"2030-01-01T00:00:00Z", "still to come"},
      {"2026-03-29 02:30", "clocks were set forward"},
  };
  for (const auto& [words, says] : cases) {
    const auto time = ParseTimeWords(words, kNow, Berlin());
    ASSERT_FALSE(time) << words;
    EXPECT_EQ(time.error().code, Code::kInvalid) << words;
    EXPECT_THAT(time.error().message, HasSubstr(says)) << words;
  }
}

TEST(TimeWordsTest, TimesAreShownInTheZone) {
  EXPECT_EQ(LocalTime(kNow, Berlin()), "2026-08-05 12:30:00 CEST");
  EXPECT_EQ(Age(kNow - std::chrono::hours(2), kNow), "2h00m ago");
  EXPECT_EQ(Age(kNow, kNow), "just now");
}

TEST(TimeWordsTest, TheZoneComesFromTheEnvironmentWhenItIsSet) {
  ::setenv("TZ", "Asia/Tokyo", 1);
  EXPECT_EQ(LocalZone().name(), "Asia/Tokyo");
  ::setenv("TZ", "No/Such", 1);
  EXPECT_EQ(LocalZone().name(), "Etc/UTC");
  ::unsetenv("TZ");
}

}  // namespace
}  // namespace holdfast::plugin
