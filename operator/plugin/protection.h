// A workload, the policy that protects it, and the policy's Backups: what several commands begin
// with.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "controllers/views.h"
#include "crds/types/backup.h"
#include "crds/types/backup_policy.h"
#include "operator/plugin/options.h"
#include "operator/plugin/session.h"

namespace holdfast::plugin {

struct Protection {
  crds::BackupPolicy policy;
  std::optional<controllers::StatefulSetView> set;  // of sts/NAME, where it exists
};

// Of sts/NAME or bkp/NAME; a name alone is a StatefulSet's.
Result<Protection> FindProtection(const Session& session, const std::string& what,
                                  const std::string& policy);

Result<std::optional<controllers::StatefulSetView>> FindStatefulSet(const Session& session,
                                                                    const std::string& name);

// What can be read: snapshots of one repository.
struct ReadableSnapshots {
  std::string repository;
  std::string description;  // "Backup nightly-1"
  std::vector<crds::VolumeBackup> volumes;
};

// All volumes of the Backup that the source means, or the one snapshot.
Result<ReadableSnapshots> FindSnapshots(const Session& session, const FileSource& source);

// The BackupRepository that is named, or the namespace's only one.
Result<std::string> RepositoryOf(const Session& session, const std::string& name);

}  // namespace holdfast::plugin
