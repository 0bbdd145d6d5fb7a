// The copies of a Backup in further repositories (a policy's copyTo), once the Backup itself is
// done. Pure.
//
// status.copies is written when the run ends, so that what is owed is known whatever becomes of the
// policy. Each copy is a Job that reads one repository and writes the other. A copy that fails is
// tried again, later each time, for as long as the Backup exists; it never changes how the Backup
// itself ended. Copying is repeatable: what is there already is passed over.
#pragma once

#include <string>

#include "base/json.h"
#include "controllers/backup/decide.h"
#include "controllers/settings.h"

namespace holdfast::controllers::backup {

inline constexpr const char* kCopyVerb = "copy";

// What a run that has just ended owes: a copy in each of the policy's copyTo, if there is anything
// to copy.
void OweCopies(const crds::BackupPolicy& policy, crds::BackupStatus& status);

// Whether any copy is still to be made.
bool OwesCopies(const crds::BackupStatus& status);
// Whether a Job is to be made for it now, as far as its own past is concerned: one that failed
// waits, but not longer than until its repository has become ready again. `destination` may be
// nullptr.
bool IsDue(const crds::BackupCopy& copy, const crds::BackupRepository* destination, TimePoint now);

// Follows the Jobs of world.copies in the plan's status, starts what is due and free to start, and
// says what the others wait for.
void DecideCopies(const World& world, Plan& plan);

// The Job of the copy's last attempt; with no attempt yet, of its first.
std::string CopyJobName(const crds::Backup& backup, const crds::BackupCopy& copy);
Result<Json> BuildCopyJob(const crds::Backup& backup, const crds::BackupCopy& copy,
                          const crds::BackupRepository& source,
                          const crds::BackupRepository& destination, const Settings& settings);

}  // namespace holdfast::controllers::backup
