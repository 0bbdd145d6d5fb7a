// Runs informers and controllers: a change seen by an informer becomes keys in the queues of the
// controllers that it concerns, and worker threads take them from there.
#pragma once

#include <functional>
#include <memory>
#include <stop_token>
#include <string>
#include <vector>

#include "base/clock.h"
#include "controllers/reconciler.h"
#include "operator/kube/informer.h"
#include "operator/metrics.h"

namespace holdfast::op {

// Everything is added before it runs, from one thread. What is added must outlive the manager.
class Manager {
 public:
  using Concerned = std::function<std::vector<kube::ObjectKey>(const kube::ObjectKey&)>;

  Manager(Metrics& metrics, const Clock& clock);
  ~Manager();

  void AddInformer(kube::InformerBase& informer);
  // Returns the controller's number, for Watch.
  std::size_t AddController(controllers::Reconciler& reconciler, int workers);
  // The keys that `concerned` names for a changed object are reconciled. Called on the informer's
  // thread.
  void Watch(kube::InformerBase& informer, std::size_t controller, Concerned concerned);

  // Runs the informers, one thread each, until stopped. Blocks. A process that does not lead runs
  // them too: it can be ready, and take over at once.
  void RunInformers(std::stop_token stop);

  // Waits for the caches, then reconciles until stopped. Blocks. At most once.
  void RunControllers(std::stop_token stop);

  // Empty when all caches are synced; otherwise a line for each that is not, and why.
  std::string NotReady() const;

 private:
  struct Controller;

  void Work(Controller& controller, std::stop_token stop);
  void ReconcileOne(Controller& controller, const kube::ObjectKey& key, std::stop_token stop);
  void Settle(Controller& controller, const kube::ObjectKey& key,
              const controllers::Requeue& requeue);

  Metrics& metrics_;
  const Clock& clock_;
  std::vector<kube::InformerBase*> informers_;
  std::vector<std::unique_ptr<Controller>> controllers_;
};

}  // namespace holdfast::op
