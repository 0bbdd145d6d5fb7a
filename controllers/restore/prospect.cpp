#include "controllers/restore/prospect.h"

#include <algorithm>

namespace holdfast::controllers::restore {
namespace {

const crds::VolumeBackup* VolumeWith(const crds::Backup& backup, const std::string& snapshot) {
  const auto& volumes = backup.status.volumes;
  const auto found = std::ranges::find(volumes, snapshot, &crds::VolumeBackup::snapshot);
  return found == volumes.end() ? nullptr : &*found;
}

// Mostly the Backup's own; a volume that it lacks comes from an older one of its policy.
std::optional<std::int64_t> BytesOf(const Caches& caches, const crds::Backup& backup,
                                    const std::string& snapshot) {
  if (const auto* volume = VolumeWith(backup, snapshot)) return volume->bytes;
  const std::string policy = backup.metadata.namespace_ + "/" + backup.spec.policy;
  for (const auto& [key, other] : caches.backups.Find(index::kPolicy, policy))
    if (const auto* volume = VolumeWith(*other, snapshot)) return volume->bytes;
  return std::nullopt;
}

}  // namespace

Restores RestoresFrom(const Caches& caches, const kube::ObjectKey& repository) {
  Restores past;
  for (auto& [key, restore] : caches.restores.Find(index::kRepository, kube::ToString(repository)))
    past.push_back(restore);
  return past;
}

std::optional<Prospect> LookAhead(const Caches& caches, const crds::Restore& restore) {
  const crds::RestoreStatus& status = restore.status;
  if (status.backup.empty() || status.volumes.empty()) return std::nullopt;
  const std::string& ns = restore.metadata.namespace_;
  const auto backup = caches.backups.Get({ns, status.backup});
  const auto repository = caches.repositories.Get({ns, status.repository});
  if (backup == nullptr || repository == nullptr) return std::nullopt;
  Prospect prospect;
  for (const crds::VolumeRestore& volume : status.volumes) {
    const auto bytes = BytesOf(caches, *backup, volume.snapshot);
    if (!bytes) return std::nullopt;
    prospect.load.volumes.push_back(*bytes);
  }
  prospect.load.slots = repository->spec.limits.concurrent_movers;
  prospect.load.in_place = !restore.spec.target.stateful_set.empty();
  prospect.pace = PaceOf(*repository, backup.get(), RestoresFrom(caches, {ns, status.repository}),
                         restore.spec.target.stateful_set);
  return prospect;
}

}  // namespace holdfast::controllers::restore
