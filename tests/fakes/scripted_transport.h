// A Transport that answers from a script, for tests of everything above the network.
#pragma once

#include <condition_variable>
#include <deque>
#include <functional>
#include <mutex>
#include <string>
#include <variant>
#include <vector>

#include "base/json.h"
#include "operator/kube/transport.h"

namespace holdfast::fakes {

// Send and Stream take the next answer of the script, in order. When none is left, Send and lists
// fail with Unavailable and a watch stays silent until stopped.
//
// Threads: safe from many threads, as every Transport.
class ScriptedTransport final : public kube::Transport {
 public:
  using Handler = std::function<Result<kube::Response>(const kube::Request&)>;

  ScriptedTransport& Answer(int status, const Json& body);
  ScriptedTransport& Answer(kube::Response response);
  ScriptedTransport& Fail(Error error);
  // The refusal that the API server would send.
  ScriptedTransport& Refuse(int status, const std::string& reason, const std::string& message);
  // A stream of these lines, which then ends; or, when `error` is given, breaks.
  ScriptedTransport& Lines(std::vector<Json> lines);
  ScriptedTransport& LinesThenError(std::vector<Json> lines, Error error);
  // Says nothing until the caller stops.
  ScriptedTransport& Silence();
  // Answers all but watches instead of the script: a server with a state of its own.
  void AnswerAll(Handler handler);

  Result<kube::Response> Send(const kube::Request& request, std::stop_token stop) override;
  Result<kube::Response> Stream(const kube::Request& request,
                                const std::function<Result<void>(std::string_view)>& on_bytes,
                                std::stop_token stop) override;

  std::vector<kube::Request> requests() const;
  // Blocks until `count` requests have come; false after ten seconds.
  bool AwaitRequests(std::size_t count);

 private:
  struct Streamed {
    std::vector<std::string> lines;
    Result<void> end;
  };
  struct Silent {};
  using Step = std::variant<kube::Response, Error, Streamed, Silent>;

  ScriptedTransport& Add(Step step);
  Step Next(const kube::Request& request);
  static Result<kube::Response> StaySilent(std::stop_token stop);

  mutable std::mutex mutex_;
  std::condition_variable changed_;
  std::deque<Step> steps_;
  Handler handler_;
  std::vector<kube::Request> requests_;
};

}  // namespace holdfast::fakes
