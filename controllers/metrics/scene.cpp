#include "controllers/metrics/scene.h"

#include <algorithm>
#include <unordered_map>

#include "controllers/backup/world.h"
#include "controllers/labels.h"
#include "controllers/policy/overdue.h"

namespace holdfast::controllers::metrics {
namespace {

std::optional<Readiness> ReadinessOf(const crds::Conditions& conditions) {
  const crds::Condition* ready = crds::FindCondition(conditions, crds::kReady);
  if (ready == nullptr) return std::nullopt;
  return Readiness{ready->reason, ready->status == crds::ConditionStatus::kTrue};
}

std::optional<ContinuousRow> ContinuousOf(const crds::BackupPolicy& policy) {
  if (!policy.spec.continuous) return std::nullopt;
  ContinuousRow row;
  if (const auto most = ParseDuration(policy.spec.continuous->max_interval))
    row.max_interval = static_cast<double>(most->count());
  if (const auto& status = policy.status.continuous) {
    row.unsaved_since = status->unsaved_since;
    row.recovery_point = status->recovery_point_seconds;
    row.watched_volumes = status->watched_volumes;
  }
  return row;
}

PolicyRow RowOf(const ObjectKey& key, const crds::BackupPolicy& policy, TimePoint now) {
  const crds::BackupPolicyStatus& status = policy.status;
  PolicyRow row;
  row.key = key;
  row.repository = policy.spec.repository;
  row.target = status.target;
  row.ready = ReadinessOf(status.conditions);
  row.suspended = policy.spec.suspend;
  if (status.last_success) row.last_success = status.last_success->time;
  if (status.last_failure) row.last_failure = status.last_failure->time;
  row.next_run = status.next_run;
  row.unanswered = policy::UnansweredSince(policy, now);
  row.continuous = ContinuousOf(policy);
  row.protected_bytes = status.protected_bytes;
  row.added_bytes = status.added_bytes;
  row.volumes = status.volumes;
  row.backups = status.backups;
  row.recovery_seconds = status.recovery_seconds;
  // A failure of which no Backup tells more failed whole, as far as is known.
  if (status.last_success) row.last_result = crds::NameOf(crds::BackupPhase::kSucceeded);
  if (status.last_failure && (!status.last_success || row.last_failure > row.last_success))
    row.last_result = crds::NameOf(crds::BackupPhase::kFailed);
  return row;
}

template <typename Run>
RunRow RowOf(const std::optional<Run>& run) {
  return run ? RunRow{run->time, crds::NameOf(run->state)} : RunRow{};
}

RepositoryRow RowOf(const ObjectKey& key, const crds::BackupRepository& repository) {
  const crds::BackupRepositoryStatus& status = repository.status;
  RepositoryRow row;
  row.key = key;
  row.ready = ReadinessOf(status.conditions);
  row.snapshots = status.snapshots;
  row.stored_bytes = status.stored_bytes;
  row.source_bytes = status.source_bytes;
  row.unused_bytes = status.unused_bytes;
  row.restore_bytes_per_second = status.restore_bytes_per_second;
  row.locked_until = status.locked_until;
  row.locks = status.locks.size();
  row.slots = repository.spec.limits.concurrent_movers;
  row.probe = RowOf(status.last_probe);
  row.check = RowOf(status.last_check);
  row.drill = RowOf(status.last_drill);
  if (status.last_drill) {
    row.drill_seconds = status.last_drill->duration_seconds;
    row.drill_bytes = status.last_drill->bytes;
  }
  row.prune = RowOf(status.last_prune);
  return row;
}

Ended EndOf(const crds::BackupStatus& status) {
  Ended ended;
  ended.time = *status.completion_time;
  ended.result = crds::NameOf(status.phase);
  if (status.start_time)
    ended.duration = std::chrono::duration<double>(ended.time - *status.start_time).count();
  ended.bytes_read = status.bytes_read;
  ended.bytes_added = status.bytes_added;
  ended.unreadable = status.unreadable;
  return ended;
}

void KeepLater(std::optional<Ended>& latest, const Ended& ended) {
  if (!latest || latest->time < ended.time) latest = ended;
}

// Walks through one cache at a time, and holds no two locks at once.
class Walk {
 public:
  Walk(const Caches& caches, TimePoint now) : caches_(caches) { scene_.now = now; }

  Scene Take() {
    Policies();
    Repositories();
    Backups();
    Restores();
    Movers();
    return std::move(scene_);
  }

 private:
  using Places = std::unordered_map<ObjectKey, std::size_t>;

  template <typename Phase>
  static std::string NameOf(Phase phase) {
    return std::string(crds::NameOf(phase));
  }

  void Policies() {
    const auto note = [](Places& places, const ObjectKey& policy,
                         const std::optional<crds::PolicyRun>& run, std::size_t place) {
      if (run) places[{policy.ns, run->backup}] = place;
    };
    scene_.policies.reserve(caches_.policies.Size());
    caches_.policies.ForEach([&](const ObjectKey& key, const auto& policy) {
      const std::size_t place = scene_.policies.size();
      scene_.policies.push_back(RowOf(key, *policy, scene_.now));
      policy_at_[key] = place;
      note(succeeded_, key, policy->status.last_success, place);
      note(failed_, key, policy->status.last_failure, place);
    });
  }

  void Repositories() {
    caches_.repositories.ForEach([&](const ObjectKey& key, const auto& repository) {
      repository_at_[key] = scene_.repositories.size();
      label_at_[{key.ns, LabelValue(key.name)}] = scene_.repositories.size();
      scene_.repositories.push_back(RowOf(key, *repository));
    });
    for (const PolicyRow& policy : scene_.policies) {
      RepositoryRow* row = RepositoryAt({policy.key.ns, policy.repository});
      if (row == nullptr || !policy.unanswered) continue;
      row->unanswered = std::min(row->unanswered.value_or(*policy.unanswered), *policy.unanswered);
    }
  }

  void Backups() {
    caches_.backups.ForEach([&](const ObjectKey& key, const auto& backup) {
      ++scene_.backups[{{key.ns, ""}, NameOf(backup->status.phase)}];
      if (backup->status.phase == crds::BackupPhase::kPending) CountWaiting(key, *backup);
      if (backup::IsOver(backup->status) && backup->status.completion_time)
        NoteEnd(key, backup->status);
    });
  }

  void CountWaiting(const ObjectKey& key, const crds::Backup& backup) {
    const auto ready = ReadinessOf(backup.status.conditions);
    const std::string reason = ready ? ready->reason : "New";
    const ObjectKey policy = {key.ns, backup.spec.policy};
    ++scene_.waiting_by_policy[{policy, reason}];
    // One that is new may not have written down yet where it goes.
    std::string repository = backup.status.repository;
    if (const auto place = policy_at_.find(policy); repository.empty() && place != policy_at_.end())
      repository = scene_.policies[place->second].repository;
    if (!repository.empty()) ++scene_.waiting_by_repository[{{key.ns, repository}, reason}];
  }

  void NoteEnd(const ObjectKey& key, const crds::BackupStatus& status) {
    const Ended ended = EndOf(status);
    const bool good = status.phase == crds::BackupPhase::kSucceeded;
    if (const auto place = succeeded_.find(key); place != succeeded_.end())
      scene_.policies[place->second].last_backup = ended;
    if (const auto place = failed_.find(key); place != failed_.end()) {
      PolicyRow& policy = scene_.policies[place->second];
      if (policy.last_result == crds::NameOf(crds::BackupPhase::kFailed))
        policy.last_result = ended.result;
    }
    RepositoryRow* repository = RepositoryAt({key.ns, status.repository});
    if (repository == nullptr) return;
    KeepLater(repository->last, ended);
    if (good) KeepLater(repository->last_success, ended);
  }

  void Restores() {
    std::vector<std::pair<std::string, FollowerRow>> followers;
    caches_.restores.ForEach([&](const ObjectKey& key, const auto& restore) {
      ++scene_.restores[{{key.ns, ""}, NameOf(restore->status.phase)}];
      if (restore->spec.mode == crds::RestoreMode::kFollow && !restore->status.completion_time)
        followers.emplace_back(restore->spec.source.policy, FollowerOf(key, *restore));
    });
    for (auto& [policy, row] : followers) {
      row.behind_since = BehindSince(row, policy);
      scene_.followers.push_back(std::move(row));
    }
  }

  static FollowerRow FollowerOf(const ObjectKey& key, const crds::Restore& restore) {
    FollowerRow row;
    row.key = key;
    row.ready = ReadinessOf(restore.status.conditions);
    if (restore.status.follow) {
      row.recovery_point = restore.status.follow->recovery_point;
      row.restored = restore.status.follow->restored;
    }
    return row;
  }

  Time BehindSince(const FollowerRow& row, const std::string& policy) const {
    Time since;
    for (const auto& [key, backup] :
         caches_.backups.Find(index::kPolicy, row.key.ns + "/" + policy)) {
      const crds::BackupStatus& status = backup->status;
      if (status.phase != crds::BackupPhase::kSucceeded || !status.completion_time) continue;
      if (row.recovery_point && status.start_time <= row.recovery_point) continue;
      if (!since || status.completion_time < since) since = status.completion_time;
    }
    return since;
  }

  void Movers() {
    caches_.jobs.ForEach([&](const ObjectKey& key, const auto& job) {
      const auto label = job->labels.find(kRepositoryLabel);
      if (job->Finished() || label == job->labels.end()) return;
      const auto place = label_at_.find({key.ns, label->second});
      if (place != label_at_.end()) ++scene_.repositories[place->second].movers;
    });
  }

  RepositoryRow* RepositoryAt(const ObjectKey& key) {
    const auto place = repository_at_.find(key);
    return place == repository_at_.end() ? nullptr : &scene_.repositories[place->second];
  }

  const Caches& caches_;
  Scene scene_;
  Places policy_at_;
  Places repository_at_;
  Places label_at_;   // repositories by what their movers' label says
  Places succeeded_;  // the policy whose last success, or failure, a Backup is
  Places failed_;
};

}  // namespace

Scene LookAround(const Caches& caches, TimePoint now) { return Walk(caches, now).Take(); }

}  // namespace holdfast::controllers::metrics
