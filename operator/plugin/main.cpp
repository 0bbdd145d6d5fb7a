// kubectl-holdfast: what `kubectl holdfast` runs, and, under the name kubectl_complete-holdfast,
// what kubectl asks for completions. Everything that touches the process itself is in here.
#include <algorithm>
#include <csignal>
#include <cstdio>
#include <cstdlib>
#include <iostream>
#include <optional>
#include <thread>

#include <poll.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include "base/log.h"
#include "operator/plugin/cluster_completer.h"
#include "operator/plugin/commands.h"
#include "operator/plugin/credential_plugin.h"
#include "operator/plugin/options.h"
#include "operator/plugin/renewing_transport.h"
#include "operator/plugin/time_words.h"

namespace holdfast::plugin {
namespace {

constexpr const char* kCompleteName = "kubectl_complete-holdfast";
constexpr const char* kCompleteWord = "__complete";
constexpr int kUsage = 2;
constexpr int kInterrupted = 130;
// Who presses the tabulator does not wait longer.
constexpr std::chrono::seconds kCompletionPatience{3};

// Turns SIGINT and SIGTERM into a stop, and into something to read for who waits for a line. The
// second one ends the process at once. Made before any other thread.
class StopOnSignal {
 public:
  StopOnSignal() {
    if (::pipe(wake_) != 0) std::perror("kubectl-holdfast: pipe");
    sigemptyset(&signals_);
    sigaddset(&signals_, SIGINT);
    sigaddset(&signals_, SIGTERM);
    pthread_sigmask(SIG_BLOCK, &signals_, nullptr);
    std::signal(SIGPIPE, SIG_IGN);
    std::thread([signals = signals_, source = source_, fd = wake_[1]]() mutable {
      int signal = 0;
      if (sigwait(&signals, &signal) != 0) return;
      source.request_stop();
      (void)!::write(fd, "", 1);
      if (sigwait(&signals, &signal) == 0) std::_Exit(kInterrupted);
    }).detach();
  }

  std::stop_source& source() { return source_; }
  int wake() const { return wake_[0]; }

 private:
  sigset_t signals_{};
  std::stop_source source_;
  int wake_[2] = {-1, -1};
};

std::optional<std::string> ReadLine(int wake) {
  std::string line;
  for (;;) {
    pollfd ready[] = {{STDIN_FILENO, POLLIN, 0}, {wake, POLLIN, 0}};
    if (::poll(ready, 2, -1) < 0) return std::nullopt;
    if (ready[1].revents != 0) return std::nullopt;
    char c = 0;
    if (::read(STDIN_FILENO, &c, 1) != 1) return std::nullopt;
    if (c == '\n') return line;
    line += c;
  }
}

Screen::Settings ScreenSettings() {
  Screen::Settings settings;
  settings.asks = ::isatty(STDIN_FILENO) != 0 && ::isatty(STDERR_FILENO) != 0;
  const char* terminal = std::getenv("TERM");
  settings.live =
      ::isatty(STDERR_FILENO) != 0 && (terminal == nullptr || std::string_view(terminal) != "dumb");
  winsize size{};
  if (::ioctl(STDERR_FILENO, TIOCGWINSZ, &size) == 0 && size.ws_col > 20)
    settings.width = size.ws_col;
  return settings;
}

int ExitCode(const Error& error) {
  if (error.code == Code::kCancelled) return kInterrupted;
  return 1;
}

// The client that a command line asks for. Everything in it outlives the session.
struct Client {
  Client(const Options& options, const Clock& clock)
      : source(
            [&options] {
              return kube::LoadKubeconfig(
                  options.kubeconfig, options.context, [](const kube::CredentialPlugin& plugin) {
                    return RunCredentialPlugin(plugin, ::isatty(STDIN_FILENO) != 0);
                  });
            },
            clock),
        executor(kube::MakeExecutor([this] { return source.Current(); })) {}

  ConfigSource source;
  std::unique_ptr<kube::Executor> executor;
};

Error WithKubeconfigAdvice(Error error) {
  if (error.code == Code::kInvalid)
    error.message +=
        "\nAnother file is named with --kubeconfig or KUBECONFIG, another context with --context. "
        "See what kubectl has with: kubectl config get-contexts";
  return error;
}

Result<std::string> NamespaceOf(const Options& options, Client& client) {
  if (!options.ns.empty()) return options.ns;
  TRY(const kube::ClientConfig config, client.source.Current());
  return config.default_namespace.empty() ? "default" : config.default_namespace;
}

Result<void> WithSession(const Options& options, Screen& screen, std::stop_token stop,
                         const std::function<Result<void>(const Session&)>& work) {
  const SystemClock clock;
  Client client(options, clock);
  const auto transport = MakeRenewingTransport(client.source);
  if (!transport) return tl::make_unexpected(WithKubeconfigAdvice(transport.error()));
  TRY(const std::string ns, NamespaceOf(options, client));
  const kube::Api api(**transport);
  const Session session{api, *client.executor,       clock,          screen,      LocalZone(),
                        ns,  options.all_namespaces, options.output, options.yes, std::move(stop)};
  return work(session);
}

// Of the words before the last one, those that say which cluster and namespace.
Options WhereOf(const std::vector<std::string>& words) {
  Options where;
  const auto take = [&](std::size_t i, std::string_view name, std::string& value) {
    if (words[i] == name && i + 2 < words.size()) value = words[i + 1];
    if (words[i].starts_with(std::string(name) + "=")) value = words[i].substr(name.size() + 1);
  };
  for (std::size_t i = 0; i + 1 < words.size(); ++i) {
    take(i, "-n", where.ns);
    take(i, "--namespace", where.ns);
    take(i, "--context", where.context);
    take(i, "--kubeconfig", where.kubeconfig);
  }
  return where;
}

int CompleteWords(const std::vector<std::string>& words, StopOnSignal& signals, Screen& screen) {
  // The cluster is asked for as long as it answers soon; without it commands and options remain.
  std::stop_source late = signals.source();
  std::thread([late]() mutable {
    std::this_thread::sleep_for(kCompletionPatience);
    late.request_stop();
  }).detach();
  const auto answer = [&](const Completer& completer) {
    return screen.Write(CobraAnswer(Complete(words, completer)));
  };
  const auto asked =
      WithSession(WhereOf(words), screen, late.get_token(),
                  [&](const Session& session) { return answer(ClusterCompleter(session)); });
  if (asked) return 0;
  const Completer nothing{
      [](ObjectKind) { return std::vector<std::string>(); },
      [](const std::string&, const std::string&) { return std::vector<std::string>(); }};
  return answer(nothing) ? 0 : 1;
}

int Main(int argc, char** argv) {
  StopOnSignal signals;
  const std::string program = argc > 0 ? argv[0] : "";
  std::vector<std::string> words(argv + std::min(argc, 1), argv + argc);
  if (const auto logs = SetUpLogging(LogFormat::kText, "error"); !logs) return 1;
  Screen screen(
      std::cout, std::cerr, [&] { return ReadLine(signals.wake()); }, ScreenSettings());
  if (program.ends_with(kCompleteName)) return CompleteWords(words, signals, screen);
  if (!words.empty() && words.front() == kCompleteWord) {
    words.erase(words.begin());
    return CompleteWords(words, signals, screen);
  }
  const auto options = ParseOptions(words);
  if (!options) {
    screen.Note("kubectl-holdfast: " + options.error().message);
    return kUsage;
  }
  if (!options->print_only.empty()) return screen.Write(options->print_only) ? 0 : 1;
  const auto done =
      WithSession(*options, screen, signals.source().get_token(), [&](const Session& session) {
        return std::visit([&](const auto& command) { return Run(session, command); },
                          options->command);
      });
  if (done) return 0;
  screen.Note("kubectl-holdfast: " + done.error().message);
  return ExitCode(done.error());
}

}  // namespace
}  // namespace holdfast::plugin

int main(int argc, char** argv) { return holdfast::plugin::Main(argc, argv); }
