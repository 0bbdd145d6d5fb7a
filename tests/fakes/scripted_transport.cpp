#include "tests/fakes/scripted_transport.h"

#include <chrono>
#include <utility>

#include "operator/kube/wait.h"

namespace holdfast::fakes {

using kube::Request;
using kube::Response;

ScriptedTransport& ScriptedTransport::Add(Step step) {
  const std::lock_guard lock(mutex_);
  steps_.push_back(std::move(step));
  return *this;
}

ScriptedTransport& ScriptedTransport::Answer(int status, const Json& body) {
  return Add(Response{status, DumpJson(body), std::nullopt});
}

ScriptedTransport& ScriptedTransport::Answer(Response response) { return Add(std::move(response)); }

ScriptedTransport& ScriptedTransport::Fail(Error error) { return Add(std::move(error)); }

ScriptedTransport& ScriptedTransport::Refuse(int status, const std::string& reason,
                                             const std::string& message) {
  return Answer(status, {{"kind", "Status"},
                         {"status", "Failure"},
                         {"code", status},
                         {"reason", reason},
                         {"message", message}});
}

ScriptedTransport& ScriptedTransport::Lines(std::vector<Json> lines) {
  Streamed stream;
  for (const Json& line : lines) stream.lines.push_back(DumpJson(line));
  return Add(std::move(stream));
}

ScriptedTransport& ScriptedTransport::LinesThenError(std::vector<Json> lines, Error error) {
  Streamed stream;
  for (const Json& line : lines) stream.lines.push_back(DumpJson(line));
  stream.end = tl::unexpected(std::move(error));
  return Add(std::move(stream));
}

ScriptedTransport& ScriptedTransport::Silence() { return Add(Silent{}); }

void ScriptedTransport::AnswerAll(Handler handler) {
  const std::lock_guard lock(mutex_);
  handler_ = std::move(handler);
}

namespace {

bool IsWatch(const Request& request) { return request.query.find("watch=1") != std::string::npos; }

}  // namespace

ScriptedTransport::Step ScriptedTransport::Next(const Request& request) {
  const std::lock_guard lock(mutex_);
  requests_.push_back(request);
  changed_.notify_all();
  if (!steps_.empty()) {
    Step step = std::move(steps_.front());
    steps_.pop_front();
    return step;
  }
  if (IsWatch(request)) return Silent{};
  return Error{Code::kUnavailable, "the script is at its end"};
}

Result<Response> ScriptedTransport::StaySilent(std::stop_token stop) {
  while (kube::WaitFor(std::chrono::hours(1), stop)) {
  }
  return holdfast::Fail(Code::kCancelled, "stopped");
}

Result<Response> ScriptedTransport::Send(const Request& request, std::stop_token stop) {
  Handler handler;
  {
    const std::lock_guard lock(mutex_);
    handler = handler_;
    if (handler) {
      requests_.push_back(request);
      changed_.notify_all();
    }
  }
  if (handler) return handler(request);
  Step step = Next(request);
  if (auto* response = std::get_if<Response>(&step)) return std::move(*response);
  if (auto* error = std::get_if<Error>(&step)) return tl::unexpected(std::move(*error));
  return StaySilent(stop);
}

Result<Response> ScriptedTransport::Stream(
    const Request& request, const std::function<Result<void>(std::string_view)>& on_bytes,
    std::stop_token stop) {
  if (!IsWatch(request)) {
    TRY(Response response, Send(request, stop));
    if (response.status < 200 || response.status > 299) return response;
    // In two pieces, as a network would cut it.
    const std::string_view body = response.body;
    TRY_VOID(on_bytes(body.substr(0, body.size() / 2)));
    TRY_VOID(on_bytes(body.substr(body.size() / 2)));
    return Response{response.status, "", std::nullopt};
  }
  Step step = Next(request);
  if (auto* response = std::get_if<Response>(&step)) return std::move(*response);
  if (auto* error = std::get_if<Error>(&step)) return tl::unexpected(std::move(*error));
  auto* stream = std::get_if<Streamed>(&step);
  if (stream == nullptr) return StaySilent(stop);
  for (const std::string& line : stream->lines) TRY_VOID(on_bytes(line + "\n"));
  TRY_VOID(stream->end);
  return Response{200, "", std::nullopt};
}

std::vector<Request> ScriptedTransport::requests() const {
  const std::lock_guard lock(mutex_);
  return requests_;
}

bool ScriptedTransport::AwaitRequests(std::size_t count) {
  std::unique_lock lock(mutex_);
  return changed_.wait_for(lock, std::chrono::seconds(10),
                           [&] { return requests_.size() >= count; });
}

}  // namespace holdfast::fakes
