// Receives what holdfast-dump sends through a named pipe (protocol/dump_stream.h): a thread takes
// the stream apart and hands the dump's bytes on through a pipe of its own, which is read like
// standard input. When that ends, Finish says whether it was the whole dump.
#pragma once

#include <chrono>
#include <cstdint>
#include <memory>
#include <mutex>
#include <optional>
#include <stop_token>
#include <string>
#include <thread>

#include "base/error.h"
#include "jobs/engine/fd.h"
#include "jobs/protocol/dump_stream.h"

namespace holdfast::engine {

class DumpReception {
 public:
  // The command starts when this opens the pipe, and has to be done `timeout` later.
  static Result<std::unique_ptr<DumpReception>> Begin(const std::string& pipe,
                                                      std::chrono::seconds timeout,
                                                      std::stop_token stop);
  // Lets go of the pipe, on which the command is ended.
  ~DumpReception();

  // The dump's bytes, once; they end with the stream, however that ended.
  Fd TakeContent() { return std::move(content_); }

  // After the content was read to its end, all `length` bytes of it: Corrupt, Timeout or
  // Unavailable, in words for the user, when they are not what a command wrote that ended well.
  Result<void> Finish(std::uint64_t length);
  // What Finish said.
  const std::optional<Error>& failure() const { return failure_; }

 private:
  DumpReception(std::chrono::seconds timeout, std::stop_token stop);

  Result<void> Receive();
  Result<void> Pass(const std::uint8_t* bytes, std::size_t count);
  // Until `fd` can be read from or written to.
  Result<void> Await(int fd, short event) const;

  const std::chrono::seconds timeout_;
  const std::chrono::steady_clock::time_point deadline_;
  const std::stop_token stop_;
  Fd pipe_;           // the named one
  Fd wake_;           // an eventfd: readable once somebody wants it all to stop
  Fd out_, content_;  // the two ends of its own
  protocol::DumpParser parser_;
  Result<void> outcome_;  // of the thread, to be looked at after it
  std::optional<Error> failure_;
  std::jthread thread_;
};

}  // namespace holdfast::engine
