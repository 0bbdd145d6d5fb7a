// The controllers put together: what to watch, what to reconcile, and which change concerns whom.
// Makes no thread; whoever runs it does. A reconciler is named <Kind>Controller in
// controllers/<kind>/controller.h and takes a `const Context&` that it keeps.
#pragma once

#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "controllers/context.h"
#include "controllers/reconciler.h"
#include "operator/kube/informer.h"

namespace holdfast::controllers {

// When `informer` reports a key, the keys that `concerned` names are to be reconciled by
// `reconcilers[reconciler]`.
struct Trigger {
  kube::InformerBase* informer;
  std::size_t reconciler;
  kube::InformerBase::Concerned concerned;
};

// To run: for each trigger add a listener that puts the keys into the queue of its reconciler; run
// every informer on a thread of its own; once all are Synced, let workers call Reconcile. Pinned to
// its place, since reconcilers refer to it.
class Setup {
 public:
  // All arguments must outlive it. Without `namespaces` every one is watched; with them only those,
  // each by watches of its own, so that rights in each of them are enough.
  Setup(const kube::Api& api, const Clock& clock, kube::EventRecorder& events,
        const Settings& settings, hooks::Runner& hooks, const std::vector<std::string>& namespaces,
        kube::Transport* gateway = nullptr);
  ~Setup();
  Setup(const Setup&) = delete;
  Setup& operator=(const Setup&) = delete;

  const Context& context() const { return context_; }
  const std::vector<kube::InformerBase*>& informers() const { return informers_; }
  const std::vector<std::unique_ptr<Reconciler>>& reconcilers() const { return reconcilers_; }
  const std::vector<Trigger>& triggers() const { return triggers_; }

 private:
  struct Stores;
  struct Informers;  // of one namespace, or of all

  void AddInformers(Informers& informers);
  void AddReconcilers();
  void AddTriggers(Informers& informers);
  void AddMoverTriggers(Informers& informers);
  void AddClaimTriggers(Informers& informers);
  // The Backups whose turn is next at these repositories, and the unfinished ones of these
  // policies.
  std::vector<kube::ObjectKey> HeadsOfQueues(
      const std::vector<kube::ObjectKey>& repositories) const;
  std::vector<kube::ObjectKey> Unfinished(const std::vector<kube::ObjectKey>& policies) const;
  // The unfinished Restores of the same namespace.
  std::vector<kube::ObjectKey> RivalsOf(const kube::ObjectKey& restore) const;

  const std::unique_ptr<Stores> stores_;
  std::vector<std::unique_ptr<Informers>> by_namespace_;
  Context context_;
  std::vector<kube::InformerBase*> informers_;
  std::vector<std::unique_ptr<Reconciler>> reconcilers_;
  std::vector<Trigger> triggers_;
};

// Fills the indexes that Caches promises, on any caches: the informers' or a test's.
void AddIndexes(kube::Cache<crds::BackupPolicy>& policies, kube::Cache<crds::Backup>& backups,
                kube::Cache<crds::Restore>& restores, kube::Cache<JobView>& jobs,
                kube::Cache<PodView>& pods);

}  // namespace holdfast::controllers
