#include "base/clock.h"

#include <gtest/gtest.h>

namespace holdfast {
namespace {

TEST(ClockTest, FormatsWhatItParses) {
  for (const char* text : {"1970-01-01T00:00:00Z", "2026-08-01T12:34:56Z", "2000-02-29T23:59:59Z"})
    EXPECT_EQ(FormatTime(ParseTime(text).value()), text);
  EXPECT_EQ(FormatTimeNanos(ParseTime("2026-08-01T12:00:00.120000009Z").value()),
            "2026-08-01T12:00:00.120000009Z");
  EXPECT_EQ(FormatTimeMicros(ParseTime("2026-08-01T12:00:00.5Z").value()),
            "2026-08-01T12:00:00.500000Z");
}

TEST(ClockTest, TimesBeforeTheEpochRoundDown) {
  EXPECT_EQ(FormatTimeNanos(ParseTime("1969-12-31T23:59:59.25Z").value()),
            "1969-12-31T23:59:59.25Z");
}

TEST(ClockTest, OffsetsBecomeUtc) {
  EXPECT_EQ(FormatTime(ParseTime("2026-08-01T02:00:00+02:00").value()), "2026-08-01T00:00:00Z");
  EXPECT_EQ(FormatTime(ParseTime("2026-07-31T20:30:00-03:30").value()), "2026-08-01T00:00:00Z");
}

TEST(ClockTest, RefusesWhatIsNoTime) {
  for (const char* text : {"", "yesterday", "2026-13-01T00:00:00Z", "2026-02-30T00:00:00Z",
                           "2026-08-01T24:00:00Z", "2026-08-01T00:00:00", "2026-08-01T00:00:00Zx",
                           "2026-08-01T00:00:00.Z", "9999-01-01T00:00:00Z"})
    EXPECT_EQ(ParseTime(text).error().code, Code::kInvalid) << text;
}

TEST(ClockTest, DurationsForPeople) {
  using std::chrono::seconds;
  EXPECT_EQ(HumanDuration(seconds(45)), "45s");
  EXPECT_EQ(HumanDuration(seconds(192)), "3m12s");
  EXPECT_EQ(HumanDuration(seconds(7500)), "2h05m");
  EXPECT_EQ(HumanDuration(seconds(273600)), "3d4h");
  EXPECT_EQ(HumanDuration(seconds(-5)), "0s");
}

TEST(ClockTest, ParsesDurations) {
  EXPECT_EQ(ParseDuration("90s")->count(), 90);
  EXPECT_EQ(ParseDuration("1h30m")->count(), 5400);
  EXPECT_EQ(ParseDuration("2d")->count(), 172800);
  for (const char* text : {"", "5", "m", "1x", "-5s", "9999999999s"})
    EXPECT_EQ(ParseDuration(text).error().code, Code::kInvalid) << text;
}

}  // namespace
}  // namespace holdfast
