// The Job that opens a repository.
#pragma once

#include "base/error.h"
#include "base/json.h"
#include "controllers/repository/decide.h"

namespace holdfast::controllers::repository {

// Without retries of its own: when to try again is decided by what the probe said.
// One that may create the repository cuts its files as `chunker_from` does, unless that is nullptr.
Result<Json> BuildProbeJob(const crds::BackupRepository& repository,
                           const crds::BackupRepository* chunker_from, const ProbeStart& start,
                           const Settings& settings);

}  // namespace holdfast::controllers::repository
