// The caches that controllers read, filled by a test instead of informers.
#pragma once

#include <memory>
#include <utility>

#include "controllers/context.h"
#include "controllers/kinds.h"
#include "controllers/setup.h"

namespace holdfast::builders {

class FilledCaches {
 public:
  FilledCaches() { controllers::AddIndexes(policies_, backups_, restores_, jobs_, pods_); }

  void Add(crds::BackupRepository object) { Put(repositories_, std::move(object)); }
  void Add(crds::BackupPolicy object) { Put(policies_, std::move(object)); }
  void Add(crds::Backup object) { Put(backups_, std::move(object)); }
  void Add(crds::Restore object) { Put(restores_, std::move(object)); }
  void Add(controllers::StatefulSetView view) {
    const kube::ObjectKey key = view.key;
    stateful_sets_.Put(key, std::make_shared<const controllers::StatefulSetView>(std::move(view)));
  }
  void Add(controllers::JobView view) {
    const kube::ObjectKey key = view.key;
    jobs_.Put(key, std::make_shared<const controllers::JobView>(std::move(view)));
  }

  void Add(controllers::PodView view) {
    const kube::ObjectKey key = view.key;
    pods_.Put(key, std::make_shared<const controllers::PodView>(std::move(view)));
  }

  controllers::Caches caches() const {
    return {repositories_, policies_, backups_, restores_, jobs_, pods_, stateful_sets_};
  }

 private:
  template <typename Kind>
  static void Put(kube::Cache<Kind>& cache, Kind object) {
    const kube::ObjectKey key = controllers::KeyOf(object.metadata);
    cache.Put(key, std::make_shared<const Kind>(std::move(object)));
  }

  kube::Cache<crds::BackupRepository> repositories_;
  kube::Cache<crds::BackupPolicy> policies_;
  kube::Cache<crds::Backup> backups_;
  kube::Cache<crds::Restore> restores_;
  kube::Cache<controllers::JobView> jobs_;
  kube::Cache<controllers::PodView> pods_;
  kube::Cache<controllers::StatefulSetView> stateful_sets_;
};

}  // namespace holdfast::builders
