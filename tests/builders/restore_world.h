// The world of a Restore in place, for table tests.
#pragma once

#include <string>

#include "controllers/reasons.h"
#include "controllers/restore/world.h"

namespace holdfast::controllers::restore::builders {

inline const TimePoint kNow = *ParseTime("2026-08-01T12:00:00Z");

inline PodView Pod(const std::string& name, const std::string& claim,
                   const std::string& owner_uid) {
  PodView pod;
  pod.key = {"shop", name};
  pod.owner = {"StatefulSet", "pg", owner_uid};
  pod.phase = "Running";
  pod.claims = {claim};
  return pod;
}

// StatefulSet "pg" of two replicas, to be restored from Backup "nightly".
inline World InPlaceWorld() {
  World world;
  world.now = kNow;
  world.restore.metadata.name = "back";
  world.restore.metadata.namespace_ = "shop";
  world.restore.metadata.uid = "restore-uid";
  world.restore.spec.source.backup = "nightly";
  world.restore.spec.target.stateful_set = "pg";
  world.backup.emplace();
  world.backup->metadata.name = "nightly";
  world.backup->status.phase = crds::BackupPhase::kSucceeded;
  world.backup->status.repository = "offsite";
  for (const char* ordinal : {"0", "1"}) {
    crds::VolumeBackup volume;
    volume.claim = std::string("data-pg-") + ordinal;
    volume.pod = std::string("pg-") + ordinal;
    volume.snapshot = std::string(64, 'a');
    world.backup->status.volumes.push_back(volume);
  }
  world.repository.emplace();
  crds::SetReady(world.repository->status.conditions, {1, reason::kReachable, ""}, kNow);
  world.set.emplace();
  world.set->key = {"shop", "pg"};
  world.set->uid = "set-uid";
  world.set->replicas = 2;
  world.set->ready_replicas = 2;
  world.set->claim_templates = {"data"};
  world.set_object = {
      {"metadata", {{"name", "pg"}, {"namespace", "shop"}}},
      {"spec",
       {{"volumeClaimTemplates", {{{"metadata", {{"name", "data"}}}, {"spec", Json::object()}}}}}}};
  world.claims = {{"data-pg-0", {true, false}}, {"data-pg-1", {true, false}}};
  world.pods = {Pod("pg-0", "data-pg-0", "set-uid"), Pod("pg-1", "data-pg-1", "set-uid")};
  return world;
}

}  // namespace holdfast::controllers::restore::builders
