#include "operator/kube/body_pipe.h"

#include <utility>

namespace holdfast::kube {

void BodyPipe::SetHead(ResponseHead head) {
  const std::lock_guard lock(mutex_);
  head_ = head;
  changed_.notify_all();
}

bool BodyPipe::Write(std::string_view bytes, std::function<void()> on_room) {
  const std::lock_guard lock(mutex_);
  if (abandoned_) return true;
  pending_.append(bytes);
  changed_.notify_all();
  if (pending_.size() < kMostPending) return true;
  on_room_ = std::move(on_room);
  return false;
}

void BodyPipe::Finish(Result<void> result) {
  const std::lock_guard lock(mutex_);
  if (finished_) return;
  finished_ = std::move(result);
  changed_.notify_all();
}

Result<void> BodyPipe::AwaitLocked(std::unique_lock<std::mutex>& lock, Timer::time_point deadline,
                                   std::stop_token stop, const std::function<bool()>& ready) {
  if (changed_.wait_until(lock, stop, deadline, ready)) return {};
  if (stop.stop_requested()) return Fail(Code::kCancelled, "stopped");
  return Fail(Code::kTimeout, "the API server did not answer in time");
}

Result<ResponseHead> BodyPipe::AwaitHead(Timer::time_point deadline, std::stop_token stop) {
  std::unique_lock lock(mutex_);
  TRY_VOID(AwaitLocked(lock, deadline, stop, [this] { return head_ || finished_; }));
  if (head_) return *head_;
  TRY_VOID(*finished_);
  return Fail(Code::kUnavailable, "the API server sent no answer");
}

Result<std::string> BodyPipe::Read(Timer::time_point deadline, std::stop_token stop) {
  std::string bytes;
  std::function<void()> on_room;
  {
    std::unique_lock lock(mutex_);
    TRY_VOID(AwaitLocked(lock, deadline, stop, [this] { return !pending_.empty() || finished_; }));
    bytes = std::exchange(pending_, {});
    if (bytes.empty()) TRY_VOID(*finished_);
    on_room = std::exchange(on_room_, nullptr);
  }
  if (on_room) on_room();
  return bytes;
}

void BodyPipe::Abandon() {
  std::function<void()> on_room;
  {
    const std::lock_guard lock(mutex_);
    abandoned_ = true;
    pending_.clear();
    on_room = std::exchange(on_room_, nullptr);
  }
  if (on_room) on_room();
}

Result<void> LineSplitter::Feed(std::string_view bytes,
                                const std::function<Result<void>(std::string_view)>& on_line) {
  while (!bytes.empty()) {
    const std::size_t newline = bytes.find('\n');
    const std::string_view piece = bytes.substr(0, newline);
    if (partial_.size() + piece.size() > kMostLine)
      return Fail(Code::kInvalid, "the API server sent a line of more than 16 MiB");
    if (newline == bytes.npos) {
      partial_.append(piece);
      return {};
    }
    bytes.remove_prefix(newline + 1);
    const std::string whole = std::exchange(partial_, {}).append(piece);
    if (!whole.empty()) TRY_VOID(on_line(whole));
  }
  return {};
}

}  // namespace holdfast::kube
