#include "operator/metrics.h"

#include <ctime>
#include <filesystem>
#include <fstream>
#include <mutex>
#include <utility>
#include <vector>

#include <prometheus/counter.h>
#include <prometheus/histogram.h>
#include <prometheus/registry.h>
#include <prometheus/text_serializer.h>
#include <unistd.h>

#include "operator/kube/request.h"

namespace holdfast::op {
namespace {

using prometheus::MetricType;

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
const prometheus::Histogram::BucketBoundaries kReconcileBuckets = {0.005, 0.02, 0.1, 0.5,
                                                                   2,     10,   60};
// Every second one of client-go's.
const prometheus::Histogram::BucketBoundaries kQueueBuckets = {0.0001, 0.001, 0.01, 0.1,
                                                               1,      10,    100,  1000};
const prometheus::Histogram::BucketBoundaries kRequestBuckets = {0.005, 0.025, 0.1, 0.25, 0.5,
                                                                 1,     4,     15,  60};

double ResidentBytes() {
  std::ifstream statm("/proc/self/statm");
  double size = 0;
  double resident = 0;
  statm >> size >> resident;
  return resident * static_cast<double>(::sysconf(_SC_PAGESIZE));
}

double CpuSeconds() { return static_cast<double>(std::clock()) / CLOCKS_PER_SEC; }

double EntriesOf(const char* folder) {
  double count = 0;
  std::error_code error;
  for (std::filesystem::directory_iterator it(folder, error), end; !error && it != end;
       it.increment(error))
    ++count;
  return count;
}

double SecondsSinceEpoch() {
  return std::chrono::duration<double>(std::chrono::system_clock::now().time_since_epoch()).count();
}

// Values that are read when they are collected, and nowhere kept.
class Readings final : public prometheus::Collectable {
 public:
  void Add(MetricType type, const std::string& name, const std::string& help,
           const Metrics::Labels& labels, std::function<double()> read) {
    const std::lock_guard lock(mutex_);
    Family& family = families_[name];
    family.type = type;
    family.help = help;
    family.readings.emplace_back(labels, std::move(read));
  }

  std::vector<prometheus::MetricFamily> Collect() const override {
    const std::lock_guard lock(mutex_);
    std::vector<prometheus::MetricFamily> collected;
    for (const auto& [name, family] : families_) {
      prometheus::MetricFamily& into = collected.emplace_back();
      into.name = name;
      into.help = family.help;
      into.type = family.type;
      for (const auto& [labels, read] : family.readings)
        into.metric.push_back(Read(family.type, labels, read()));
    }
    return collected;
  }

 private:
  struct Family {
    MetricType type = MetricType::Gauge;
    std::string help;
    std::vector<std::pair<Metrics::Labels, std::function<double()>>> readings;
  };

  static prometheus::ClientMetric Read(MetricType type, const Metrics::Labels& labels,
                                       double value) {
    prometheus::ClientMetric metric;
    for (const auto& [label, text] : labels) metric.label.push_back({label, text});
    (type == MetricType::Counter ? metric.counter.value : metric.gauge.value) = value;
    return metric;
  }

  mutable std::mutex mutex_;
  std::map<std::string, Family> families_;
};

class ObservedQueue final : public kube::QueueObserver {
 public:
  ObservedQueue(prometheus::Registry& registry, const std::string& name)
      : added_(prometheus::BuildCounter()
                   .Name("workqueue_adds_total")
                   .Help("Keys added to the queue.")
                   .Register(registry)
                   .Add({{"name", name}})),
        retried_(prometheus::BuildCounter()
                     .Name("workqueue_retries_total")
                     .Help("Keys that came back after a failure.")
                     .Register(registry)
                     .Add({{"name", name}})),
        waited_(prometheus::BuildHistogram()
                    .Name("workqueue_queue_duration_seconds")
                    .Help("How long a key waited for a worker.")
                    .Register(registry)
                    .Add({{"name", name}}, kQueueBuckets)),
        worked_(prometheus::BuildHistogram()
                    .Name("workqueue_work_duration_seconds")
                    .Help("How long a worker took for a key.")
                    .Register(registry)
                    .Add({{"name", name}}, kQueueBuckets)) {}

  void Added() override { added_.Increment(); }
  void Retried() override { retried_.Increment(); }
  void Waited(Seconds time) override { waited_.Observe(time.count()); }
  void Worked(Seconds time) override { worked_.Observe(time.count()); }

 private:
  prometheus::Counter& added_;
  prometheus::Counter& retried_;
  prometheus::Histogram& waited_;
  prometheus::Histogram& worked_;
};

}  // namespace

struct Metrics::State {
  prometheus::Registry registry;
  Readings readings;
  prometheus::Family<prometheus::Counter>& reconciles =
      prometheus::BuildCounter()
          .Name("controller_runtime_reconcile_total")
          .Help("Reconciliations by controller and result.")
          .Register(registry);
  prometheus::Family<prometheus::Counter>& errors =
      prometheus::BuildCounter()
          .Name("controller_runtime_reconcile_errors_total")
          .Help("Reconciliations that ended in an error.")
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
  prometheus::Family<prometheus::Histogram>& request_times =
      prometheus::BuildHistogram()
          .Name("rest_client_request_duration_seconds")
          .Help("How long the API server took to answer, watches aside.")
          .Register(registry);

  std::mutex mutex;
  std::vector<std::unique_ptr<ObservedQueue>> queues;  // guarded by mutex
};

Metrics::Metrics() : state_(std::make_unique<State>()) {
  AddGauge("holdfast_build_info", "Always 1; the label has the version.",
           {{"version", HOLDFAST_VERSION}}, [] { return 1.0; });
  AddGauge("process_resident_memory_bytes", "Resident memory.", {}, ResidentBytes);
  AddGauge("process_start_time_seconds", "When the process started, in Unix time.", {},
           [started = SecondsSinceEpoch()] { return started; });
  AddGauge("process_open_fds", "Open file descriptors.", {},
           [] { return EntriesOf("/proc/self/fd"); });
  AddGauge("process_threads", "Threads.", {}, [] { return EntriesOf("/proc/self/task"); });
  AddCounter("process_cpu_seconds_total", "CPU time used.", {}, CpuSeconds);
}

Metrics::~Metrics() = default;

void Metrics::AddGauge(const std::string& name, const std::string& help, const Labels& labels,
                       std::function<double()> read) {
  state_->readings.Add(MetricType::Gauge, name, help, labels, std::move(read));
}

void Metrics::AddCounter(const std::string& name, const std::string& help, const Labels& labels,
                         std::function<double()> read) {
  state_->readings.Add(MetricType::Counter, name, help, labels, std::move(read));
}

kube::QueueObserver& Metrics::ObserverOf(const std::string& queue) {
  const std::lock_guard lock(state_->mutex);
  state_->queues.push_back(std::make_unique<ObservedQueue>(state_->registry, queue));
  return *state_->queues.back();
}

void Metrics::Reconciled(const std::string& controller, ReconcileOutcome outcome, Seconds time) {
  state_->reconciles.Add({{"controller", controller}, {"result", OutcomeName(outcome)}})
      .Increment();
  auto& errors = state_->errors.Add({{"controller", controller}});
  if (outcome == ReconcileOutcome::kError) errors.Increment();
  state_->times.Add({{"controller", controller}}, kReconcileBuckets).Observe(time.count());
}

void Metrics::Requested(kube::Method method, int status) {
  const std::string code = status == 0 ? "<error>" : std::to_string(status);
  state_->requests.Add({{"method", std::string(kube::MethodName(method))}, {"code", code}})
      .Increment();
}

void Metrics::Answered(kube::Method method, Seconds time) {
  state_->request_times.Add({{"verb", std::string(kube::MethodName(method))}}, kRequestBuckets)
      .Observe(time.count());
}

std::string Metrics::Text() {
  std::vector<prometheus::MetricFamily> families = state_->registry.Collect();
  for (prometheus::MetricFamily& family : state_->readings.Collect())
    families.push_back(std::move(family));
  return prometheus::TextSerializer().Serialize(families);
}

Result<kube::Response> CountingTransport::Send(const kube::Request& request, std::stop_token stop) {
  const auto begin = std::chrono::steady_clock::now();
  Result<kube::Response> response = next_.Send(request, stop);
  metrics_.Requested(request.method, response ? response->status : 0);
  metrics_.Answered(request.method, std::chrono::steady_clock::now() - begin);
  return response;
}

Result<kube::Response> CountingTransport::Stream(
    const kube::Request& request, const std::function<Result<void>(std::string_view)>& on_bytes,
    std::stop_token stop) {
  Result<kube::Response> response = next_.Stream(request, on_bytes, stop);
  metrics_.Requested(request.method, response ? response->status : 0);
  return response;
}

}  // namespace holdfast::op
