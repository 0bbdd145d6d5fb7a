#include "jobs/engine/meter.h"

#include <gtest/gtest.h>

#include "jobs/engine/progress_reporter.h"

namespace holdfast::engine {
namespace {

using namespace std::chrono_literals;

TEST(MeterTest, RateAndEtaAppearWithTheSecondSample) {
  Meter meter;
  const Meter::SteadyTime start{};
  meter.SetTotals(10, 1000);
  EXPECT_EQ(meter.Sample(start).eta_seconds, std::nullopt);
  meter.AddBytes(100);
  meter.AddFiles(1);
  const protocol::Progress progress = meter.Sample(start + 1s);
  EXPECT_EQ(progress.bytes_per_second, 100u);
  EXPECT_EQ(progress.eta_seconds, 9u);
  EXPECT_EQ(progress.files_done, 1u);
}

TEST(MeterTest, OneSlowSecondChangesTheRateLittle) {
  Meter meter;
  Meter::SteadyTime now{};
  meter.Sample(now);
  for (int i = 0; i < 30; ++i) {
    meter.AddBytes(1000);
    meter.Sample(now += 1s);
  }
  const auto rate = meter.Sample(now += 1s).bytes_per_second;
  EXPECT_GT(rate, 850u);
  EXPECT_LT(rate, 1000u);
}

TEST(MeterTest, AGrowingVolumeNeverShowsMoreThanAll) {
  Meter meter;
  meter.SetTotals(1, 10);
  meter.AddBytes(20);
  meter.AddFiles(2);
  const protocol::Progress progress = meter.Sample({});
  EXPECT_EQ(progress.bytes_total, 20u);
  EXPECT_EQ(progress.files_total, 2u);
}

TEST(MeterTest, TotalsAreNeverTakenBack) {
  Meter meter;
  meter.SetTotals(10, 1000);
  meter.SetTotals(0, 0);
  const protocol::Progress progress = meter.Sample({});
  EXPECT_EQ(progress.files_total, 10u);
  EXPECT_EQ(progress.bytes_total, 1000u);
}

TEST(MeterTest, WhenAllIsDoneTotalsAreWhatIsDone) {
  Meter meter;
  const Meter::SteadyTime start{};
  meter.SetTotals(3, 1000);
  meter.Sample(start);
  meter.AddFiles(5);
  meter.AddBytes(400);
  EXPECT_EQ(meter.Sample(start + 1s).bytes_per_second, 400u);
  meter.Finish();
  const protocol::Progress progress = meter.Sample(start + 2s);
  EXPECT_EQ(progress.phase, "finish");
  EXPECT_EQ(progress.files_done, 5u);
  EXPECT_EQ(progress.files_total, 5u);
  EXPECT_EQ(progress.bytes_done, 1000u) << "600 bytes could not be read: dealt with";
  EXPECT_EQ(progress.bytes_total, 1000u);
  EXPECT_LT(progress.bytes_per_second, 400u) << "they were not moved";
}

// What `to` holds after a verb that took less than a second.
std::string Reported(Meter& meter, ProgressStyle style) {
  std::FILE* to = std::tmpfile();
  ProgressReporter(meter, style, to).Stop();
  std::string text(static_cast<std::size_t>(std::ftell(to)), ' ');
  std::rewind(to);
  EXPECT_EQ(std::fread(text.data(), 1, text.size(), to), text.size());
  std::fclose(to);
  return text;
}

TEST(ProgressReporterTest, TheLastStateIsAlwaysWritten) {
  Meter meter;
  meter.AddBytes(7);
  meter.AddFiles(1);
  meter.Finish();
  const auto last = protocol::LastProgress(Reported(meter, ProgressStyle::kJsonLines));
  ASSERT_TRUE(last);
  EXPECT_EQ(last->bytes_done, 7u);
  EXPECT_EQ(last->bytes_total, 7u);
  EXPECT_EQ(Reported(meter, ProgressStyle::kNone), "");
}

TEST(ProgressBarTest, ShowsShareRateAndTimeLeft) {
  protocol::Progress progress;
  progress.phase = "transfer";
  progress.bytes_done = 512 * 1024;
  progress.bytes_total = 1024 * 1024;
  progress.bytes_per_second = 1024;
  progress.eta_seconds = 512;
  EXPECT_EQ(
      ProgressBar(progress),
      "transfer  [############............]  50%  512.0 KiB of 1.0 MiB  1.0 KiB/s  8m32s left");
}

}  // namespace
}  // namespace holdfast::engine
