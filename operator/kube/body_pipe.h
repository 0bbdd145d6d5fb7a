// Bytes on their way from the network's thread to the one that waits for them, bounded: the network
// waits while the reader is behind.
#pragma once

#include <chrono>
#include <condition_variable>
#include <cstdint>
#include <functional>
#include <mutex>
#include <optional>
#include <stop_token>
#include <string>
#include <string_view>

#include "base/error.h"

namespace holdfast::kube {

struct ResponseHead {
  int status = 0;
  std::optional<std::chrono::seconds> retry_after;
};

// Threads: the network's thread calls SetHead, Write and Finish; one other thread the rest.
class BodyPipe {
 public:
  using Timer = std::chrono::steady_clock;

  // Kept for a reader that is behind, before the network has to wait.
  static constexpr std::size_t kMostPending = 256 * 1024;

  void SetHead(ResponseHead head);
  // Takes the bytes. Returns whether there is room for more; otherwise `on_room` is called, once,
  // on the reader's thread, when there is.
  bool Write(std::string_view bytes, std::function<void()> on_room);
  // The body ended, or failed. Later calls are ignored.
  void Finish(Result<void> result);

  // Blocks. Timeout at `deadline`, Cancelled on stop, else what Finish was told.
  Result<ResponseHead> AwaitHead(Timer::time_point deadline, std::stop_token stop);
  // The bytes that have come since the last call; empty at the end of the body.
  Result<std::string> Read(Timer::time_point deadline, std::stop_token stop);
  // The reader has gone: what still comes is thrown away.
  void Abandon();

 private:
  Result<void> AwaitLocked(std::unique_lock<std::mutex>& lock, Timer::time_point deadline,
                           std::stop_token stop, const std::function<bool()>& ready);

  std::mutex mutex_;
  std::condition_variable_any changed_;
  std::optional<ResponseHead> head_;
  std::string pending_;
  std::optional<Result<void>> finished_;
  std::function<void()> on_room_;
  bool abandoned_ = false;
};

// Cuts a stream of bytes into lines.
class LineSplitter {
 public:
  // A watch event carries one object, and the API server takes none above 3 MiB; with managed
  // fields and escapes it is far below this.
  static constexpr std::size_t kMostLine = 16 * 1024 * 1024;

  // Calls `on_line` with every line that `bytes` completes, without its newline. Empty lines are
  // left out. An Error from `on_line` is returned at once; Invalid for a line that is too long.
  Result<void> Feed(std::string_view bytes,
                    const std::function<Result<void>(std::string_view)>& on_line);

 private:
  std::string partial_;
};

}  // namespace holdfast::kube
