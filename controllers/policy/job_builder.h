// The Job that applies a policy's retention to one claim. Pure.
#pragma once

#include "controllers/policy/decide.h"
#include "controllers/settings.h"

namespace holdfast::controllers::policy {

// `start` as Decide gave it; world.repository must be there.
Result<Json> BuildForgetJob(const World& world, const ForgetStart& start, const Settings& settings);

}  // namespace holdfast::controllers::policy
