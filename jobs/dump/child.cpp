#include "jobs/dump/child.h"

#include <cerrno>
#include <csignal>

#include <fcntl.h>
#include <sys/wait.h>
#include <unistd.h>

namespace holdfast::dump {
namespace {

// Never returns. `report` closes by itself when the program is started.
[[noreturn]] void Become(char* const* argv, int out, int err, int report) {
  sigset_t none;
  sigemptyset(&none);
  ::setpgid(0, 0);
  const int null = ::open("/dev/null", O_RDONLY);
  const bool ready = null >= 0 && ::dup2(null, STDIN_FILENO) >= 0 &&
                     ::dup2(out, STDOUT_FILENO) >= 0 && ::dup2(err, STDERR_FILENO) >= 0 &&
                     std::signal(SIGPIPE, SIG_DFL) != SIG_ERR &&
                     sigprocmask(SIG_SETMASK, &none, nullptr) == 0;
  if (ready) ::execvp(argv[0], argv);
  const int why = errno;
  if (::write(report, &why, sizeof(why)) != sizeof(why)) ::_exit(126);
  ::_exit(127);
}

}  // namespace

Child Start(char* const* argv) {
  Child child;
  int out[2], err[2], report[2];
  if (::pipe2(out, O_CLOEXEC) != 0 || ::pipe2(err, O_CLOEXEC) != 0 ||
      ::pipe2(report, O_CLOEXEC) != 0) {
    child.start_error = errno;
    return child;
  }
  child.pid = ::fork();
  if (child.pid == 0) Become(argv, out[1], err[1], report[1]);
  if (child.pid < 0) child.start_error = errno;
  for (const int end : {out[1], err[1], report[1]}) ::close(end);
  int why = 0;
  if (child.pid > 0 && ::read(report[0], &why, sizeof(why)) == sizeof(why)) {
    child.start_error = why;
    ::waitpid(child.pid, nullptr, 0);
  }
  ::close(report[0]);
  child.out = out[0];
  child.err = err[0];
  for (const int end : {child.out, child.err}) ::fcntl(end, F_SETFL, O_NONBLOCK);
  return child;
}

protocol::DumpEnd EndOf(int wait_status) {
  protocol::DumpEnd end;
  if (WIFSIGNALED(wait_status)) {
    end.ending = protocol::DumpEnding::kKilled;
    end.number = static_cast<std::uint8_t>(WTERMSIG(wait_status));
  } else {
    end.number = static_cast<std::uint8_t>(WEXITSTATUS(wait_status));
  }
  return end;
}

}  // namespace holdfast::dump
