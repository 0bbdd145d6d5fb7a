// The Jobs that prune and check a repository. Pure.
#pragma once

#include "base/json.h"
#include "controllers/repository/decide.h"
#include "controllers/settings.h"

namespace holdfast::controllers::repository {

Result<Json> BuildChoreJob(const crds::BackupRepository& repository, const ChoreStart& start,
                           const Settings& settings);

}  // namespace holdfast::controllers::repository
