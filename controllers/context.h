// What every reconciler is given: the API to write to, the caches to read from, and the world
// around. A plain struct of references, so that a test makes one from caches that it fills itself.
#pragma once

#include <string>
#include <type_traits>

#include "base/clock.h"
#include "controllers/hooks/runner.h"
#include "controllers/settings.h"
#include "controllers/views.h"
#include "crds/types/backup.h"
#include "crds/types/backup_policy.h"
#include "crds/types/backup_repository.h"
#include "crds/types/restore.h"
#include "operator/kube/api.h"
#include "operator/kube/cache.h"
#include "operator/kube/events.h"

namespace holdfast::controllers {

// The indexes of the caches. Values are "namespace/name" of what they point at, or OwnedBy.
namespace index {
inline constexpr const char* kPolicy = "policy";          // Backups, Restores
inline constexpr const char* kRepository = "repository";  // Policies, Restores, Jobs
inline constexpr const char* kQueue = "queue";            // unfinished Backups: the repository
inline constexpr const char* kCopies = "copies";  // Backups that wait for a copy: its repository
inline constexpr const char* kStatefulSet = "statefulset";  // Policies, Restores
inline constexpr const char* kBackup = "backup";            // Restores
inline constexpr const char* kOwner = "owner";              // Jobs, Pods: OwnedBy its owner

// "namespace/uid": an owner and what belongs to it share a namespace. Whoever may create pods in
// another one can write any uid into their owner references.
inline std::string OwnedBy(const std::string& ns, const std::string& uid) { return ns + "/" + uid; }
}  // namespace index

struct Caches {
  const kube::Cache<crds::BackupRepository>& repositories;
  const kube::Cache<crds::BackupPolicy>& policies;
  const kube::Cache<crds::Backup>& backups;
  const kube::Cache<crds::Restore>& restores;
  const kube::Cache<JobView>& jobs;  // movers' only
  const kube::Cache<PodView>& pods;  // movers' only; pods that mount claims are listed live
  const kube::Cache<StatefulSetView>& stateful_sets;
};

// The cache of a kind.
template <typename Kind>
const kube::Cache<Kind>& CacheOf(const Caches& caches) {
  if constexpr (std::is_same_v<Kind, crds::BackupRepository>)
    return caches.repositories;
  else if constexpr (std::is_same_v<Kind, crds::BackupPolicy>)
    return caches.policies;
  else if constexpr (std::is_same_v<Kind, crds::Backup>)
    return caches.backups;
  else
    return caches.restores;
}

// Outlived by everything it refers to.
struct Context {
  const kube::Api& api;
  const Clock& clock;
  const Settings& settings;
  kube::EventRecorder& events;
  Caches caches;
  hooks::Runner& hooks;
  kube::Transport* gateway = nullptr;  // to Holdfast's gateway, with our token; nullptr for none
};

}  // namespace holdfast::controllers
