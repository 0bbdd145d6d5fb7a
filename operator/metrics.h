// What Prometheus sees of the process. Names are those of controller-runtime and client-go, so that
// existing dashboards and alerts fit. What it sees of the objects is controllers/metrics.h.
#pragma once

#include <chrono>
#include <functional>
#include <map>
#include <memory>
#include <string>

#include "operator/kube/transport.h"
#include "operator/kube/work_queue.h"

namespace holdfast::op {

enum class ReconcileOutcome { kSuccess, kRequeueAfter, kRequeue, kError };

// Threads: safe from many threads.
class Metrics {
 public:
  Metrics();
  ~Metrics();

  using Labels = std::map<std::string, std::string>;
  using Seconds = std::chrono::duration<double>;

  // Read when somebody asks for the text; `read` must outlive the Metrics' last use.
  void AddGauge(const std::string& name, const std::string& help, const Labels& labels,
                std::function<double()> read);
  void AddCounter(const std::string& name, const std::string& help, const Labels& labels,
                  std::function<double()> read);

  // For the queue of that name, as client-go has it (workqueue_*). Valid as long as the Metrics.
  kube::QueueObserver& ObserverOf(const std::string& queue);

  void Reconciled(const std::string& controller, ReconcileOutcome outcome, Seconds time);
  // `status` 0 stands for no answer.
  void Requested(kube::Method method, int status);
  void Answered(kube::Method method, Seconds time);

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
                                const std::function<Result<void>(std::string_view)>& on_bytes,
                                std::stop_token stop) override;

 private:
  kube::Transport& next_;
  Metrics& metrics_;
};

}  // namespace holdfast::op
