// What Prometheus sees of the operator. Names are those of controller-runtime and client-go, so
// that existing dashboards and alerts fit.
#pragma once

#include <chrono>
#include <functional>
#include <map>
#include <memory>
#include <string>

#include "operator/kube/transport.h"

namespace holdfast::op {

enum class ReconcileOutcome { kSuccess, kRequeueAfter, kRequeue, kError };

// Threads: safe from many threads.
class Metrics {
 public:
  Metrics();
  ~Metrics();

  using Labels = std::map<std::string, std::string>;
  // A gauge that is read when somebody asks for the text; `read` must outlive the Metrics' last
  // use.
  void AddGauge(const std::string& name, const std::string& help, const Labels& labels,
                std::function<double()> read);

  void Reconciled(const std::string& controller, ReconcileOutcome outcome,
                  std::chrono::duration<double> time);
  // `status` 0 stands for no answer.
  void Requested(kube::Method method, int status);

  // The exposition format, with the process's own memory and time.
  std::string Text();

 private:
  struct State;
  std::unique_ptr<State> state_;
};

// Counts what passes through to `next`. Both arguments must outlive it.
class CountingTransport final : public kube::Transport {
 public:
  CountingTransport(kube::Transport& next, Metrics& metrics) : next_(next), metrics_(metrics) {}

  Result<kube::Response> Send(const kube::Request& request, std::stop_token stop) override;
  Result<kube::Response> Stream(const kube::Request& request,
                                const std::function<Result<void>(std::string_view)>& on_line,
                                std::stop_token stop) override;

 private:
  kube::Transport& next_;
  Metrics& metrics_;
};

}  // namespace holdfast::op
