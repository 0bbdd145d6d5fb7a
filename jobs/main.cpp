// holdfast-mover: the process in a mover pod, and a tool for people. Everything that touches the
// process itself (signals, environment, standard streams, the termination message) is in here.
#include <csignal>
#include <cstdio>
#include <cstdlib>
#include <fstream>
#include <iostream>
#include <stop_token>
#include <string>
#include <thread>
#include <vector>

#include <malloc.h>
#include <pthread.h>
#include <sys/prctl.h>
#include <unistd.h>

#include "base/log.h"
#include "jobs/engine/directory.h"
#include "jobs/engine/progress_reporter.h"
#include "jobs/engine/verbs.h"
#include "jobs/gateway/serve.h"
#include "jobs/options.h"
#include "jobs/protocol/result.h"

namespace holdfast {
namespace {

using engine::ProgressStyle;
using protocol::ExitCode;

// Turns SIGINT and SIGTERM into a stop. Made before any other thread, so that all inherit the
// blocked mask and only this one takes the signals.
class StopOnSignal {
 public:
  StopOnSignal() {
    sigemptyset(&signals_);
    sigaddset(&signals_, SIGINT);
    sigaddset(&signals_, SIGTERM);
    pthread_sigmask(SIG_BLOCK, &signals_, nullptr);
    std::signal(SIGPIPE, SIG_IGN);
    std::thread([signals = signals_, source = source_]() mutable {
      int signal = 0;
      while (sigwait(&signals, &signal) == 0) source.request_stop();
    }).detach();
  }

  std::stop_token token() const { return source_.get_token(); }

 private:
  sigset_t signals_{};
  std::stop_source source_;
};

std::string FromEnvironment(const char* name) {
  const char* value = std::getenv(name);
  return value == nullptr ? "" : value;
}

// Large blocks go back to the system when they are freed, and threads share their small ones: the
// allocator's own ideas of both cost tens of MiB.
void BoundTheAllocator() {
  constexpr int kLarge = 1 << 20;
  ::mallopt(M_MMAP_THRESHOLD, kLarge);
  ::mallopt(M_ARENA_MAX, 2);
}

// Kubernetes makes the file; where there is none, there is nobody to read it.
void WriteTerminationMessage(const std::string& text) {
  std::string path = FromEnvironment("HOLDFAST_TERMINATION_LOG");
  const bool asked = !path.empty();
  if (!asked) path = "/dev/termination-log";
  if (!asked && ::access(path.c_str(), W_OK) != 0) return;
  std::ofstream(path, std::ios::trunc) << text;
}

ProgressStyle StyleFor(const Options& options) {
  if (options.json) return ProgressStyle::kJsonLines;
  const bool terminal = ::isatty(STDERR_FILENO) != 0;
  return terminal && !options.quiet ? ProgressStyle::kBar : ProgressStyle::kNone;
}

bool TakesTime(const engine::Request& request) {
  const std::string verb = engine::VerbName(request);
  return verb == "backup" || verb == "restore" || verb == "check" || verb == "prune" ||
         verb == "forget" || verb == "copy" || verb == "migrate";
}

int Finish(const Options& options, const protocol::MoverResult& result) {
  const std::string encoded = protocol::Encode(result);
  WriteTerminationMessage(encoded);
  // What was dumped is all there is on standard output.
  const bool dump = std::holds_alternative<engine::DumpRequest>(options.request);
  if (options.json && !dump) {
    std::cout << encoded << std::endl;
  } else if (!options.quiet) {
    std::cout << engine::Summary(result) << std::flush;
  }
  if (result.exit != ExitCode::kOk) std::cerr << "holdfast-mover: " << result.message << std::endl;
  return static_cast<int>(result.exit);
}

// Memory and environment hold passwords and keys: no core dump, and no other process of the same
// user may look at either. /proc then says that the process is root's; its own part stays open to
// it.
void KeepSecrets() { ::prctl(PR_SET_DUMPABLE, 0, 0, 0, 0); }

int Main(const std::vector<std::string>& arguments) {
  KeepSecrets();
  BoundTheAllocator();
  const StopOnSignal signals;
  if (const auto ended = gateway::RunVerb(arguments, FromEnvironment, signals.token()))
    return *ended;
  const auto options = ParseOptions(arguments, FromEnvironment);
  if (!options) {
    const Ending& ending = options.error();
    if (ending.exit == ExitCode::kOk) {
      std::cout << ending.text;
    } else {
      std::cerr << "holdfast-mover: " << ending.text << std::endl;
    }
    return static_cast<int>(ending.exit);
  }
  const auto format = options->json ? LogFormat::kJson : LogFormat::kText;
  if (!SetUpLogging(format, options->verbose ? "debug" : "warning"))
    return static_cast<int>(ExitCode::kFailed);
  engine::RaiseOpenFileLimit();

  engine::Meter meter;
  const SystemClock clock;
  const ProgressStyle style =
      TakesTime(options->request) ? StyleFor(*options) : ProgressStyle::kNone;
  engine::ProgressReporter reporter(meter, style,
                                    style == ProgressStyle::kJsonLines ? stdout : stderr);
  const engine::Surroundings around{.session = options->session,
                                    .json = options->json,
                                    .progress = style != ProgressStyle::kNone,
                                    .meter = meter,
                                    .clock = clock,
                                    .out = std::cout,
                                    .warnings = std::cerr};
  const protocol::MoverResult result = engine::Run(options->request, around, signals.token());
  reporter.Stop();
  return Finish(*options, result);
}

}  // namespace
}  // namespace holdfast

int main(int argc, char** argv) {
  return holdfast::Main(std::vector<std::string>(argv + 1, argv + argc));
}
