#include "operator/metrics.h"

#include <ctime>
#include <fstream>
#include <mutex>
#include <utility>
#include <vector>

#include <prometheus/counter.h>
#include <prometheus/gauge.h>
#include <prometheus/histogram.h>
#include <prometheus/registry.h>
#include <prometheus/text_serializer.h>
#include <unistd.h>

#include "operator/kube/request.h"

namespace holdfast::op {
namespace {

std::string OutcomeName(ReconcileOutcome outcome) {
  switch (outcome) {
    case ReconcileOutcome::kSuccess:
      return "success";
    case ReconcileOutcome::kRequeueAfter:
      return "requeue_after";
    case ReconcileOutcome::kRequeue:
      return "requeue";
    case ReconcileOutcome::kError:
      return "error";
  }
  return "error";
}

// Seconds. Most reconciles are a few API calls; a minute means that something hangs.
const prometheus::Histogram::BucketBoundaries kTimeBuckets = {0.005, 0.02, 0.1, 0.5, 2, 10, 60};

double ResidentBytes() {
  std::ifstream statm("/proc/self/statm");
  double size = 0;
  double resident = 0;
  statm >> size >> resident;
  return resident * static_cast<double>(::sysconf(_SC_PAGESIZE));
}

double CpuSeconds() { return static_cast<double>(std::clock()) / CLOCKS_PER_SEC; }

}  // namespace

struct Metrics::State {
  struct ReadGauge {
    prometheus::Gauge* gauge;
    std::function<double()> read;
  };

  prometheus::Registry registry;
  prometheus::Family<prometheus::Counter>& reconciles =
      prometheus::BuildCounter()
          .Name("controller_runtime_reconcile_total")
          .Help("Reconciliations by controller and result.")
          .Register(registry);
  prometheus::Family<prometheus::Histogram>& times =
      prometheus::BuildHistogram()
          .Name("controller_runtime_reconcile_time_seconds")
          .Help("How long a reconciliation took.")
          .Register(registry);
  prometheus::Family<prometheus::Counter>& requests =
      prometheus::BuildCounter()
          .Name("rest_client_requests_total")
          .Help("Requests to the API server by method and status code.")
          .Register(registry);
  std::mutex mutex;
  std::vector<ReadGauge> gauges;  // guarded by mutex
};

Metrics::Metrics() : state_(std::make_unique<State>()) {
  AddGauge("process_resident_memory_bytes", "Resident memory.", {}, ResidentBytes);
  AddGauge("process_cpu_seconds_total", "CPU time used.", {}, CpuSeconds);
}

Metrics::~Metrics() = default;

void Metrics::AddGauge(const std::string& name, const std::string& help, const Labels& labels,
                       std::function<double()> read) {
  auto& family = prometheus::BuildGauge().Name(name).Help(help).Register(state_->registry);
  const std::lock_guard lock(state_->mutex);
  state_->gauges.push_back({&family.Add(labels), std::move(read)});
}

void Metrics::Reconciled(const std::string& controller, ReconcileOutcome outcome,
                         std::chrono::duration<double> time) {
  state_->reconciles.Add({{"controller", controller}, {"result", OutcomeName(outcome)}})
      .Increment();
  state_->times.Add({{"controller", controller}}, kTimeBuckets).Observe(time.count());
}

void Metrics::Requested(kube::Method method, int status) {
  const std::string code = status == 0 ? "<error>" : std::to_string(status);
  state_->requests.Add({{"method", std::string(kube::MethodName(method))}, {"code", code}})
      .Increment();
}

std::string Metrics::Text() {
  {
    const std::lock_guard lock(state_->mutex);
    for (const State::ReadGauge& gauge : state_->gauges) gauge.gauge->Set(gauge.read());
  }
  return prometheus::TextSerializer().Serialize(state_->registry.Collect());
}

Result<kube::Response> CountingTransport::Send(const kube::Request& request, std::stop_token stop) {
  Result<kube::Response> response = next_.Send(request, stop);
  metrics_.Requested(request.method, response ? response->status : 0);
  return response;
}

Result<kube::Response> CountingTransport::Stream(
    const kube::Request& request, const std::function<Result<void>(std::string_view)>& on_line,
    std::stop_token stop) {
  Result<kube::Response> response = next_.Stream(request, on_line, stop);
  metrics_.Requested(request.method, response ? response->status : 0);
  return response;
}

}  // namespace holdfast::op
