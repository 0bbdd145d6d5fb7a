#include "controllers/setup.h"

#include <set>

#include "controllers/backup/controller.h"
#include "controllers/backup/copies.h"
#include "controllers/backup/queue.h"
#include "controllers/backup/staging.h"
#include "controllers/kinds.h"
#include "controllers/labels.h"
#include "controllers/mover_run.h"
#include "controllers/policy/controller.h"
#include "controllers/populator/claim.h"
#include "controllers/populator/controller.h"
#include "controllers/reasons.h"
#include "controllers/repository/controller.h"
#include "controllers/restore/controller.h"
#include "controllers/target.h"
#include "controllers/trim.h"

namespace holdfast::controllers {
namespace {

using Keys = std::vector<kube::ObjectKey>;
using Values = std::vector<std::string>;

// The places of the reconcilers in Setup::reconcilers().
enum Place : std::size_t { kRepositories, kPolicies, kBackups, kRestores, kClaims };

kube::InformerOptions Watch(kube::Resource resource, const std::string& ns,
                            const char* selector = "") {
  return {std::move(resource), ns, selector};
}

// "namespace/name", or nothing for an empty name.
Values NameIn(const std::string& ns, const std::string& name) {
  return name.empty() ? Values{} : Values{ns + "/" + name};
}

Values Owner(const std::string& ns, const OwnerView& owner) {
  return owner.uid.empty() ? Values{} : Values{index::OwnedBy(ns, owner.uid)};
}

template <typename Cache>
Keys KeysIn(const Cache& cache, const char* index, const std::string& value) {
  Keys keys;
  for (const auto& [key, object] : cache.Find(index, value)) keys.push_back(key);
  return keys;
}

using Concerned = kube::InformerBase::Concerned;

Keys Self(const kube::ObjectKey& key) { return {key}; }

// Decodes for the cache.
template <typename Kind>
Result<Kind> DecodeTrimmed(const Json& object) {
  TRY(Kind decoded, crds::Decode<Kind>(object));
  return Trimmed(std::move(decoded));
}

constexpr const char* kNamespace = "namespace";

kube::InformerOptions WatchClaimsToFill(const std::string& ns) {
  kube::InformerOptions options = Watch(kube::kPersistentVolumeClaims, ns);
  options.chooses = [](const Json& claim) {
    return populator::AsksUs(claim) && populator::IsUnbound(claim);
  };
  return options;
}

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
    const crds::PolicyTarget& target = policy.spec.target;
    return NameIn(key.ns, target.selector ? kAnyStatefulSet : target.stateful_set);
  });
  backups.AddIndex(index::kPolicy, [](const auto& key, const auto& backup) {
    return NameIn(key.ns, backup.spec.policy);
  });
  // By what is written down only: an index must give the same values when an object leaves it.
  backups.AddIndex(index::kQueue, [](const auto& key, const auto& backup) {
    return backup::IsOver(backup.status) ? Values{} : NameIn(key.ns, backup.status.repository);
  });
  backups.AddIndex(index::kCopies, [](const auto& key, const auto& backup) {
    Values values;
    for (const crds::BackupCopy& copy : backup.status.copies)
      if (copy.state == crds::RunState::kPending || copy.state == crds::RunState::kFailed)
        values.push_back(kube::ToString(kube::ObjectKey{key.ns, copy.repository}));
    return values;
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
                [](const auto& key, const JobView& job) { return Owner(key.ns, job.owner); });
  jobs.AddIndex(index::kRepository, [](const auto& key, const JobView& job) {
    const auto label = job.labels.find(kRepositoryLabel);
    return label == job.labels.end() ? Values{} : NameIn(key.ns, label->second);
  });
  pods.AddIndex(index::kOwner,
                [](const auto& key, const PodView& pod) { return Owner(key.ns, pod.owner); });
}

struct Setup::Stores {
  kube::Cache<crds::BackupRepository> repositories;
  kube::Cache<crds::BackupPolicy> policies;
  kube::Cache<crds::Backup> backups;
  kube::Cache<crds::Restore> restores;
  kube::Cache<JobView> jobs;
  kube::Cache<PodView> pods;
  kube::Cache<StatefulSetView> stateful_sets;
  kube::Cache<populator::WaitingClaim> claims;
};

struct Setup::Informers {
  Informers(const kube::Api& api, const std::string& ns, Stores& stores, const Settings& settings)
      : repositories(api, Watch(ResourceOf<crds::BackupRepository>(), ns),
                     DecodeTrimmed<crds::BackupRepository>, stores.repositories),
        policies(api, Watch(ResourceOf<crds::BackupPolicy>(), ns),
                 DecodeTrimmed<crds::BackupPolicy>, stores.policies),
        backups(api, Watch(ResourceOf<crds::Backup>(), ns), DecodeTrimmed<crds::Backup>,
                stores.backups),
        restores(api, Watch(ResourceOf<crds::Restore>(), ns), DecodeTrimmed<crds::Restore>,
                 stores.restores),
        jobs(api, Watch(kube::kJobs, ns, kManagedSelector), DecodeJob, stores.jobs),
        pods(api, Watch(kube::kPods, ns, kManagedSelector), DecodePod, stores.pods),
        stateful_sets(api, Watch(kube::kStatefulSets, ns), DecodeStatefulSet,
                      stores.stateful_sets) {
    if (settings.populator_enabled)
      claims.emplace(api, WatchClaimsToFill(ns), populator::DecodeWaitingClaim, stores.claims);
  }

  kube::Informer<crds::BackupRepository> repositories;
  kube::Informer<crds::BackupPolicy> policies;
  kube::Informer<crds::Backup> backups;
  kube::Informer<crds::Restore> restores;
  kube::Informer<JobView> jobs;
  kube::Informer<PodView> pods;
  kube::Informer<StatefulSetView> stateful_sets;
  std::optional<kube::Informer<populator::WaitingClaim>> claims;
};

Setup::Setup(const kube::Api& api, const Clock& clock, kube::EventRecorder& events,
             const Settings& settings, hooks::Runner& hooks,
             const std::vector<std::string>& namespaces, kube::Transport* gateway)
    : stores_(std::make_unique<Stores>()),
      context_{api,
               clock,
               settings,
               events,
               {stores_->repositories, stores_->policies, stores_->backups, stores_->restores,
                stores_->jobs, stores_->pods, stores_->stateful_sets},
               hooks,
               gateway} {
  AddIndexes(stores_->policies, stores_->backups, stores_->restores, stores_->jobs, stores_->pods);
  stores_->claims.AddIndex(kNamespace, [](const auto& key, const auto&) { return Values{key.ns}; });
  AddReconcilers();
  const std::set<std::string> watched(namespaces.begin(), namespaces.end());
  for (const std::string& ns : watched.empty() ? std::set<std::string>{""} : watched)
    AddInformers(
        *by_namespace_.emplace_back(std::make_unique<Informers>(api, ns, *stores_, settings)));
}

void Setup::AddInformers(Informers& informers) {
  informers_.insert(informers_.end(), {&informers.repositories, &informers.policies,
                                       &informers.backups, &informers.restores, &informers.jobs,
                                       &informers.pods, &informers.stateful_sets});
  AddTriggers(informers);
  AddMoverTriggers(informers);
  if (!informers.claims) return;
  informers_.push_back(&*informers.claims);
  AddClaimTriggers(informers);
}

Setup::~Setup() = default;

void Setup::AddReconcilers() {
  reconcilers_.push_back(std::make_unique<RepositoryController>(context_));
  reconcilers_.push_back(std::make_unique<PolicyController>(context_));
  reconcilers_.push_back(std::make_unique<BackupController>(context_));
  reconcilers_.push_back(std::make_unique<RestoreController>(context_));
  if (context_.settings.populator_enabled)
    reconcilers_.push_back(std::make_unique<PopulatorController>(context_));
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
  // Who uses the one that is shared learns of what it says.
  add(informers.repositories, kRepositories, [this, &caches](const kube::ObjectKey& key) {
    const GatewaySettings& gateway = context_.settings.gateway;
    Keys users;
    if (key != kube::ObjectKey{gateway.definition_namespace, gateway.definition}) return users;
    caches.repositories.ForEach([&](const kube::ObjectKey& user, const auto& repository) {
      if (repository->spec.shared) users.push_back(user);
    });
    return users;
  });
  add(informers.policies, kPolicies, Self);
  // One that is over and has nothing staged and no Job any more is a record: with ten thousand of
  // them, a fresh start must not look at each. A Job that comes to be known later brings its owner
  // here.
  add(informers.backups, kBackups, [&caches](const kube::ObjectKey& key) {
    const auto backup = caches.backups.Get(key);
    if (backup == nullptr) return Keys{};
    const bool record = backup::IsOver(backup->status) && !backup::NeedsFinalizer(*backup) &&
                        !backup::OwesCopies(backup->status) && !backup::HasStaged(backup->status) &&
                        JobsOf(caches, backup->metadata).empty();
    return record ? Keys{} : Keys{key};
  });
  add(informers.restores, kRestores, Self);
  // A drill.
  add(informers.restores, kRepositories, [&caches](const kube::ObjectKey& key) {
    const auto restore = caches.restores.Get(key);
    Keys keys;
    if (restore != nullptr)
      for (const crds::OwnerReference& owner : restore->metadata.owner_references)
        if (owner.kind == crds::InfoOf<crds::BackupRepository>().kind)
          keys.push_back({key.ns, owner.name});
    return keys;
  });

  // One that is over tells how fast restores from its repository are.
  add(informers.restores, kRepositories, [&caches](const kube::ObjectKey& key) {
    const auto restore = caches.restores.Get(key);
    const bool tells =
        restore != nullptr && restore->status.phase == crds::RestorePhase::kSucceeded;
    return tells ? Keys{{key.ns, restore->status.repository}} : Keys{};
  });

  // A repository is searched for new Backups as long as somebody follows.
  add(informers.restores, kRepositories, [&caches](const kube::ObjectKey& key) {
    const auto restore = caches.restores.Get(key);
    Keys keys;
    if (restore == nullptr || restore->spec.mode != crds::RestoreMode::kFollow) return keys;
    caches.repositories.ForEach([&](const kube::ObjectKey& candidate, const auto& repository) {
      if (candidate.ns == key.ns && repository->spec.imports) keys.push_back(candidate);
    });
    return keys;
  });

  add(informers.repositories, kPolicies, in(caches.policies, index::kRepository));
  const auto by_stateful_set = [&caches](const kube::ObjectKey& key) {
    Keys keys = KeysIn(caches.policies, index::kStatefulSet, kube::ToString(key));
    for (kube::ObjectKey& policy : KeysIn(caches.policies, index::kStatefulSet,
                                          kube::ToString(kube::ObjectKey{key.ns, kAnyStatefulSet})))
      keys.push_back(std::move(policy));
    return keys;
  };
  add(informers.stateful_sets, kPolicies, by_stateful_set);
  const auto policy_of = [&caches](const kube::ObjectKey& key) {
    const auto backup = caches.backups.Get(key);
    return backup == nullptr ? Keys{} : Keys{{key.ns, backup->spec.policy}};
  };
  add(informers.backups, kPolicies, policy_of);

  // A Backup learns of its repository and StatefulSet through its policy, and its turn comes when
  // another of the policy ends.
  const auto unfinished_of = [this](const Keys& policies) { return Unfinished(policies); };
  const auto by_repository = in(caches.policies, index::kRepository);
  add(informers.policies, kBackups,
      [=](const kube::ObjectKey& key) { return unfinished_of({key}); });
  add(informers.backups, kBackups,
      [=](const kube::ObjectKey& key) { return unfinished_of(policy_of(key)); });
  add(informers.repositories, kBackups,
      [=](const kube::ObjectKey& key) { return unfinished_of(by_repository(key)); });
  // One that becomes ready has copies to take.
  add(informers.repositories, kBackups,
      [this](const kube::ObjectKey& key) { return HeadsOfQueues({key}); });
  // The repository tells how long its queue is.
  add(informers.backups, kRepositories, [&caches](const kube::ObjectKey& key) {
    const auto backup = caches.backups.Get(key);
    const auto* ready =
        backup == nullptr ? nullptr : crds::FindCondition(backup->status.conditions, crds::kReady);
    return ready != nullptr && ready->reason == reason::kWaitingForSlot
               ? Keys{{key.ns, backup->status.repository}}
               : Keys{};
  });
  // One that leaves a repository's queue makes others its head.
  add(informers.backups, kBackups, [this, &caches](const kube::ObjectKey& key) {
    const auto backup = caches.backups.Get(key);
    const bool queued = backup != nullptr && !backup->status.start_time &&
                        !backup->status.repository.empty() && !backup::IsOver(backup->status);
    return queued ? HeadsOfQueues({{key.ns, backup->status.repository}}) : Keys{};
  });
  add(informers.stateful_sets, kBackups,
      [=](const kube::ObjectKey& key) { return unfinished_of(by_stateful_set(key)); });

  add(informers.restores, kBackups, [=, &caches](const kube::ObjectKey& key) {
    const auto restore = caches.restores.Get(key);
    if (restore == nullptr || restore->spec.target.stateful_set.empty()) return Keys{};
    return unfinished_of(by_stateful_set({key.ns, restore->spec.target.stateful_set}));
  });

  add(informers.backups, kRestores, in(caches.restores, index::kBackup));
  add(informers.backups, kRestores, [&caches, policy_of](const kube::ObjectKey& key) {
    Keys keys;
    for (const kube::ObjectKey& policy : policy_of(key))
      for (kube::ObjectKey& restore :
           KeysIn(caches.restores, index::kPolicy, kube::ToString(policy)))
        keys.push_back(std::move(restore));
    return keys;
  });
  add(informers.restores, kRestores, [this](const kube::ObjectKey& key) { return RivalsOf(key); });
  add(informers.policies, kRestores, in(caches.restores, index::kPolicy));
  add(informers.repositories, kRestores, in(caches.restores, index::kRepository));
  // One that waits for a policy's Backups may wait for them to be imported.
  add(informers.repositories, kRestores, [this, &caches](const kube::ObjectKey& key) {
    const auto repository = caches.repositories.Get(key);
    return repository != nullptr && repository->spec.imports ? RivalsOf({key.ns, ""}) : Keys{};
  });
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
    triggers_.push_back({&informers.jobs, place, [&caches, kind](const kube::ObjectKey& key) {
                           return OwnerOf(caches.jobs, key, kind);
                         }});
    triggers_.push_back({&informers.pods, place,
                         [=](const kube::ObjectKey& key) { return owner_of_pod(key, kind); }});
  }
  const auto repository_of = [](const auto& object) {
    const auto label = object.labels.find(kRepositoryLabel);
    return label == object.labels.end() ? Keys{} : Keys{{object.key.ns, label->second}};
  };
  triggers_.push_back({&informers.jobs, kRepositories, [=, &caches](const kube::ObjectKey& key) {
                         const auto job = caches.jobs.Get(key);
                         return job == nullptr ? Keys{} : repository_of(*job);
                       }});
  triggers_.push_back({&informers.pods, kRepositories, [=, &caches](const kube::ObjectKey& key) {
                         const auto pod = caches.pods.Get(key);
                         return pod == nullptr ? Keys{} : repository_of(*pod);
                       }});
  triggers_.push_back({&informers.jobs, kBackups, [=, this, &caches](const kube::ObjectKey& key) {
                         const auto job = caches.jobs.Get(key);
                         if (job == nullptr || !job->Finished()) return Keys{};
                         return HeadsOfQueues(repository_of(*job));
                       }});
}

// Few claims wait at a time: all of the namespace look again when something changes that they may
// wait for.
void Setup::AddClaimTriggers(Informers& informers) {
  const Caches& caches = context_.caches;
  triggers_.push_back({&*informers.claims, kClaims, [this](const kube::ObjectKey& key) {
                         return stores_->claims.Get(key) == nullptr ? Keys{} : Keys{key};
                       }});
  triggers_.push_back({&informers.restores, kClaims, [&caches](const kube::ObjectKey& key) {
                         const auto restore = caches.restores.Get(key);
                         Keys keys;
                         if (restore != nullptr)
                           for (const auto& owner : restore->metadata.owner_references)
                             if (owner.kind == kube::kPersistentVolumeClaims.kind)
                               keys.push_back({key.ns, owner.name});
                         return keys;
                       }});
  const auto waiting = [this](const kube::ObjectKey& key) {
    return KeysIn(stores_->claims, kNamespace, key.ns);
  };
  for (kube::InformerBase* informer : std::initializer_list<kube::InformerBase*>{
           &informers.restores, &informers.backups, &informers.policies, &informers.repositories})
    triggers_.push_back({informer, kClaims, waiting});
}

Keys Setup::HeadsOfQueues(const Keys& repositories) const {
  Keys heads;
  for (const kube::ObjectKey& repository : repositories) {
    for (kube::ObjectKey& head : backup::HeadOfQueue(context_.caches, repository))
      heads.push_back(std::move(head));
    for (kube::ObjectKey& head :
         backup::HeadOfCopies(context_.caches, repository, context_.clock.Now()))
      heads.push_back(std::move(head));
  }
  return heads;
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
        phase != crds::RestorePhase::kFailed && phase != crds::RestorePhase::kTemplate)
      rivals.push_back(key);
  });
  return rivals;
}

}  // namespace holdfast::controllers
