#include "controllers/policy/recovery.h"

#include <algorithm>

#include "jobs/protocol/dump_name.h"

namespace holdfast::controllers::policy {

void NoteRecovery(const World& world, crds::BackupPolicyStatus& status) {
  if (world.repository == nullptr || !status.last_success) return;
  const auto last =
      std::ranges::find(world.backups, status.last_success->backup,
                        [](const crds::Backup& backup) { return backup.metadata.name; });
  if (last == world.backups.end()) return;
  restore::Load load;
  load.slots = world.repository->spec.limits.concurrent_movers;
  load.in_place = true;
  for (const crds::VolumeBackup& volume : last->status.volumes)
    if (!volume.snapshot.empty() && !protocol::IsDump(volume.claim))
      load.volumes.push_back(volume.bytes);
  if (load.volumes.empty()) return;
  const restore::Pace pace = restore::PaceOf(*world.repository, &*last, world.restores,
                                             world.policy.spec.target.stateful_set);
  const crds::RestoreEstimate estimate = restore::EstimateOf(load, pace);
  status.recovery_time = estimate.duration;
  status.recovery_seconds = estimate.seconds;
}

}  // namespace holdfast::controllers::policy
