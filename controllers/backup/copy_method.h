// Which copy method a volume gets: what the policy asks for against what its storage can do. Pure.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include <tl/expected.hpp>

#include "controllers/policy/check.h"
#include "controllers/views.h"
#include "crds/types/backup_policy.h"

namespace holdfast::controllers::backup {

// What the cluster's storage can do, as far as the operator may read it: classes and drivers belong
// to the cluster, and an operator of single namespaces may not be allowed to.
struct StorageView {
  bool snapshots_served = false;  // the API server knows VolumeSnapshots
  bool groups_served = false;     // and VolumeGroupSnapshots; asked only for several volumes
  // nullopt: not readable.
  std::optional<std::vector<VolumeSnapshotClassView>> snapshot_classes;
  std::optional<std::vector<VolumeSnapshotClassView>> group_classes;
  std::optional<std::vector<StorageClassView>> storage_classes;
  std::optional<std::vector<std::string>> csi_drivers;
  std::vector<ClaimView> claims;  // all of the namespace
};

struct Choice {
  crds::CopyMethod method = crds::CopyMethod::kDirect;
  std::string snapshot_class;  // empty: the cluster's default
  std::string reason;          // why, for Auto

  friend bool operator==(const Choice&, const Choice&) = default;
};

// What keeps a Backup from running, when what is asked for cannot be had. Direct never replaces a
// Snapshot that was asked for; Auto takes Direct and says why, and never takes Clone, because
// whether a driver can clone is known only once it was tried.
tl::expected<Choice, Finding> ChooseCopyMethod(const crds::BackupPolicySpec& spec,
                                               const ClaimView& claim, const StorageView& storage);

// The CSI driver of a claim's volume; empty when it is not known.
std::string DriverOf(const ClaimView& claim, const StorageView& storage);

// Why there is no VolumeGroupSnapshotClass. What the policy names has to be there: that is told.
struct NoGroupClass {
  std::string fact;
  std::optional<Finding> told;
};

// The VolumeGroupSnapshotClass of the claim's driver: that which the policy names, else the default
// one, or the only one.
tl::expected<std::string, NoGroupClass> ChooseGroupClass(const crds::BackupPolicySpec& spec,
                                                         const ClaimView& claim,
                                                         const StorageView& storage);

// The StorageClass of the staged claim.
const std::string& StagingClassOf(const crds::BackupPolicySpec& spec, const ClaimView& claim);

}  // namespace holdfast::controllers::backup
