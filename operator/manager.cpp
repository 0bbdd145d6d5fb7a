#include "operator/manager.h"

#include <atomic>
#include <chrono>
#include <thread>
#include <utility>

#include <spdlog/fmt/fmt.h>

#include "base/log.h"
#include "operator/kube/wait.h"
#include "operator/kube/work_queue.h"

namespace holdfast::op {
namespace {

using std::chrono::steady_clock;

// What makes the log lines of one reconciliation findable.
std::string NextReconcileId() {
  static std::atomic<std::uint64_t> next{1};
  return std::to_string(next++);
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
  Controller(controllers::Reconciler& the_reconciler, int the_workers)
      : reconciler(the_reconciler), name(the_reconciler.Name()), workers(the_workers) {}

  controllers::Reconciler& reconciler;
  const std::string name;
  const int workers;
  kube::WorkQueue queue{{}};
};

Manager::Manager(Metrics& metrics, const Clock& clock) : metrics_(metrics), clock_(clock) {}

Manager::~Manager() = default;

void Manager::AddInformer(kube::InformerBase& informer) {
  informers_.push_back(&informer);
  const Metrics::Labels labels = {{"resource", informer.resource().plural}};
  metrics_.AddGauge("holdfast_watch_silence_seconds", "Since the watch last heard of the server.",
                    labels,
                    [&informer] { return static_cast<double>(informer.Silence().count()); });
  metrics_.AddGauge("holdfast_undecodable_objects", "Objects that came and could not be read.",
                    labels, [&informer] { return static_cast<double>(informer.Undecodable()); });
}

std::size_t Manager::AddController(controllers::Reconciler& reconciler, int workers) {
  controllers_.push_back(std::make_unique<Controller>(reconciler, workers));
  const Controller& added = *controllers_.back();
  metrics_.AddGauge("workqueue_depth", "Keys waiting for a worker.", {{"name", added.name}},
                    [&added] { return static_cast<double>(added.queue.Depth()); });
  return controllers_.size() - 1;
}

void Manager::Watch(kube::InformerBase& informer, std::size_t controller, Concerned concerned) {
  kube::WorkQueue& queue = controllers_.at(controller)->queue;
  informer.AddListener([&queue, concerned = std::move(concerned)](const kube::ObjectKey& changed) {
    for (const kube::ObjectKey& key : concerned(changed)) queue.Add(key);
  });
}

std::string Manager::NotReady() const {
  std::string lines;
  for (const kube::InformerBase* informer : informers_) {
    if (informer->Synced()) continue;
    const std::string problem = informer->Problem();
    lines += fmt::format("{}: {}\n", informer->resource().plural,
                         problem.empty() ? "the first list is not complete" : problem);
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
  while (!NotReady().empty())
    if (!kube::WaitFor(std::chrono::milliseconds(50), stop)) return;
  Log(spdlog::level::info, "manager", "caches are synced, reconciling");
  const std::stop_callback shut_down(stop, [this] {
    for (const auto& controller : controllers_) controller->queue.ShutDown();
  });
  std::vector<std::jthread> threads;
  for (const auto& controller : controllers_)
    for (int i = 0; i < controller->workers; ++i)
      threads.emplace_back([this, &controller = *controller, stop] { Work(controller, stop); });
  while (kube::WaitFor(std::chrono::hours(1), stop)) {
  }
}

void Manager::Work(Controller& controller, std::stop_token stop) {
  while (const auto key = controller.queue.Take()) {
    ReconcileOne(controller, *key, stop);
    controller.queue.Done(*key);
  }
}

void Manager::ReconcileOne(Controller& controller, const kube::ObjectKey& key,
                           std::stop_token stop) {
  const std::string id = NextReconcileId();
  const auto begin = steady_clock::now();
  const Result<controllers::Requeue> result = Guarded(controller.reconciler, key, stop);
  const std::chrono::duration<double> time = steady_clock::now() - begin;
  if (result) {
    Log(spdlog::level::debug, controller.name, "reconciled",
        {{"object", ToString(key)},
         {"reconcile", id},
         {"seconds", fmt::format("{:.3f}", time.count())}});
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
      {{"object", ToString(key)},
       {"reconcile", id},
       {"code", std::string(CodeName(result.error().code))}});
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
