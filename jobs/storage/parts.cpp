#include "jobs/storage/parts.h"

#include <algorithm>
#include <mutex>
#include <optional>
#include <thread>
#include <vector>

#include "jobs/storage/range.h"

namespace holdfast::storage {
namespace {

// What the threads of one object share.
class Parts {
 public:
  Parts(ByteView data, const PartOptions& options, const SendPart& send)
      : data_(data), options_(options), send_(send) {}

  void Work() {
    while (const auto index = Take()) {
      const std::size_t begin = *index * options_.part_size;
      const std::size_t size = std::min(options_.part_size, data_.size() - begin);
      const Result<void> sent = send_(*index, data_.subspan(begin, size), stop_.get_token());
      if (!sent) Fail(sent.error());
    }
  }

  void Stop() { stop_.request_stop(); }

  Result<void> Outcome() const {
    if (error_) return tl::make_unexpected(*error_);
    return {};
  }

 private:
  std::optional<std::size_t> Take() {
    const std::scoped_lock lock(mutex_);
    if (stop_.stop_requested() || next_ == PartCount(data_.size(), options_)) return std::nullopt;
    return next_++;
  }

  // Those that were stopped because of the first error are no news.
  void Fail(const Error& error) {
    {
      const std::scoped_lock lock(mutex_);
      if (!error_) error_ = error;
    }
    Stop();
  }

  const ByteView data_;
  const PartOptions& options_;
  const SendPart& send_;
  std::stop_source stop_;
  std::mutex mutex_;
  std::size_t next_ = 0;        // guarded by mutex_
  std::optional<Error> error_;  // guarded by mutex_ while there are threads
};

}  // namespace

std::size_t PartCount(std::size_t bytes, const PartOptions& options) {
  return (bytes + options.part_size - 1) / options.part_size;
}

Result<void> SendInParts(ByteView data, const PartOptions& options, const SendPart& send,
                         const std::stop_token& stop) {
  Parts parts(data, options, send);
  {
    const std::stop_callback on_stop(stop, [&] { parts.Stop(); });
    const std::size_t threads =
        std::min(PartCount(data.size(), options), static_cast<std::size_t>(options.at_once));
    std::vector<std::jthread> others;
    for (std::size_t i = 1; i < threads; ++i) others.emplace_back([&] { parts.Work(); });
    parts.Work();
  }
  TRY_VOID(CheckStop(stop));
  return parts.Outcome();
}

}  // namespace holdfast::storage
