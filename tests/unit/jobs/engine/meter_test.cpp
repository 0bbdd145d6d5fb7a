#include "jobs/engine/meter.h"

#include <algorithm>
#include <cmath>
#include <iostream>
#include <random>

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

// What a run of many seconds shows: its rate in each of them.
struct Trace {
  const char* name;
  std::vector<std::uint64_t> rates;  // bytes in each second
};

// How far the times that were shown in [from, to), as shares of the run, were off: the mean of the
// differences, in seconds.
double MeanError(const Trace& trace, double from, double to) {
  std::uint64_t total = 0;
  for (const std::uint64_t rate : trace.rates) total += rate;
  Meter meter;
  meter.SetTotals(1, total);
  Meter::SteadyTime now{};
  meter.Sample(now);
  const auto seconds = static_cast<double>(trace.rates.size());
  double sum = 0;
  int count = 0;
  for (std::size_t i = 0; i < trace.rates.size(); ++i) {
    meter.AddBytes(trace.rates[i]);
    const protocol::Progress progress = meter.Sample(now += 1s);
    const auto at = static_cast<double>(i + 1);
    if (at < from * seconds || at >= to * seconds || !progress.eta_seconds) continue;
    sum += std::abs(static_cast<double>(*progress.eta_seconds) - (seconds - at));
    ++count;
  }
  return count == 0 ? seconds : sum / count;
}

// A store whose speed is anything between half and one and a half of what it promises.
std::vector<std::uint64_t> Noisy(std::size_t seconds, std::uint64_t mean) {
  std::minstd_rand random(7);
  std::vector<std::uint64_t> rates;
  for (std::size_t i = 0; i < seconds; ++i) rates.push_back(mean / 2 + random() % mean);
  return rates;
}

// Half the speed from the middle on.
std::vector<std::uint64_t> Slowing(std::size_t seconds, std::uint64_t rate) {
  std::vector<std::uint64_t> rates(seconds, rate);
  std::fill(rates.begin() + static_cast<std::ptrdiff_t>(seconds) / 2, rates.end(), rate / 2);
  return rates;
}

// Of a run of ten minutes; the figures are printed, and stand in docs/performance.md.
TEST(MeterTest, TheTimeLeftConverges) {
  constexpr std::size_t kSeconds = 600;
  const Trace traces[] = {{"steady", std::vector<std::uint64_t>(kSeconds, 1 << 20)},
                          {"noisy", Noisy(kSeconds, 1 << 20)},
                          {"slowing", Slowing(kSeconds, 1 << 20)}};
  for (const Trace& trace : traces) {
    const double first = MeanError(trace, 0.1, 0.4);
    const double last = MeanError(trace, 0.7, 1);
    std::cout << trace.name << ": off by " << first << " s between 10 % and 40 % of 600 s, by "
              << last << " s in the last 30 %\n";
    EXPECT_LE(last, first) << trace.name;
    EXPECT_LE(last, 0.03 * kSeconds) << trace.name;
  }
  EXPECT_LE(MeanError(traces[0], 0, 1), 1) << "a steady rate leaves nothing to be learnt";
  EXPECT_LE(MeanError(traces[1], 0.1, 0.4), 0.1 * kSeconds);
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
