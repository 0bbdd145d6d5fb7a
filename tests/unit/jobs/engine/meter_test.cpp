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
