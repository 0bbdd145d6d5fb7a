#include "jobs/engine/progress_reporter.h"

#include <chrono>

#include <spdlog/fmt/fmt.h>

#include "base/clock.h"
#include "base/quantity.h"

namespace holdfast::engine {
namespace {

constexpr std::size_t kBarWidth = 24;
constexpr const char* kClearLine = "\r\033[K";

}  // namespace

std::string ProgressBar(const protocol::Progress& progress) {
  if (progress.bytes_total == 0)
    return fmt::format("{}  {} files, {}  {}/s", progress.phase, progress.files_done,
                       HumanBytes(progress.bytes_done), HumanBytes(progress.bytes_per_second));
  const double share =
      static_cast<double>(progress.bytes_done) / static_cast<double>(progress.bytes_total);
  const auto filled = static_cast<std::size_t>(share * kBarWidth);
  std::string text =
      fmt::format("{}  [{}{}] {:>3}%  {} of {}  {}/s", progress.phase, std::string(filled, '#'),
                  std::string(kBarWidth - filled, '.'), static_cast<int>(share * 100),
                  HumanBytes(progress.bytes_done), HumanBytes(progress.bytes_total),
                  HumanBytes(progress.bytes_per_second));
  if (progress.eta_seconds)
    text += "  " +
            HumanDuration(std::chrono::seconds(static_cast<std::int64_t>(*progress.eta_seconds))) +
            " left";
  return text;
}

ProgressReporter::ProgressReporter(Meter& meter, ProgressStyle style, std::FILE* to)
    : meter_(meter), style_(style), to_(to) {
  if (style_ != ProgressStyle::kNone)
    thread_ = std::jthread([this](std::stop_token stop) { Loop(std::move(stop)); });
}

ProgressReporter::~ProgressReporter() { Stop(); }

void ProgressReporter::Stop() {
  if (!thread_.joinable()) return;
  thread_.request_stop();
  thread_.join();
  if (style_ == ProgressStyle::kJsonLines) Show();
  if (style_ == ProgressStyle::kBar) std::fputs(kClearLine, to_);
  std::fflush(to_);
}

void ProgressReporter::Loop(std::stop_token stop) {
  std::unique_lock lock(mutex_);
  while (
      !wake_.wait_for(lock, stop, std::chrono::seconds(1), [&] { return stop.stop_requested(); }))
    Show();
}

void ProgressReporter::Show() {
  const protocol::Progress progress = meter_.Sample(std::chrono::steady_clock::now());
  const std::string text = style_ == ProgressStyle::kJsonLines ? protocol::EncodeLine(progress)
                                                               : kClearLine + ProgressBar(progress);
  std::fputs(text.c_str(), to_);
  std::fflush(to_);
}

}  // namespace holdfast::engine
