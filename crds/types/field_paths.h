// Which fields the types of this folder have, as paths: "spec.target.statefulSet",
// "status.volumes[].claim". To compare with the schema that an API server serves.
#pragma once

#include <set>
#include <string>

namespace holdfast::crds {

// Of spec and status. Defined for BackupRepository, BackupPolicy, Backup and Restore only.
template <typename Kind>
std::set<std::string> FieldPaths();

}  // namespace holdfast::crds
