// What a reconciler is given, for tests: a scripted API server, caches that the test fills, a clock
// that stands still at noon.
#pragma once

#include <gtest/gtest.h>

#include "controllers/context.h"
#include "tests/builders/caches.h"
#include "tests/builders/kinds.h"
#include "tests/fakes/scripted_transport.h"

namespace holdfast::builders {

class Noon final : public Clock {
 public:
  TimePoint Now() const override { return At("2026-06-01T12:00:00Z"); }
};

class NoEvents final : public kube::EventRecorder {
 public:
  void Record(const kube::ObjectReference&, kube::EventType, const std::string&,
              const std::string&) override {}
};

class ContextTest : public ::testing::Test {
 protected:
  // "GET /api/v1/...", with the query of lists.
  std::vector<std::string> Asked() const {
    std::vector<std::string> lines;
    for (const kube::Request& request : server_.requests())
      lines.push_back(std::string(kube::MethodName(request.method)) + " " + request.path +
                      (request.method == kube::Method::kGet && !request.query.empty()
                           ? "?" + request.query
                           : ""));
    return lines;
  }

  fakes::ScriptedTransport server_;
  kube::Api api_{server_};
  Noon clock_;
  controllers::Settings settings_;
  NoEvents events_;
  FilledCaches caches_;
  const std::unique_ptr<kube::Executor> executor_ = kube::MakeExecutor(
      [] { return Result<kube::ClientConfig>(Fail(Code::kInternal, "no command is to be run")); });
  controllers::hooks::Runner hooks_{api_, *executor_, clock_};
  controllers::Context context_{api_, clock_, settings_, events_, caches_.caches(), hooks_};
};

}  // namespace holdfast::builders
