// Prune and check of a repository, each on its own schedule (spec.prune, spec.check; cron in UTC).
// Pure.
//
// At most one of the two runs at a time. Runs that were missed are caught up by one. The last Job
// of each sort stays until the next is made: what it said can be read again after a restart.
#pragma once

#include <string>

#include "controllers/repository/decide.h"
#include "controllers/schedule.h"

namespace holdfast::controllers::repository {

// "prune" or "check": the value of kVerbLabel on the Job.
std::string VerbOf(Chore chore);

// Adds to `plan` what the schedules ask for: Jobs to start and to remove, what the last ones said
// in the status, and when to look again. A repository that is not Ready starts nothing.
void DecideUpkeep(const World& world, Plan& plan);

// For what a repository does on schedule: H in `cron` stands for values of its own for each `verb`.
Result<Schedule> ScheduleOf(const crds::BackupRepository& repository, const std::string& cron,
                            const std::string& verb);
// The due time that has passed since `last`, or since the repository was made; nullopt for none.
std::optional<TimePoint> DueRun(const Schedule& schedule, const World& world,
                                std::optional<TimePoint> last);
// "20260801-1200": the same for the same due time, whoever computes it.
std::string Stamp(TimePoint due);

// Enters until when the store holds what is in use, as the mover found it.
void NoteLock(const protocol::MoverResult& result, crds::BackupRepositoryStatus& status);

// A sentence for a schedule that can never work; empty for none.
std::string InvalidSchedule(const crds::BackupRepository& repository);

}  // namespace holdfast::controllers::repository
