// Objects of the API as tests want to read them: PolicyNamed("nightly").Protects("db").Keeping(3).
// Every builder starts from something that is all right, so that a test says only what matters to
// it.
#pragma once

#include <string>
#include <utility>

#include "controllers/views.h"
#include "crds/types/backup.h"
#include "crds/types/backup_policy.h"
#include "crds/types/backup_repository.h"

namespace holdfast::builders {

inline TimePoint At(const std::string& text) { return ParseTime(text).value(); }

inline crds::ObjectMeta InShop(const std::string& name) {
  crds::ObjectMeta metadata;
  metadata.name = name;
  metadata.namespace_ = "shop";
  metadata.uid = "uid-" + name;
  return metadata;
}

// A repository that is Ready.
class RepositoryNamed {
 public:
  explicit RepositoryNamed(const std::string& name) {
    object_.metadata = InShop(name);
    object_.spec.s3 = crds::S3Location{};
    object_.spec.s3->endpoint = "https://s3.example.com";
    object_.spec.s3->bucket = "backups";
    object_.spec.s3->prefix = "prod";
    object_.spec.s3->region = "eu-central-1";
    object_.spec.s3->credentials_secret.name = "s3-credentials";
    object_.spec.password_secret.emplace().name = "repository-password";
    crds::SetReady(object_.status.conditions, {1, "Ready", "all is well"},
                   At("2026-01-01T00:00:00Z"));
  }
  RepositoryNamed& NotReadyBecause(const std::string& message) {
    crds::SetNotReady(object_.status.conditions, {1, "Unreachable", message},
                      At("2026-01-01T00:00:00Z"));
    return *this;
  }
  RepositoryNamed& WithSlots(int slots) {
    object_.spec.limits.concurrent_movers = slots;
    return *this;
  }
  RepositoryNamed& WithCaFromSecret(const std::string& name) {
    object_.spec.s3->ca_bundle.emplace().secret = name;
    return *this;
  }
  crds::BackupRepository Build() const { return object_; }

 private:
  crds::BackupRepository object_;
};

class PolicyNamed {
 public:
  explicit PolicyNamed(const std::string& name) {
    object_.metadata = InShop(name);
    object_.metadata.generation = 1;
    object_.metadata.creation_timestamp = At("2026-06-01T00:00:00Z");
    object_.spec.target.stateful_set = "db";
    object_.spec.repository = "offsite";
  }
  PolicyNamed& Scheduled(const std::string& name, const std::string& cron,
                         crds::BackupType type = crds::BackupType::kIncremental) {
    object_.spec.schedules.push_back({name, cron, type, {}});
    return *this;
  }
  PolicyNamed& Keeping(int count) {
    object_.spec.retention.keep_last = count;
    return *this;
  }
  PolicyNamed& Triggered(const std::string& value) {
    object_.spec.trigger = value;
    return *this;
  }
  PolicyNamed& Suspended() {
    object_.spec.suspend = true;
    return *this;
  }
  // For whatever has no word of its own.
  template <typename Change>
  PolicyNamed& With(Change change) {
    change(object_);
    return *this;
  }
  crds::BackupPolicy Build() const { return object_; }

 private:
  crds::BackupPolicy object_;
};

class BackupNamed {
 public:
  explicit BackupNamed(const std::string& name) {
    object_.metadata = InShop(name);
    object_.metadata.generation = 1;
    object_.metadata.creation_timestamp = At("2026-06-01T00:00:00Z");
    object_.spec.policy = "nightly";
  }
  BackupNamed& Volume(const std::string& claim, crds::RunState state = crds::RunState::kPending,
                      const std::string& snapshot = "") {
    crds::VolumeBackup volume;
    volume.claim = claim;
    volume.state = state;
    volume.snapshot = snapshot;
    object_.status.volumes.push_back(std::move(volume));
    return *this;
  }
  BackupNamed& Pinned() {
    object_.spec.pinned = true;
    return *this;
  }
  BackupNamed& Started(const std::string& time) {
    object_.status.start_time = At(time);
    object_.status.phase = crds::BackupPhase::kRunning;
    return *this;
  }
  BackupNamed& Ended(const std::string& time, crds::BackupPhase phase) {
    object_.status.completion_time = At(time);
    object_.status.phase = phase;
    return *this;
  }
  BackupNamed& Succeeded(const std::string& time) {
    return Ended(time, crds::BackupPhase::kSucceeded);
  }
  BackupNamed& Failed(const std::string& time) { return Ended(time, crds::BackupPhase::kFailed); }
  crds::Backup Build() const { return object_; }

 private:
  crds::Backup object_;
};

inline controllers::StatefulSetView StatefulSetOf(int replicas,
                                                  std::vector<std::string> templates = {"data"}) {
  controllers::StatefulSetView set;
  set.key = {"shop", "db"};
  set.replicas = replicas;
  set.claim_templates = std::move(templates);
  return set;
}

}  // namespace holdfast::builders
