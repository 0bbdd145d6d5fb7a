// Shows a meter while a verb runs: a bar on a terminal, JSON lines for the operator.
#pragma once

#include <condition_variable>
#include <cstdio>
#include <mutex>
#include <string>
#include <thread>

#include "jobs/engine/meter.h"

namespace holdfast::engine {

enum class ProgressStyle { kNone, kBar, kJsonLines };

// "transfer  [#####.....]  52%  1.2 GiB of 2.3 GiB  341 MiB/s  3m12s left", without a newline.
std::string ProgressBar(const protocol::Progress& progress);

class ProgressReporter {
 public:
  // Writes to `to` once a second, on a thread of its own, until Stop.
  ProgressReporter(Meter& meter, ProgressStyle style, std::FILE* to);
  ~ProgressReporter();

  // Takes the bar off the terminal; as JSON, writes the last state. Nothing is written afterwards.
  void Stop();

 private:
  void Loop(std::stop_token stop);
  void Show();

  Meter& meter_;
  const ProgressStyle style_;
  std::FILE* const to_;
  std::mutex mutex_;
  std::condition_variable_any wake_;
  std::jthread thread_;  // last: it uses the others
};

}  // namespace holdfast::engine
