#include "controllers/setup.h"

#include <set>
#include <unordered_map>

#include "controllers/backup/controller.h"
#include "controllers/kinds.h"
#include "controllers/labels.h"
#include "controllers/policy/controller.h"
#include "controllers/repository/controller.h"
#include "controllers/restore/controller.h"

namespace holdfast::controllers {
namespace {

using Keys = std::vector<kube::ObjectKey>;
using Values = std::vector<std::string>;

// The places of the reconcilers in Setup::reconcilers().
enum Place : std::size_t { kRepositories, kPolicies, kBackups, kRestores };

kube::InformerOptions Watch(kube::Resource resource, const std::string& ns,
                            const char* selector = "") {
  return {std::move(resource), ns, selector};
}

// "namespace/name", or nothing for an empty name.
Values NameIn(const std::string& ns, const std::string& name) {
  return name.empty() ? Values{} : Values{ns + "/" + name};
}

template <typename Cache>
Keys KeysIn(const Cache& cache, const char* index, const std::string& value) {
  Keys keys;
  for (const auto& [key, object] : cache.Find(index, value)) keys.push_back(key);
  return keys;
}

Keys Join(Keys a, const Keys& b) {
  a.insert(a.end(), b.begin(), b.end());
  const std::set<kube::ObjectKey> unique(a.begin(), a.end());
  return {unique.begin(), unique.end()};
}

using Concerned = std::function<Keys(const kube::ObjectKey&)>;

// `concerned` also once more for what it named before: an object that is gone, or points elsewhere
// now, still matters to what it used to point at.
Concerned AndBefore(Concerned concerned) {
  return [concerned = std::move(concerned),
          before = std::make_shared<std::unordered_map<kube::ObjectKey, Keys>>()](
             const kube::ObjectKey& key) {
    const Keys now = concerned(key);
    const auto [known, is_new] = before->try_emplace(key, now);
    Keys both = Join(known->second, now);
    if (now.empty())
      before->erase(known);
    else
      known->second = now;
    return both;
  };
}

Keys Self(const kube::ObjectKey& key) { return {key}; }

// The object of `kind` that controls what the cache has under `key`.
template <typename View>
Keys OwnerOf(const kube::Cache<View>& cache, const kube::ObjectKey& key, std::string_view kind) {
  const auto object = cache.Get(key);
  if (object == nullptr || object->owner.kind != kind) return {};
  return {{key.ns, object->owner.name}};
}

}  // namespace

void AddIndexes(kube::Cache<crds::BackupPolicy>& policies, kube::Cache<crds::Backup>& backups,
                kube::Cache<crds::Restore>& restores, kube::Cache<JobView>& jobs,
                kube::Cache<PodView>& pods) {
  policies.AddIndex(index::kRepository, [](const auto& key, const auto& policy) {
    return NameIn(key.ns, policy.spec.repository);
  });
  policies.AddIndex(index::kStatefulSet, [](const auto& key, const auto& policy) {
    return NameIn(key.ns, policy.spec.target.stateful_set);
  });
  backups.AddIndex(index::kPolicy, [](const auto& key, const auto& backup) {
    return NameIn(key.ns, backup.spec.policy);
  });
  // By what is written down only: an index must give the same values when an object leaves it.
  backups.AddIndex(index::kRepository, [](const auto& key, const auto& backup) {
    return NameIn(key.ns, backup.status.repository);
  });
  restores.AddIndex(index::kBackup, [](const auto& key, const auto& restore) {
    return NameIn(key.ns, restore.spec.source.backup);
  });
  restores.AddIndex(index::kPolicy, [](const auto& key, const auto& restore) {
    return NameIn(key.ns, restore.spec.source.policy);
  });
  restores.AddIndex(index::kRepository, [](const auto& key, const auto& restore) {
    return NameIn(key.ns, restore.status.repository.empty() ? restore.spec.source.repository
                                                            : restore.status.repository);
  });
  restores.AddIndex(index::kStatefulSet, [](const auto& key, const auto& restore) {
    return NameIn(key.ns, restore.spec.target.stateful_set);
  });
  jobs.AddIndex(index::kOwner,
                [](const auto&, const JobView& job) { return Values{job.owner.uid}; });
  jobs.AddIndex(index::kRepository, [](const auto& key, const JobView& job) {
    const auto label = job.labels.find(kRepositoryLabel);
    return label == job.labels.end() ? Values{} : NameIn(key.ns, label->second);
  });
  pods.AddIndex(index::kOwner,
                [](const auto&, const PodView& pod) { return Values{pod.owner.uid}; });
}

struct Setup::Stores {
  kube::Cache<crds::BackupRepository> repositories;
  kube::Cache<crds::BackupPolicy> policies;
  kube::Cache<crds::Backup> backups;
  kube::Cache<crds::Restore> restores;
  kube::Cache<JobView> jobs;
  kube::Cache<PodView> pods;
  kube::Cache<StatefulSetView> stateful_sets;
};

struct Setup::Informers {
  Informers(const kube::Api& api, const std::string& ns, Stores& stores)
      : repositories(api, Watch(ResourceOf<crds::BackupRepository>(), ns),
                     crds::Decode<crds::BackupRepository>, stores.repositories),
        policies(api, Watch(ResourceOf<crds::BackupPolicy>(), ns), crds::Decode<crds::BackupPolicy>,
                 stores.policies),
        backups(api, Watch(ResourceOf<crds::Backup>(), ns), crds::Decode<crds::Backup>,
                stores.backups),
        restores(api, Watch(ResourceOf<crds::Restore>(), ns), crds::Decode<crds::Restore>,
                 stores.restores),
        jobs(api, Watch(kube::kJobs, ns, kManagedSelector), DecodeJob, stores.jobs),
        pods(api, Watch(kube::kPods, ns, kManagedSelector), DecodePod, stores.pods),
        stateful_sets(api, Watch(kube::kStatefulSets, ns), DecodeStatefulSet,
                      stores.stateful_sets) {}

  kube::Informer<crds::BackupRepository> repositories;
  kube::Informer<crds::BackupPolicy> policies;
  kube::Informer<crds::Backup> backups;
  kube::Informer<crds::Restore> restores;
  kube::Informer<JobView> jobs;
  kube::Informer<PodView> pods;
  kube::Informer<StatefulSetView> stateful_sets;
};

Setup::Setup(const kube::Api& api, const Clock& clock, kube::EventRecorder& events,
             const Settings& settings, const std::vector<std::string>& namespaces)
    : stores_(std::make_unique<Stores>()),
      context_{api,
               clock,
               settings,
               events,
               {stores_->repositories, stores_->policies, stores_->backups, stores_->restores,
                stores_->jobs, stores_->pods, stores_->stateful_sets}} {
  AddIndexes(stores_->policies, stores_->backups, stores_->restores, stores_->jobs, stores_->pods);
  AddReconcilers();
  const std::set<std::string> watched(namespaces.begin(), namespaces.end());
  for (const std::string& ns : watched.empty() ? std::set<std::string>{""} : watched)
    AddInformers(*by_namespace_.emplace_back(std::make_unique<Informers>(api, ns, *stores_)));
}

void Setup::AddInformers(Informers& informers) {
  informers_.insert(informers_.end(), {&informers.repositories, &informers.policies,
                                       &informers.backups, &informers.restores, &informers.jobs,
                                       &informers.pods, &informers.stateful_sets});
  AddTriggers(informers);
  AddMoverTriggers(informers);
}

Setup::~Setup() = default;

void Setup::AddReconcilers() {
  reconcilers_.push_back(std::make_unique<RepositoryController>(context_));
  reconcilers_.push_back(std::make_unique<PolicyController>(context_));
  reconcilers_.push_back(std::make_unique<BackupController>(context_));
  reconcilers_.push_back(std::make_unique<RestoreController>(context_));
}

void Setup::AddTriggers(Informers& informers) {
  const Caches& caches = context_.caches;
  const auto add = [this](kube::InformerBase& informer, Place place, Concerned concerned) {
    triggers_.push_back({&informer, place, std::move(concerned)});
  };
  const auto in = [](const auto& cache, const char* index) {
    return [&cache, index](const kube::ObjectKey& key) {
      return KeysIn(cache, index, kube::ToString(key));
    };
  };

  add(informers.repositories, kRepositories, Self);
  add(informers.policies, kPolicies, Self);
  add(informers.backups, kBackups, Self);
  add(informers.restores, kRestores, Self);

  add(informers.repositories, kPolicies, in(caches.policies, index::kRepository));
  add(informers.stateful_sets, kPolicies, in(caches.policies, index::kStatefulSet));
  const auto policy_of = AndBefore([&caches](const kube::ObjectKey& key) {
    const auto backup = caches.backups.Get(key);
    return backup == nullptr ? Keys{} : Keys{{key.ns, backup->spec.policy}};
  });
  add(informers.backups, kPolicies, policy_of);

  // A Backup learns of its repository and StatefulSet through its policy, and its turn comes when
  // another of the policy ends.
  const auto unfinished_of = [this](const Keys& policies) { return Unfinished(policies); };
  const auto by_repository = in(caches.policies, index::kRepository);
  const auto by_stateful_set = in(caches.policies, index::kStatefulSet);
  add(informers.policies, kBackups,
      [=](const kube::ObjectKey& key) { return unfinished_of({key}); });
  add(informers.backups, kBackups,
      [=](const kube::ObjectKey& key) { return unfinished_of(policy_of(key)); });
  add(informers.repositories, kBackups,
      [=](const kube::ObjectKey& key) { return unfinished_of(by_repository(key)); });
  add(informers.stateful_sets, kBackups,
      [=](const kube::ObjectKey& key) { return unfinished_of(by_stateful_set(key)); });

  const auto set_of = AndBefore([&caches](const kube::ObjectKey& key) {
    const auto restore = caches.restores.Get(key);
    return restore == nullptr || restore->spec.target.stateful_set.empty()
               ? Keys{}
               : Keys{{key.ns, restore->spec.target.stateful_set}};
  });
  add(informers.restores, kBackups, [=](const kube::ObjectKey& key) {
    Keys keys;
    for (const kube::ObjectKey& stateful_set : set_of(key))
      keys = Join(std::move(keys), unfinished_of(by_stateful_set(stateful_set)));
    return keys;
  });

  add(informers.backups, kRestores, in(caches.restores, index::kBackup));
  add(informers.backups, kRestores, [&caches, policy_of](const kube::ObjectKey& key) {
    Keys keys;
    for (const kube::ObjectKey& policy : policy_of(key))
      keys = Join(std::move(keys), KeysIn(caches.restores, index::kPolicy, kube::ToString(policy)));
    return keys;
  });
  add(informers.restores, kRestores, [this](const kube::ObjectKey& key) { return RivalsOf(key); });
  add(informers.policies, kRestores, in(caches.restores, index::kPolicy));
  add(informers.repositories, kRestores, in(caches.restores, index::kRepository));
  add(informers.stateful_sets, kRestores, in(caches.restores, index::kStatefulSet));
}

// Movers matter to their owners, to their repository (which looks after locks), and, when one ends,
// to the Backups that wait for its slot.
void Setup::AddMoverTriggers(Informers& informers) {
  const Caches& caches = context_.caches;
  const std::pair<Place, std::string_view> owners[] = {
      {kRepositories, crds::InfoOf<crds::BackupRepository>().kind},
      {kPolicies, crds::InfoOf<crds::BackupPolicy>().kind},
      {kBackups, crds::InfoOf<crds::Backup>().kind},
      {kRestores, crds::InfoOf<crds::Restore>().kind}};
  const auto owner_of_pod = [&caches](const kube::ObjectKey& key, std::string_view kind) {
    const auto pod = caches.pods.Get(key);
    return pod == nullptr ? Keys{} : OwnerOf(caches.jobs, {key.ns, pod->owner.name}, kind);
  };
  for (const auto& [place, kind] : owners) {
    triggers_.push_back(
        {&informers.jobs, place, AndBefore([&caches, kind](const kube::ObjectKey& key) {
           return OwnerOf(caches.jobs, key, kind);
         })});
    triggers_.push_back({&informers.pods, place, AndBefore([=](const kube::ObjectKey& key) {
                           return owner_of_pod(key, kind);
                         })});
  }
  const auto repository_of = [](const auto& object) {
    const auto label = object.labels.find(kRepositoryLabel);
    return label == object.labels.end() ? Keys{} : Keys{{object.key.ns, label->second}};
  };
  triggers_.push_back(
      {&informers.jobs, kRepositories, AndBefore([=, &caches](const kube::ObjectKey& key) {
         const auto job = caches.jobs.Get(key);
         return job == nullptr ? Keys{} : repository_of(*job);
       })});
  triggers_.push_back(
      {&informers.pods, kRepositories, AndBefore([=, &caches](const kube::ObjectKey& key) {
         const auto pod = caches.pods.Get(key);
         return pod == nullptr ? Keys{} : repository_of(*pod);
       })});
  triggers_.push_back({&informers.jobs, kBackups, [=, this, &caches](const kube::ObjectKey& key) {
                         const auto job = caches.jobs.Get(key);
                         if (job == nullptr || !job->Finished()) return Keys{};
                         return WaitingFor(repository_of(*job));
                       }});
}

Keys Setup::WaitingFor(const Keys& repositories) const {
  Keys waiting;
  for (const kube::ObjectKey& repository : repositories)
    for (const auto& [key, backup] :
         context_.caches.backups.Find(index::kRepository, kube::ToString(repository)))
      if (!backup::IsOver(backup->status)) waiting.push_back(key);
  return waiting;
}

Keys Setup::Unfinished(const Keys& policies) const {
  Keys unfinished;
  for (const kube::ObjectKey& policy : policies)
    for (const auto& [key, backup] :
         context_.caches.backups.Find(index::kPolicy, kube::ToString(policy)))
      if (!backup::IsOver(backup->status)) unfinished.push_back(key);
  return unfinished;
}

Keys Setup::RivalsOf(const kube::ObjectKey& restore) const {
  Keys rivals;
  context_.caches.restores.ForEach([&](const kube::ObjectKey& key, const auto& other) {
    const crds::RestorePhase phase = other->status.phase;
    if (key.ns == restore.ns && key != restore && phase != crds::RestorePhase::kSucceeded &&
        phase != crds::RestorePhase::kFailed)
      rivals.push_back(key);
  });
  return rivals;
}

}  // namespace holdfast::controllers
