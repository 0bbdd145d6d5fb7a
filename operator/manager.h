// Runs informers and controllers: a change seen by an informer becomes keys in the queues of the
// controllers that it concerns, and worker threads take them from there.
#pragma once

#include <atomic>
#include <chrono>
#include <functional>
#include <memory>
#include <stop_token>
#include <string>
#include <string_view>
#include <vector>

#include "base/clock.h"
#include "controllers/reconciler.h"
#include "operator/kube/informer.h"
#include "operator/metrics.h"

namespace holdfast::op {

// After how long something is not slow but broken.
struct HealthLimits {
  // A reconcile is a few requests, each answered or given up within a minute.
  std::chrono::seconds stuck_worker{900};
  // A watch ends after 100 seconds of silence, and waits at most half a minute before the next try.
  std::chrono::seconds dead_watch{300};
  // The API server sends a bookmark every minute.
  std::chrono::seconds stale_cache{300};
};

// Everything is added before it runs, from one thread. What is added must outlive the manager.
class Manager {
 public:
  Manager(Metrics& metrics, const Clock& clock, const HealthLimits& limits = {});
  ~Manager();

  void AddInformer(kube::InformerBase& informer);
  // Returns the controller's number, for Watch.
  std::size_t AddController(controllers::Reconciler& reconciler, int workers);
  // The keys that `concerned` names for a changed object are reconciled: see AddListener.
  void Watch(kube::InformerBase& informer, std::size_t controller,
             kube::InformerBase::Concerned concerned);

  // Whatever else must be in order before controllers run: empty, or a line that says what is not.
  void AddCheck(std::function<std::string()> problem);

  // `key` is reconciled by the controller of that name: for news that no informer brings.
  void Requeue(std::string_view controller, const kube::ObjectKey& key);

  // Runs the informers, one thread each, until stopped. Blocks. A process that does not lead runs
  // them too: it can be ready, and take over at once.
  void RunInformers(std::stop_token stop);

  // Waits for the caches and the checks, then reconciles until stopped. Blocks. At most once.
  void RunControllers(std::stop_token stop);

  // Empty when all caches are in sync and all checks pass; otherwise a line for each that is not,
  // and why: its first list is not complete, or its watch has been silent for too long.
  std::string NotReady() const;

  // Empty when all threads do their work; otherwise a line for each that hangs: a worker on one
  // key, or a watch that does not even try. An API server that is away is no reason to be
  // restarted, so it does not count.
  std::string NotHealthy() const;

  // Whether RunControllers is running: in a process that stands by it is not.
  bool Leads() const { return leads_; }

 private:
  struct Controller;

  void AddMetrics(const Controller& controller);
  bool MayBegin() const;
  void Work(Controller& controller, std::stop_token stop);
  void ReconcileOne(Controller& controller, const kube::ObjectKey& key, std::stop_token stop);
  void Settle(Controller& controller, const kube::ObjectKey& key,
              const controllers::Requeue& requeue);

  Metrics& metrics_;
  const Clock& clock_;
  const HealthLimits limits_;
  std::atomic<bool> leads_{false};
  std::vector<kube::InformerBase*> informers_;
  std::vector<std::function<std::string()>> checks_;
  std::vector<std::unique_ptr<Controller>> controllers_;
};

}  // namespace holdfast::op
