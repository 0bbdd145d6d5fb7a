#include "operator/manager.h"

#include <algorithm>
#include <chrono>
#include <random>
#include <thread>
#include <utility>

#include <spdlog/fmt/fmt.h>

#include "base/log.h"
#include "operator/kube/wait.h"
#include "operator/kube/work_queue.h"

namespace holdfast::op {
namespace {

using std::chrono::steady_clock;

// What makes the log lines of one reconciliation findable, among those of other processes too.
std::string NextReconcileId() {
  static const auto kProcess = std::random_device()();
  static std::atomic<std::uint64_t> next{1};
  return fmt::format("{:08x}-{}", kProcess, next++);
}

// "pods", or "pods of namespace shop".
std::string NameOf(const kube::InformerBase& informer) {
  const std::string& name = informer.resource().plural;
  return informer.ns().empty() ? name : fmt::format("{} of namespace {}", name, informer.ns());
}

// A bug in one controller must neither end the process nor stop the other objects.
Result<controllers::Requeue> Guarded(controllers::Reconciler& reconciler,
                                     const kube::ObjectKey& key, std::stop_token stop) {
  try {
    return reconciler.Reconcile(key, stop);
  } catch (const std::exception& e) {
    return Fail(Code::kInternal, fmt::format("unexpected exception: {}", e.what()));
  }
}

}  // namespace

struct Manager::Controller {
  Controller(controllers::Reconciler& the_reconciler, int the_workers, Metrics& metrics)
      : reconciler(the_reconciler),
        name(the_reconciler.Name()),
        workers(the_workers),
        queue({}, &metrics.ObserverOf(name)) {}

  controllers::Reconciler& reconciler;
  const std::string name;
  const int workers;
  std::atomic<int> active{0};  // workers that have a key
  kube::WorkQueue queue;
};

Manager::Manager(Metrics& metrics, const Clock& clock, const HealthLimits& limits)
    : metrics_(metrics), clock_(clock), limits_(limits) {
  metrics_.AddGauge("leader_election_master_status", "1 in the process that leads, else 0.",
                    {{"name", "holdfast"}}, [this] { return leads_ ? 1.0 : 0.0; });
}

Manager::~Manager() = default;

void Manager::AddInformer(kube::InformerBase& informer) {
  informers_.push_back(&informer);
  Metrics::Labels labels = {{"resource", informer.resource().plural}};
  if (!informer.ns().empty()) labels["watched_namespace"] = informer.ns();
  metrics_.AddGauge("holdfast_watch_silence_seconds", "Since the watch last heard of the server.",
                    labels,
                    [&informer] { return static_cast<double>(informer.Silence().count()); });
  metrics_.AddGauge("holdfast_watch_synced", "Whether the cache's first list is complete.", labels,
                    [&informer] { return informer.Synced() ? 1.0 : 0.0; });
  metrics_.AddCounter("holdfast_undecodable_objects_total",
                      "Objects that came and could not be read.", labels,
                      [&informer] { return static_cast<double>(informer.Undecodable()); });
}

std::size_t Manager::AddController(controllers::Reconciler& reconciler, int workers) {
  controllers_.push_back(std::make_unique<Controller>(reconciler, workers, metrics_));
  AddMetrics(*controllers_.back());
  return controllers_.size() - 1;
}

void Manager::AddMetrics(const Controller& controller) {
  const auto seconds = [](kube::WorkQueue::Timer::duration time) {
    return std::chrono::duration<double>(time).count();
  };
  const Metrics::Labels queue = {{"name", controller.name}};
  metrics_.AddGauge("workqueue_depth", "Keys waiting for a worker.", queue,
                    [&controller] { return static_cast<double>(controller.queue.Depth()); });
  metrics_.AddGauge("workqueue_unfinished_work_seconds",
                    "Time spent so far on keys in work, summed over them.", queue,
                    [&, seconds] { return seconds(controller.queue.InWork().total); });
  metrics_.AddGauge("workqueue_longest_running_processor_seconds",
                    "Time spent so far on the key that is longest in work.", queue,
                    [&, seconds] { return seconds(controller.queue.InWork().longest); });
  const Metrics::Labels labels = {{"controller", controller.name}};
  metrics_.AddGauge("controller_runtime_active_workers", "Workers that have a key.", labels,
                    [&controller] { return static_cast<double>(controller.active.load()); });
  metrics_.AddGauge("controller_runtime_max_concurrent_reconciles", "Workers.", labels,
                    [&controller] { return static_cast<double>(controller.workers); });
}

void Manager::Watch(kube::InformerBase& informer, std::size_t controller,
                    kube::InformerBase::Concerned concerned) {
  kube::WorkQueue& queue = controllers_.at(controller)->queue;
  informer.AddListener(std::move(concerned),
                       [&queue](const kube::ObjectKey& key) { queue.Add(key); });
}

void Manager::AddCheck(std::function<std::string()> problem) {
  checks_.push_back(std::move(problem));
}

void Manager::Requeue(std::string_view controller, const kube::ObjectKey& key) {
  for (const auto& known : controllers_)
    if (known->name == controller) known->queue.Add(key);
}

bool Manager::MayBegin() const {
  return std::all_of(checks_.begin(), checks_.end(),
                     [](const auto& check) { return check().empty(); }) &&
         std::all_of(informers_.begin(), informers_.end(),
                     [](const kube::InformerBase* informer) { return informer->Synced(); });
}

std::string Manager::NotReady() const {
  std::string lines;
  for (const auto& check : checks_) lines += check();
  for (const kube::InformerBase* informer : informers_) {
    const bool stale = informer->Silence() > limits_.stale_cache;
    if (informer->Synced() && !stale) continue;
    std::string problem = informer->Problem();
    if (problem.empty())
      problem = stale ? fmt::format("nothing heard for {} s", informer->Silence().count())
                      : "the first list is not complete";
    lines += fmt::format("{}: {}\n", NameOf(*informer), problem);
  }
  return lines;
}

std::string Manager::NotHealthy() const {
  std::string lines;
  for (const kube::InformerBase* informer : informers_)
    if (informer->Idle() > limits_.dead_watch)
      lines += fmt::format("the watch of {} is dead: nothing heard or tried for {} s\n",
                           NameOf(*informer), informer->Idle().count());
  for (const auto& controller : controllers_) {
    const kube::WorkQueue::Work work = controller->queue.InWork();
    if (work.longest > limits_.stuck_worker)
      lines += fmt::format("a worker of {} is stuck on {} for {} s\n", controller->name,
                           kube::ToString(work.key),
                           std::chrono::floor<std::chrono::seconds>(work.longest).count());
  }
  return lines;
}

void Manager::RunInformers(std::stop_token stop) {
  std::vector<std::jthread> threads;
  threads.reserve(informers_.size());
  for (kube::InformerBase* informer : informers_)
    threads.emplace_back([informer, stop] { informer->Run(stop); });
}

void Manager::RunControllers(std::stop_token stop) {
  while (!MayBegin())
    if (!kube::WaitFor(std::chrono::milliseconds(50), stop)) return;
  Log(spdlog::level::info, "manager", "caches are synced, reconciling");
  leads_ = true;
  const std::stop_callback shut_down(stop, [this] {
    for (const auto& controller : controllers_) controller->queue.ShutDown();
  });
  std::vector<std::jthread> threads;
  for (const auto& controller : controllers_)
    for (int i = 0; i < controller->workers; ++i)
      threads.emplace_back([this, &controller = *controller, stop] { Work(controller, stop); });
  while (kube::WaitFor(std::chrono::hours(1), stop)) {
  }
  leads_ = false;
}

void Manager::Work(Controller& controller, std::stop_token stop) {
  while (const auto key = controller.queue.Take()) {
    ++controller.active;
    ReconcileOne(controller, *key, stop);
    --controller.active;
    controller.queue.Done(*key);
  }
}

void Manager::ReconcileOne(Controller& controller, const kube::ObjectKey& key,
                           std::stop_token stop) {
  const LogScope scope({{"object", ToString(key)}, {"reconcile", NextReconcileId()}});
  const auto begin = steady_clock::now();
  const Result<controllers::Requeue> result = Guarded(controller.reconciler, key, stop);
  const std::chrono::duration<double> time = steady_clock::now() - begin;
  if (result) {
    Log(spdlog::level::debug, controller.name, "reconciled",
        {{"seconds", fmt::format("{:.3f}", time.count())}});
    Settle(controller, key, *result);
    metrics_.Reconciled(controller.name,
                        result->at ? ReconcileOutcome::kRequeueAfter : ReconcileOutcome::kSuccess,
                        time);
    return;
  }
  if (stop.stop_requested()) return;  // the next leader carries on
  // Both are in the nature of things, and the next look sees how they ended.
  const bool conflict =
      result.error().code == Code::kConflict || result.error().code == Code::kGone;
  controller.queue.AddFailed(key);
  metrics_.Reconciled(controller.name,
                      conflict ? ReconcileOutcome::kRequeue : ReconcileOutcome::kError, time);
  Log(conflict ? spdlog::level::debug : spdlog::level::err, controller.name, result.error().message,
      {{"code", std::string(CodeName(result.error().code))}});
}

void Manager::Settle(Controller& controller, const kube::ObjectKey& key,
                     const controllers::Requeue& requeue) {
  controller.queue.Forget(key);
  if (!requeue.at) return;
  const auto delay = *requeue.at - clock_.Now();
  controller.queue.AddAfter(key,
                            std::chrono::duration_cast<kube::WorkQueue::Timer::duration>(delay));
}

}  // namespace holdfast::op
