#include "jobs/dump/sender.h"

#include <array>
#include <cerrno>
#include <csignal>
#include <cstring>
#include <optional>
#include <string>

#include <fcntl.h>
#include <poll.h>
#include <sys/signalfd.h>
#include <sys/wait.h>
#include <unistd.h>

namespace holdfast::dump {
namespace {

using protocol::DumpEnd;
using protocol::DumpEnding;

constexpr int kPipeBytes = 1 << 20;
constexpr std::size_t kPiece = std::size_t{128} << 10;
// Between SIGTERM and SIGKILL for a command that is not wanted any more.
constexpr int kGraceMilliseconds = 5000;

sigset_t Signals() {
  sigset_t signals;
  sigemptyset(&signals);
  for (const int number : {SIGCHLD, SIGTERM, SIGINT}) sigaddset(&signals, number);
  return signals;
}

class Sender {
 public:
  Sender(int pipe, int signals, Child child, LastWords& words)
      : pipe_(pipe), signals_(signals), child_(child), words_(words) {
    buffer_.reserve(kPiece + 16);
  }

  Sent Run() {
    Append(protocol::kDumpHello);
    while (!IsDone() && stop_reason_.empty()) Turn();
    if (stop_reason_.empty()) {
      status_->length = length_;
      const auto mark = protocol::EncodeDumpEnd(*status_);
      Append({reinterpret_cast<const char*>(mark.data()), mark.size()});
      while (!buffer_.empty() && stop_reason_.empty()) Turn();
    }
    if (!stop_reason_.empty()) EndChild();
    ReadErr();
    return Outcome();
  }

 private:
  bool IsDone() const { return status_ && child_.out < 0 && buffer_.empty(); }

  // Waits for anything to happen, and does what can be done.
  void Turn() {
    const bool wants_output = buffer_.empty() && child_.out >= 0;
    pollfd fds[] = {{wants_output ? child_.out : -1, POLLIN, 0},
                    {child_.err, POLLIN, 0},
                    {pipe_, static_cast<short>(buffer_.empty() ? 0 : POLLOUT), 0},
                    {signals_, POLLIN, 0}};
    if (::poll(fds, 4, -1) < 0) {
      if (errno != EINTR) stop_reason_ = std::string("poll: ") + std::strerror(errno);
      return;
    }
    if ((fds[2].revents & POLLERR) != 0) return GiveUp();
    if (fds[3].revents != 0) TakeSignal();
    if (fds[1].revents != 0) ReadErr();
    if (fds[0].revents != 0) ReadOut();
    if (fds[2].revents != 0) Flush();
  }

  void GiveUp() { stop_reason_ = "the mover does not listen any more"; }

  void TakeSignal() {
    signalfd_siginfo info{};
    if (::read(signals_, &info, sizeof(info)) != sizeof(info)) return;
    if (info.ssi_signo == SIGCHLD) return Reap();
    stop_reason_ = "told to end by signal " + std::to_string(info.ssi_signo);
  }

  // Being the container's first process, it is given every orphan.
  void Reap() {
    int status = 0;
    for (pid_t pid = 0; (pid = ::waitpid(-1, &status, WNOHANG)) > 0;)
      if (pid == child_.pid) status_ = EndOf(status);
  }

  void ReadOut() {
    char bytes[kPiece];
    const ssize_t count = ::read(child_.out, bytes, sizeof(bytes));
    if (count < 0 && (errno == EAGAIN || errno == EINTR)) return;
    if (count <= 0) return Close(child_.out);
    const auto head = protocol::DumpPieceHead(static_cast<std::uint32_t>(count));
    Append({reinterpret_cast<const char*>(head.data()), head.size()});
    Append({bytes, static_cast<std::size_t>(count)});
    length_ += static_cast<std::uint64_t>(count);
    Flush();
  }

  void ReadErr() {
    char bytes[4096];
    while (child_.err >= 0) {
      const ssize_t count = ::read(child_.err, bytes, sizeof(bytes));
      if (count < 0 && (errno == EAGAIN || errno == EINTR)) return;
      if (count <= 0) return Close(child_.err);
      words_.Add({bytes, static_cast<std::size_t>(count)});
      // The container's log; that it cannot be written to is not the dump's failure.
      if (::write(STDERR_FILENO, bytes, static_cast<std::size_t>(count)) < 0) continue;
    }
  }

  void Append(std::string_view bytes) { buffer_.append(bytes); }

  void Flush() {
    const ssize_t count = ::write(pipe_, buffer_.data(), buffer_.size());
    if (count > 0) buffer_.erase(0, static_cast<std::size_t>(count));
    if (count < 0 && errno != EAGAIN && errno != EINTR) GiveUp();
  }

  static void Close(int& fd) {
    ::close(fd);
    fd = -1;
  }

  // With everything that it started.
  void EndChild() {
    if (status_) return;
    ::kill(-child_.pid, SIGTERM);
    pollfd signal = {signals_, POLLIN, 0};
    while (!status_ && ::poll(&signal, 1, kGraceMilliseconds) > 0) {
      TakeSignal();
      ReadErr();
    }
    if (status_) return;
    ::kill(-child_.pid, SIGKILL);
    int status = 0;
    if (::waitpid(child_.pid, &status, 0) == child_.pid) status_ = EndOf(status);
  }

  Sent Outcome() const {
    Sent sent;
    if (status_) sent.end = *status_;
    sent.complete = stop_reason_.empty();
    if (!sent.complete)
      sent.message = stop_reason_;
    else if (!sent.end.ok())
      sent.message = "the command " + protocol::Describe(sent.end);
    const bool killed = sent.end.ending == DumpEnding::kKilled;
    const int code = killed ? 128 + sent.end.number : sent.end.number;
    sent.exit_code = sent.complete || code != 0 ? code : 1;
    return sent;
  }

  const int pipe_;
  const int signals_;
  Child child_;
  LastWords& words_;
  std::string buffer_;             // on its way into the pipe
  std::uint64_t length_ = 0;       // of the dump so far
  std::optional<DumpEnd> status_;  // once the command has ended
  std::string stop_reason_;
};

Sent NotStarted(int pipe, const char* command, int why) {
  Sent sent;
  sent.end = {0, DumpEnding::kNotStarted, static_cast<std::uint8_t>(why)};
  sent.exit_code = 127;
  sent.message = std::string(command) + " " + protocol::Describe(sent.end);
  const auto mark = protocol::EncodeDumpEnd(sent.end);
  std::string all(protocol::kDumpHello);
  all.append(reinterpret_cast<const char*>(mark.data()), mark.size());
  // A pipe takes so little at once.
  sent.complete = ::write(pipe, all.data(), all.size()) == static_cast<ssize_t>(all.size());
  return sent;
}

}  // namespace

Sent RunAndSend(const char* pipe, char* const* argv, LastWords& words) {
  std::signal(SIGPIPE, SIG_IGN);
  // Waits for a reader. A signal that comes meanwhile ends this: nothing has begun.
  std::signal(SIGTERM, [](int) { ::_exit(128 + SIGTERM); });
  const int fd = ::open(pipe, O_WRONLY | O_CLOEXEC);
  if (fd < 0) {
    Sent sent;
    sent.message = std::string("open ") + pipe + ": " + std::strerror(errno);
    return sent;
  }
  ::fcntl(fd, F_SETPIPE_SZ, kPipeBytes);  // else it holds less
  const sigset_t signals = Signals();
  sigprocmask(SIG_BLOCK, &signals, nullptr);
  const int signal_fd = ::signalfd(-1, &signals, SFD_CLOEXEC | SFD_NONBLOCK);
  const Child child = Start(argv);
  if (child.start_error != 0) return NotStarted(fd, argv[0], child.start_error);
  ::fcntl(fd, F_SETFL, O_NONBLOCK);
  return Sender(fd, signal_fd, child, words).Run();
}

}  // namespace holdfast::dump
