#include "jobs/engine/dump_reception.h"

#include <cerrno>
#include <utility>
#include <vector>

#include <fcntl.h>
#include <poll.h>
#include <sys/eventfd.h>

#include "base/clock.h"

namespace holdfast::engine {
namespace {

// What an unprivileged process may make a pipe hold: fewer switches between the two processes.
constexpr int kPipeBytes = 1 << 20;
constexpr std::size_t kReadBytes = std::size_t{256} << 10;

void Wake(int eventfd) { ::eventfd_write(eventfd, 1); }

}  // namespace

DumpReception::DumpReception(std::chrono::seconds timeout, std::stop_token stop)
    : timeout_(timeout),
      deadline_(std::chrono::steady_clock::now() + timeout),
      stop_(std::move(stop)) {}

Result<std::unique_ptr<DumpReception>> DumpReception::Begin(const std::string& pipe,
                                                            std::chrono::seconds timeout,
                                                            std::stop_token stop) {
  std::unique_ptr<DumpReception> self(new DumpReception(timeout, std::move(stop)));
  int ends[2];
  if (::pipe2(ends, O_CLOEXEC) != 0) return tl::make_unexpected(FromErrno("make a pipe", errno));
  self->content_ = Fd(ends[0]);
  self->out_ = Fd(ends[1]);
  ::fcntl(self->out_.get(), F_SETFL, O_NONBLOCK);
  ::fcntl(self->out_.get(), F_SETPIPE_SZ, kPipeBytes);  // else it holds less
  self->wake_ = Fd(::eventfd(0, EFD_CLOEXEC));
  self->pipe_ = Fd(::open(pipe.c_str(), O_RDONLY | O_NONBLOCK | O_CLOEXEC));
  if (!self->pipe_.valid() || !self->wake_.valid())
    return tl::make_unexpected(FromErrno("open the dump's pipe " + pipe, errno));
  ::fcntl(self->pipe_.get(), F_SETPIPE_SZ, kPipeBytes);
  self->thread_ = std::jthread([me = self.get()] {
    const std::stop_callback on_stop(me->stop_, [me] { Wake(me->wake_.get()); });
    me->outcome_ = me->Receive();
    me->pipe_.Reset();
    me->out_.Reset();
  });
  return self;
}

DumpReception::~DumpReception() {
  if (!thread_.joinable()) return;
  Wake(wake_.get());
  thread_.join();
}

Result<void> DumpReception::Await(int fd, short event) const {
  pollfd fds[] = {{fd, event, 0}, {wake_.get(), POLLIN, 0}};
  for (;;) {
    const auto left =
        std::chrono::ceil<std::chrono::milliseconds>(deadline_ - std::chrono::steady_clock::now());
    if (left.count() <= 0)
      return Fail(Code::kTimeout, parser_.length() == 0 && !parser_.end()
                                      ? "the dump wrote nothing within " + HumanDuration(timeout_)
                                      : "the dump was not done within " + HumanDuration(timeout_) +
                                            ": it wrote " + std::to_string(parser_.length()) +
                                            " bytes, and no end mark");
    const int wait = static_cast<int>(std::min<std::int64_t>(left.count(), 60'000));
    const int ready = ::poll(fds, 2, wait);
    if (ready < 0 && errno != EINTR) return tl::make_unexpected(FromErrno("poll", errno));
    if (ready <= 0) continue;
    if (fds[1].revents != 0) return Fail(Code::kCancelled, "stopped while the dump was received");
    return {};
  }
}

Result<void> DumpReception::Receive() {
  std::vector<std::uint8_t> buffer(kReadBytes);
  for (;;) {
    TRY_VOID(Await(pipe_.get(), POLLIN));
    const ssize_t count = ::read(pipe_.get(), buffer.data(), buffer.size());
    if (count < 0 && (errno == EAGAIN || errno == EINTR)) continue;
    if (count < 0) return tl::make_unexpected(FromErrno("read the dump's pipe", errno));
    if (count == 0) return {};
    ByteView input(buffer.data(), static_cast<std::size_t>(count));
    while (!input.empty()) {
      TRY(const ByteView content, parser_.Next(input));
      TRY_VOID(Pass(content.data(), content.size()));
    }
  }
}

Result<void> DumpReception::Pass(const std::uint8_t* bytes, std::size_t count) {
  while (count > 0) {
    const ssize_t written = ::write(out_.get(), bytes, count);
    if (written < 0 && errno == EAGAIN) {
      TRY_VOID(Await(out_.get(), POLLOUT));
      continue;
    }
    if (written < 0 && errno == EINTR) continue;
    if (written < 0) return tl::make_unexpected(FromErrno("pass the dump on", errno));
    bytes += written;
    count -= static_cast<std::size_t>(written);
  }
  return {};
}

Result<void> DumpReception::Finish(std::uint64_t length) {
  thread_.join();
  const auto judge = [&]() -> Result<void> {
    TRY_VOID(outcome_);
    const auto& end = parser_.end();
    if (!end)
      return Fail(Code::kUnavailable, "the dump ended after " + std::to_string(parser_.length()) +
                                          " bytes without its end mark: it was killed, or its "
                                          "container was");
    if (!end->ok()) return Fail(Code::kUnavailable, "the dump's command " + Describe(*end));
    if (length != end->length)
      return Fail(Code::kCorrupt, "of the dump's " + std::to_string(end->length) + " bytes " +
                                      std::to_string(length) + " were stored");
    return {};
  };
  const Result<void> verdict = judge();
  if (!verdict) failure_ = verdict.error();
  return verdict;
}

}  // namespace holdfast::engine
