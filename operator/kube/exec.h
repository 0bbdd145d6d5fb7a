// Runs a command in a container, as `kubectl exec` does: the pod's exec subresource over a
// WebSocket, protocol v5.channel.k8s.io or, with an older API server, v4. The command has no
// standard input.
//
// What can be lost: when the connection ends early (timeout, stop, a network that breaks), the
// command is not killed. The container runtime leaves it running, and how it ended stays unknown.
#pragma once

#include <chrono>
#include <functional>
#include <memory>
#include <stop_token>
#include <string>
#include <string_view>
#include <vector>

#include "base/error.h"
#include "operator/kube/config.h"
#include "operator/kube/object_key.h"

namespace holdfast::kube {

struct ExecRequest {
  ObjectKey pod;
  std::string container;
  std::vector<std::string> command;
  std::chrono::milliseconds timeout{30'000};  // of the whole, from the connection to the status
};

// Gets the command's output as it comes, on the caller's thread; while it works nothing more is
// read from the connection, so that memory stays bounded. An Error from it ends the execution and
// comes back.
using ExecSink = std::function<Result<void>(std::string_view bytes)>;

// Threads: Run may be called from many threads at once, and blocks.
class Executor {
 public:
  virtual ~Executor() = default;

  // The command's exit code, once it has ended and all its output has been delivered. Errors:
  // Denied, NotFound and Invalid as the API server answers; Internal when it says that the command
  // could not be started, with its words; Timeout and Cancelled; Unavailable when there is no
  // connection or it ended before the status came.
  virtual Result<int> Run(const ExecRequest& request, const ExecSink& on_stdout,
                          const ExecSink& on_stderr, std::stop_token stop) = 0;
};

// `load` is asked anew for each execution: certificates, CA bundles and tokens renew on disk.
// Errors are those of `load`, and Invalid for certificates or keys that cannot be read.
std::unique_ptr<Executor> MakeExecutor(LoadConfig load);

// The path and query of the request.
std::string ExecTarget(const ExecRequest& request);

// The exit code from the Status object that ends an execution (the error channel's message).
Result<int> ExitCodeFrom(std::string_view status);

}  // namespace holdfast::kube
